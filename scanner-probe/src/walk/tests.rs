//! What changes while it is walked.

use std::{
    fs,
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
    let selector = FileSelector {
        name: vec!["secret-*".into()],
        ..FileSelector::default()
    };
    let root = Root::open(dir.path()).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                fs::rename(&one, &other).unwrap();
                fs::rename(&other, &one).unwrap();
            }
        });
        let passes = (0..20_000).filter(|_| {
            let mut out = Vec::new();
            let gaps = walk(&root, &[&selector], false, &mut out).unwrap();
            let seen = out.windows(7).any(|part| part == b"secret-");
            !seen && gaps.is_empty()
        });
        let passes = passes.count();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(passes, 0, "walks that missed it and did not say so");
    });
}

#[test]
fn what_is_gone_is_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "").unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&a).unwrap());
    let root = Root::open(dir.path()).unwrap();
    let selectors = [];
    let mut walk = Walk {
        root: &root,
        selectors: &selectors,
        stays: false,
        gaps: Gaps::default(),
        seen: 0,
        searches: 0,
    };
    let mut look = |name| walk.look(&root.dir, name, inode);
    let name = |found: Result<Option<(Cow<'_, CStr>, Stat)>, Errno>| {
        found.map(|found| found.map(|(name, _)| name.into_owned()))
    };
    assert_eq!(name(look(c"a")), Ok(Some(c"a".to_owned())));
    fs::rename(&a, &b).unwrap();
    assert_eq!(name(look(c"a")), Ok(Some(c"b".to_owned())));
    fs::remove_file(&b).unwrap();
    assert_eq!(name(look(c"a")), Ok(None));
    walk.searches = MAX_SEARCHES;
    assert_eq!(name(walk.look(&root.dir, c"a", inode)), Err(Errno::NOENT));
}
