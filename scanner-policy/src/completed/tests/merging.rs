//! Whatever a container answers: its answer stays as it is, and nothing comes from the image where it must not.

use std::collections::BTreeSet;

use proptest::prelude::*;
use scanner_core::inventory::FilePath;

use super::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What is random about a case.
#[derive(Debug, Clone)]
struct Case {
    /// The image.
    image: Vec<FileEntry>,
    /// Directories that the container's user may not look into.
    shut: Vec<FilePath>,
    /// Entries of the rest that are not as in the image.
    changed: Vec<(usize, Change)>,
    mounts: Vec<FilePath>,
    /// Directories that could not be read in the image.
    blind: Vec<FilePath>,
    /// Paths that the engine names, or walks from where its bool says so: there, in no directory, or beyond a link.
    asked: Vec<(FilePath, bool)>,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Written,
    Owned,
    Gone,
    Added,
}

/// A tree three levels deep, in which each name is a file, a link or a directory.
fn tree() -> impl Strategy<Value = Vec<FileEntry>> {
    prop::collection::vec(0..4_u8, 39).prop_map(|kinds| {
        let mut kinds = kinds.into_iter();
        let mut all = vec![directory("/", 0o755)];
        let mut next = vec![String::new()];
        for _ in 0..3 {
            let mut below = Vec::new();
            for dir in &next {
                for name in NAMES {
                    let path = format!("{dir}/{name}");
                    match kinds.next() {
                        Some(0) => all.push(file(&path, 0o644, "a")),
                        Some(1) => all.push(link(&path, "/elsewhere")),
                        Some(_) => {
                            all.push(directory(&path, 0o755));
                            below.push(path);
                        }
                        None => {}
                    }
                }
            }
            next = below;
        }
        all
    })
}

fn case() -> impl Strategy<Value = Case> {
    let change = prop_oneof![
        Just(Change::Written),
        Just(Change::Owned),
        Just(Change::Gone),
        Just(Change::Added)
    ];
    let some = || prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let changed = prop::collection::vec((any::<prop::sample::Index>(), change), 0..3);
    let asked = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    let all = (tree(), some(), changed, some(), some(), asked);
    all.prop_map(|(image, shut, changed, mounts, blind, asked)| {
        let dirs: Vec<FilePath> = image
            .iter()
            .filter(|file| file.kind == FileKind::Directory && file.path != "/")
            .map(|file| file.path.clone())
            .collect();
        let pick = |some: Vec<prop::sample::Index>| {
            let all = some.iter().filter(|_| !dirs.is_empty());
            all.map(|index| index.get(&dirs).clone()).collect()
        };
        let at = |index: prop::sample::Index| index.index(image.len());
        let asked = asked.into_iter();
        let asked = asked.map(|(index, walks)| {
            let path = &image[at(index)].path;
            // What is there, or a name below it.
            match index.index(3) {
                0 => (path.clone(), walks),
                _ => (path.join(&"named".into()), walks),
            }
        });
        Case {
            asked: asked.collect(),
            shut: pick(shut),
            mounts: pick(mounts),
            blind: pick(blind),
            changed: changed.into_iter().map(|(i, c)| (at(i), c)).collect(),
            image,
        }
    })
}

fn is_inside(path: &FilePath, dirs: &[FilePath]) -> bool {
    dirs.iter().any(|dir| path.is_below(dir) && path != dir)
}

impl Case {
    /// The container as it is, whoever looks at it.
    fn container(&self) -> Vec<FileEntry> {
        let mut files = self.image.clone();
        for (at, change) in &self.changed {
            let path = self.image[*at].path.clone();
            match change {
                Change::Written => files.iter_mut().filter(|f| f.path == path).for_each(|f| {
                    f.modified = Some(1);
                    f.size += 1;
                }),
                Change::Owned => {
                    files
                        .iter_mut()
                        .filter(|f| f.path == path)
                        .for_each(|f| f.uid = 7);
                }
                Change::Gone if path != "/" => files.retain(|f| !f.path.is_below(&path)),
                Change::Added => {
                    let mut new = file("/", 0o755, "f");
                    new.path = path.join(&"new".into());
                    files.push(new);
                }
                Change::Gone => {}
            }
        }
        files
    }

    /// What the engine asks for beside all files.
    fn request(&self) -> InventoryRequest {
        let mut request = everything();
        request.files.extend(self.asked.iter().map(|(path, walks)| {
            let path = vec![path.to_text()];
            let (paths, under) = if *walks {
                (vec![], path)
            } else {
                (path, vec![])
            };
            FileSelector {
                paths,
                under,
                ..FileSelector::default()
            }
        }));
        request
    }

    /// Whether a link of the image leads there.
    fn is_beyond_a_link(&self, path: &FilePath) -> bool {
        let mut links = self
            .image
            .iter()
            .filter(|file| file.kind == FileKind::Symlink);
        links.any(|link| path.is_below(&link.path) && *path != link.path)
    }

    /// What an agent says of the names that lie beyond links, which it follows on its way there.
    fn beyond_links(&self) -> impl Iterator<Item = FileEntry> {
        let named: BTreeSet<&FilePath> = self.asked.iter().map(|(path, _)| path).collect();
        let beyond = named.into_iter().filter(|path| self.is_beyond_a_link(path));
        beyond.map(|path| file(path.as_text(), 0o644, "b"))
    }

    fn answer(&self) -> Inventory {
        let mut files = self.container();
        // A link may lead to a volume of the container, which has another file there.
        files.extend(self.beyond_links().map(|file| FileEntry { uid: 5, ..file }));
        files.retain(|file| !is_inside(&file.path, &self.shut));
        let there: Vec<FilePath> = files.iter().map(|file| file.path.clone()).collect();
        let shut = self.shut.iter().filter(|dir| there.contains(dir));
        let gaps: BTreeSet<FilePath> = shut.cloned().collect();
        let mut one = container(files, gaps.iter().map(|path| self::shut(path.as_text())));
        let Collected::Complete { data } = &mut one.mounts else {
            panic!("mounts")
        };
        data.extend(self.mounts.iter().map(|path| mount(path.as_text(), "rw")));
        one
    }

    fn read(&self) -> Inventory {
        let mut files = self.image.clone();
        files.extend(self.beyond_links());
        files.retain(|file| !is_inside(&file.path, &self.blind));
        let gaps = self.blind.iter().map(|path| shut(path.as_text()));
        Inventory {
            files: Collected::with_gaps(files, gaps.collect()),
            ..Inventory::default()
        }
    }
}

proptest! {
    #[test]
    fn what_the_container_answered_stays_and_the_image_never_speaks_for_what_is_not_its_own(case in case()) {
        let answer = case.answer();
        let (given, _) = completed_with(&case.request(), &case.read(), &answer);
        let own = answer.files.data().expect("files");
        let all = given.files.data().expect("files");
        // Nothing that the container said is removed, altered or said again.
        prop_assert_eq!(&all[..own.len()], &own[..]);
        for more in &all[own.len()..] {
            let is_named = case.asked.iter().any(|(path, _)| *path == more.path);
            let is_there = case.image.iter().any(|file| file.path == more.path);
            let is_none = is_named && !more.exists && !is_there;
            prop_assert!(case.image.contains(more) || is_none, "{:?}", more);
            prop_assert!(!case.is_beyond_a_link(&more.path), "{:?}", more);
            prop_assert!(own.iter().all(|file| file.path != more.path), "{:?}", more);
            prop_assert!(is_inside(&more.path, &case.shut), "{:?}", more);
            let mounted = case.mounts.iter().any(|target| more.path.is_below(target));
            prop_assert!(!mounted, "{:?}", more);
            prop_assert!(!is_inside(&more.path, &case.blind), "{:?}", more);
        }
        // Each shut place is a gap still, or all of it came.
        let gaps = places(&given);
        for was in &case.image {
            let stays = gaps.iter().any(|gap| was.path.is_below(gap));
            let came = all.iter().any(|file| file.path == was.path);
            let hidden = is_inside(&was.path, &case.shut);
            let visible = case.container().iter().any(|file| file.path == was.path);
            prop_assert!(!hidden || stays || came || !visible, "{:?} is lost", was.path);
        }
        // So is all that is asked for by a name that a link of the image leads elsewhere.
        for (path, walks) in &case.asked {
            let is_link = case.image.iter().any(|file| file.path == *path && file.kind == FileKind::Symlink);
            let elsewhere = case.is_beyond_a_link(path) || (*walks && is_link);
            let hidden = places(&answer).iter().any(|place| path.is_below(place));
            let stays = gaps.iter().any(|gap| path.is_below(gap));
            prop_assert!(!(hidden && elsewhere) || stays, "{:?}", path);
        }
        // What neither showed is a gap still.
        for blind in &case.blind {
            let refused = places(&answer);
            let within = refused.iter().any(|place| blind.is_below(place));
            prop_assert!(!within || gaps.iter().any(|gap| blind.is_below(gap)), "{:?}", blind);
        }
    }
}

fn places(answer: &Inventory) -> Vec<FilePath> {
    match answer.files.coverage() {
        Coverage::Partial { gaps } => gaps.iter().filter_map(|gap| gap.path.clone()).collect(),
        _ => Vec::new(),
    }
}
