//! What a selection keeps, and the names of sections.

use super::*;

fn file(path: &str, mode: i64) -> FileEntry {
    FileEntry {
        path: path.into(),
        kind: FileKind::File,
        exists: true,
        mode,
        ..FileEntry::default()
    }
}

#[test]
fn every_section_is_found_by_its_name() {
    for section in Section::ALL {
        assert_eq!(Section::from_name(section.name()), Some(section));
    }
    assert_eq!(Section::from_name("nonsense"), None);
}

#[test]
fn selector_needs_every_condition() {
    let selector = FileSelector {
        under: vec!["/usr".into()],
        mode_any: Some("6000".into()),
        name: vec!["su*".into()],
        ..FileSelector::default()
    };
    assert!(selector.matches(&file("/usr/bin/sudo", 0o4755)));
    assert!(!selector.matches(&file("/usr/bin/sudo", 0o755)));
    assert!(!selector.matches(&file("/usrx/bin/sudo", 0o4755)));
    assert!(!selector.matches(&file("/usr/bin/mount", 0o4755)));
}

#[test]
fn a_walk_finds_only_what_is_there() {
    let walk = FileSelector::default();
    let named = FileSelector {
        paths: vec!["/etc/x".into()],
        ..FileSelector::default()
    };
    let absent = FileEntry {
        exists: false,
        ..file("/etc/x", 0)
    };
    assert!(named.matches(&absent) && !walk.matches(&absent));
}

#[test]
fn a_link_and_what_it_leads_to_are_two_entries() {
    let entry = |kind, exists, followed| FileEntry {
        exists,
        kind,
        followed,
        ..file("/etc/x", 0o644)
    };
    let link = entry(FileKind::Symlink, true, false);
    let target = entry(FileKind::File, true, true);
    let nowhere = entry(FileKind::File, false, true);
    let plain = entry(FileKind::File, true, false);
    let absent = entry(FileKind::File, false, false);
    let named = |follow| FileSelector {
        paths: vec!["/etc/x".into()],
        follow,
        ..FileSelector::default()
    };
    let walk = FileSelector::default();
    for (entry, itself, followed, walked) in [
        (&link, true, false, true),
        (&target, false, true, false),
        (&nowhere, false, true, false),
        (&plain, true, true, true),
        (&absent, true, true, false),
    ] {
        assert_eq!(named(false).matches(entry), itself, "{entry:?}");
        assert_eq!(named(true).matches(entry), followed, "{entry:?}");
        assert_eq!(walk.matches(entry), walked, "{entry:?}");
    }
}
