//! What changes while it is walked.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::*;

#[test]
fn a_file_that_is_renamed_all_the_time_is_seen_or_missing() {
    let dir = tempfile::tempdir().unwrap();
    // So few that the kernel lists all of them at once.
    for number in 0..8 {
        fs::write(dir.path().join(format!("file-{number}")), "").unwrap();
    }
    let (one, other) = (dir.path().join("secret-a"), dir.path().join("secret-b"));
    fs::write(&one, "").unwrap();
    let missed = missed(dir.path(), "secret-", 60, || {
        fs::rename(&one, &other).unwrap();
        fs::rename(&other, &one).unwrap();
    });
    assert_eq!(missed, 0, "walks that missed it and did not say so");
}

/// Walks of a directory in which a thread does something without end, and that neither saw `name` nor said that something is
/// missing.
fn missed(dir: &Path, name: &str, walks: usize, change: impl Fn() + Sync) -> usize {
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
        let passes = (0..walks).map(|_| {
            let mut out = Vec::new();
            let gaps = walk(&root, &[&selector], false, &mut out)?;
            let text = String::from_utf8_lossy(&out);
            Ok(usize::from(!text.contains(name) && gaps.is_empty()))
        });
        let passes: io::Result<usize> = passes.sum();
        is_done.store(true, Ordering::Relaxed);
        passes.unwrap()
    })
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
    let missed = missed(dir.path(), "secret-", 30, || {
        for pair in names.windows(2) {
            fs::rename(&pair[0], &pair[1]).unwrap();
        }
        fs::rename(&names[399], &names[0]).unwrap();
    });
    assert_eq!(missed, 0, "walks that missed it and did not say so");
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
        let opened = root.resolve("/", OFlags::DIRECTORY | OFlags::RDONLY);
        let (dir, mut out) = (opened.unwrap(), Changing(change));
        let stat = fstat(&dir).unwrap();
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

/// Does something whenever a line is written.
struct Changing<'a>(&'a mut dyn FnMut());

impl Write for Changing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)();
        Ok(bytes.len())
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
        let dir = root.resolve("/", OFlags::DIRECTORY | OFlags::RDONLY);
        let dir = dir.unwrap();
        let stat = fstat(&dir).unwrap();
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
    Walk {
        root,
        selectors,
        stays: false,
        gaps: Gaps::default(),
        seen: 0,
        searches: 0,
        held: 0,
    }
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
