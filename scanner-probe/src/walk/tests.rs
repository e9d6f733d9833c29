//! Trees that change during a walk.

mod moved;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{state::MAX_HELD, *};

#[test]
fn a_file_that_is_renamed_all_the_time_is_seen_by_the_name_that_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let place = |file: usize, round: usize| dir.path().join(format!("secret-{file}-{round}"));
    for file in 0..8 {
        fs::write(place(file, 0), "").unwrap();
    }
    let root = Root::open(dir.path()).unwrap();
    let selector = FileSelector::default();
    let selectors = [&selector];
    // A walk of a directory whose names change all the time has a gap, whatever becomes of its entries.
    let mut walk = walk_of(&root, &selectors);
    let (open, stat) = opened(&root);
    let names = Listing::of(&open, &stat).part(usize::MAX).unwrap();
    let mut round = 0;
    let mut rename = || {
        for file in 0..8 {
            fs::rename(place(file, round), place(file, round + 1)).unwrap();
        }
        round += 1;
    };
    rename();
    let mut out = Changing::new(&mut rename);
    walk.entries(&names, (&open, stat.st_dev), &mut Vec::new(), 0, &mut out)
        .unwrap();
    let text = String::from_utf8(out.text).unwrap();
    for file in 0..8 {
        assert!(text.contains(&format!("/secret-{file}-")), "{text}");
    }
    assert!(!text.contains("-0\n") && walk.gaps.is_empty(), "{text}");
}

fn opened(root: &Root) -> (OwnedFd, Stat) {
    let dir = root.resolve("/", OFlags::DIRECTORY | OFlags::RDONLY);
    let dir = dir.unwrap();
    let stat = fstat(&dir).unwrap();
    (dir, stat)
}

/// How often a directory in which a thread does something without end is read so that neither `name` is seen nor something
/// missing.
fn missed(
    dir: &Path,
    name: &str,
    times: usize,
    change: impl Fn() + Sync,
    read: impl Fn(&Root, &[&FileSelector], &mut Vec<u8>) -> Gaps,
) -> usize {
    let selector = FileSelector {
        name: vec![format!("{name}*")],
        ..FileSelector::default()
    };
    let root = Root::open(dir).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                change();
            }
        });
        let missed = |_: &usize| {
            let mut out = Vec::new();
            let gaps = read(&root, &[&selector], &mut out);
            !String::from_utf8_lossy(&out).contains(name) && gaps.is_empty()
        };
        let missed = (0..times).filter(missed).count();
        is_done.store(true, Ordering::Relaxed);
        missed
    })
}

#[test]
fn a_directory_that_changes_for_a_while_is_listed_until_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let selector = FileSelector::default();
    let selectors = [&selector];
    let listed_again = |lasts: Duration| {
        let mut walk = Walk {
            // What was looked for elsewhere takes nothing from it.
            searches: MAX_SEARCHES,
            ..walk_of(&root, &selectors)
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let began = Instant::now();
                while began.elapsed() < lasts {
                    fs::write(dir.path().join("new"), "").unwrap();
                    fs::remove_file(dir.path().join("new")).unwrap();
                }
            });
            let (dir, stat) = opened(&root);
            walk.enter(&dir, &stat, &mut Vec::new(), 0, &mut io::sink())
                .unwrap();
        });
        (walk.listings, walk.gaps.is_empty())
    };
    // A busy machine may miss the one or the other.
    let rounds = |lasts: u64, wanted: (u32, bool)| {
        let mut rounds = (0..50).map(|_| listed_again(Duration::from_millis(lasts)));
        rounds.any(|(again, is_whole)| {
            assert!(again <= MAX_LISTINGS);
            again >= wanted.0 && is_whole == wanted.1
        })
    };
    assert!(rounds(30, (2, true)));
    assert!(rounds(300, (MAX_LISTINGS, false)));
}

#[test]
fn a_name_that_moves_within_a_large_directory_is_seen_or_missing() {
    let dir = tempfile::tempdir().unwrap();
    // So many that the kernel lists them in several parts.
    for number in 0..4000 {
        fs::write(dir.path().join(format!("file-{number}")), "").unwrap();
    }
    let names: Vec<PathBuf> = (0..400)
        .map(|number| dir.path().join(format!("secret-{number}")))
        .collect();
    fs::write(&names[0], "").unwrap();
    let rename = || {
        for pair in names.windows(2) {
            fs::rename(&pair[0], &pair[1]).unwrap();
        }
        fs::rename(&names[399], &names[0]).unwrap();
    };
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&names[0]).unwrap());
    let walks = |root: &Root, selectors: &[&FileSelector], out: &mut Vec<u8>| {
        walk(root, selectors, false, out).unwrap()
    };
    let walks = missed(dir.path(), "secret-", 30, rename, walks);
    assert_eq!(walks, 0, "walks that missed it and did not say so");
    // It is always there, by some name.
    let looks = |root: &Root, selectors: &[&FileSelector], _: &mut Vec<u8>| {
        let mut walk = Walk {
            // Nobody waits.
            listings: MAX_SEARCHES,
            ..walk_of(root, selectors)
        };
        match walk.look(&root.dir, c"before", inode).unwrap() {
            Found::Gone => Gaps::default(),
            _ => Gap::new(GapKind::Vanished).into(),
        }
    };
    let looks = missed(dir.path(), "secret-", 300, rename, looks);
    assert_eq!(looks, 0, "looks that took it for gone");
}

#[test]
fn a_directory_that_is_left_alone_is_whole_and_one_that_changes_once_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret-a"), "").unwrap();
    let root = Root::open(dir.path()).unwrap();
    let selector = FileSelector::default();
    // Its names changed in this very moment, and not while it is walked.
    let mut out = Vec::new();
    let gaps = walk(&root, &[&selector], false, &mut out).unwrap();
    assert!(gaps.is_empty(), "{gaps}");
    assert_eq!(String::from_utf8_lossy(&out).lines().count(), 2);
}

#[test]
fn a_large_directory_that_changes_while_it_is_read_in_parts_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..3000 {
        fs::write(dir.path().join(format!("file-{number}")), "").unwrap();
    }
    let root = Root::open(dir.path()).unwrap();
    let selector = FileSelector::default();
    let selectors = [&selector];
    let gaps_of = |change: &mut dyn FnMut()| {
        // In this very moment, before it is walked.
        fs::write(dir.path().join("new"), "").unwrap();
        fs::remove_file(dir.path().join("new")).unwrap();
        let mut walk = Walk {
            // As where the directories above it have names enough.
            held: MAX_HELD,
            ..walk_of(&root, &selectors)
        };
        let ((dir, stat), mut out) = (opened(&root), Changing::new(change));
        walk.enter(&dir, &stat, &mut Vec::new(), 0, &mut out)
            .unwrap();
        walk.gaps
    };
    assert!(gaps_of(&mut || {}).is_empty());
    let (from, to) = (dir.path().join("file-7"), dir.path().join("file-x"));
    let gaps = gaps_of(&mut || drop(fs::rename(&from, &to)));
    let found: Vec<_> = gaps
        .iter()
        .map(|gap| (gap.kind, gap.path.clone()))
        .collect();
    assert_eq!(found, [(GapKind::Vanished, Some("/".into()))]);
}

/// Keeps what is written, and does something whenever there is more of it.
struct Changing<'a> {
    text: Vec<u8>,
    change: &'a mut dyn FnMut(),
}

impl<'a> Changing<'a> {
    fn new(change: &'a mut dyn FnMut()) -> Self {
        Self {
            text: Vec::new(),
            change,
        }
    }
}

impl Write for Changing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.change)();
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn one_of_several_links_that_is_renamed_is_a_gap_at_its_listed_name() {
    for other in ["0-link", "z-link", "sub/link"] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        let (a, b) = (dir.path().join("secret-a"), dir.path().join("secret-b"));
        fs::write(&a, "").unwrap();
        fs::hard_link(&a, dir.path().join(other)).unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&a).unwrap());
        let root = Root::open(dir.path()).unwrap();
        let selector = FileSelector::default();
        let selectors = [&selector];
        let mut walk = walk_of(&root, &selectors);
        let (dir, stat) = opened(&root);
        let names = Listing::of(&dir, &stat).part(usize::MAX).unwrap();
        fs::rename(&a, &b).unwrap();
        let found = walk.look(&dir, c"secret-a", inode).unwrap();
        assert!(matches!(found, Found::Linked), "{other}: {found:?}");
        let mut out = Vec::new();
        walk.entries(&names, (&dir, stat.st_dev), &mut Vec::new(), 0, &mut out)
            .unwrap();
        let gaps: Vec<_> = walk.gaps.iter().map(|g| (g.kind, g.path.clone())).collect();
        let expected = (GapKind::Vanished, Some("/secret-a".into()));
        assert_eq!(gaps, [expected], "{other}");
    }
}

fn walk_of<'a>(root: &'a Root, selectors: &'a [&'a FileSelector]) -> Walk<'a> {
    Walk::new(root, selectors, false)
}

#[test]
fn what_is_gone_is_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "").unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&a).unwrap());
    let root = Root::open(dir.path()).unwrap();
    let selectors = [];
    let mut walk = walk_of(&root, &selectors);
    let mut name = |name| {
        let found = walk.look(&root.dir, name, inode).unwrap();
        match found {
            Found::There(name, _) => Some(name.into_owned()),
            Found::Gone => None,
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(name(c"a"), Some(c"a".to_owned()));
    fs::rename(&a, &b).unwrap();
    assert_eq!(name(c"a"), Some(c"b".to_owned()));
    fs::remove_file(&b).unwrap();
    assert_eq!(name(c"a"), None);
    walk.searches = MAX_SEARCHES;
    let found = walk.look(&root.dir, c"a", inode).unwrap();
    assert!(matches!(found, Found::Restless), "{found:?}");
}
