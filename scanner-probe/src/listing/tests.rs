//! A change of names while a directory is listed is noticed, and nothing else.

use std::{collections::BTreeSet, fs, path::Path};

use rustix::fs::{Mode, OFlags, open};

use super::*;

fn opened(path: &Path) -> OwnedFd {
    open(path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap()
}

fn listing(dir: &OwnedFd) -> Listing<'_> {
    Listing::of(dir, &fstat(dir).unwrap())
}

/// Waits until a change would be seen by the time of the last one.
fn settle() {
    thread::sleep(2 * TICK);
}

#[test]
fn every_name_is_listed_once_in_parts_of_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let names: BTreeSet<String> = (0..3000).map(|number| format!("name-{number}")).collect();
    for name in &names {
        fs::write(dir.path().join(name), "").unwrap();
    }
    settle();
    let dir = opened(dir.path());
    for (room, parts) in [(usize::MAX, 1), (0, 4), (1, 4), (40_000, 2)] {
        seek(&dir, SeekFrom::Start(0)).unwrap();
        let mut listing = listing(&dir);
        let (mut seen, mut count) = (Vec::new(), 0);
        loop {
            let part = listing.part(room).unwrap();
            seen.extend(part.iter().map(|(_, n)| n.to_str().unwrap().to_owned()));
            count += 1;
            if part.is_last {
                break;
            }
        }
        assert!(count >= parts, "{room}: {count} parts");
        assert_eq!(seen.len(), names.len(), "{room}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), names);
        assert!(listing.is_steady().unwrap(), "{room}");
    }
}

#[test]
fn a_name_that_changes_after_the_first_was_read_is_noticed() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |dir| fs::rename(dir.join("a"), dir.join("b")).unwrap(),
        |dir| fs::write(dir.join("new"), "").unwrap(),
        |dir| fs::remove_file(dir.join("a")).unwrap(),
    ];
    for change in changes {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("a"), "").unwrap();
        settle();
        let dir = opened(at.path());
        let mut listing = listing(&dir);
        assert!(listing.part(usize::MAX).unwrap().is_last);
        // What is in a file, and who reads the directory, is no change of names.
        fs::write(at.path().join("a"), "more").unwrap();
        assert!(listing.is_steady().unwrap());
        change(at.path());
        assert!(!listing.is_steady().unwrap());
        assert!(listing.again().unwrap());
        assert!(listing.part(usize::MAX).unwrap().is_last);
        assert!(listing.is_steady().unwrap());
    }
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_never_taken_for_none() {
    let at = tempfile::tempdir().unwrap();
    let dir = opened(at.path());
    for round in 0..50 {
        fs::write(at.path().join("x"), "").unwrap();
        let listing = listing(&dir);
        fs::rename(at.path().join("x"), at.path().join("y")).unwrap();
        assert!(!listing.is_steady().unwrap(), "round {round}");
    }
}

#[test]
fn the_time_of_another_clock_is_compared_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let dir = opened(dir.path());
    let mut listing = listing(&dir);
    listing.began = (1000, 0);
    let (hour, now) = (3600, now());
    assert!(!listing.may_hide((999, 979_999_999)));
    assert!(listing.may_hide((999, 980_000_001)));
    assert!(listing.may_hide((1000, 0)) && listing.may_hide(now));
    assert!(!listing.may_hide((now.0 + hour, 0)));
}

#[test]
fn a_time_of_whole_seconds_hides_changes_for_seconds_and_nobody_waits_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = opened(dir.path());
    let mut listing = listing(&dir);
    listing.began = (1000, 500_000_000);
    // Two seconds before it began, no time within them was another one.
    assert!(listing.may_hide((1000, 0)) && listing.may_hide((999, 0)));
    assert!(!listing.may_hide((998, 0)) && !listing.may_hide((997, 0)));
    let short = TICK + Duration::from_millis(1);
    for (last, wait) in [
        ((1000, 1), Some(short)),
        ((999, 1), Some(Duration::ZERO)),
        ((1000, 0), None),
        ((999, 0), None),
        ((998, 0), Some(Duration::ZERO)),
        ((5000, 0), Some(Duration::ZERO)),
    ] {
        assert_eq!(until_shown(last, (1000, 15_000_000)), wait, "{last:?}");
    }
}
