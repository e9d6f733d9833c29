//! The probe over hostile roots, read back by the reader of every agent.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use scanner_inventory::{
    Collected, Coverage, FileKind, FileSelector, Gap, GapKind, Inventory, parse,
};

use super::*;

mod homes;
mod hostile;
mod language;
mod packages;
mod parsers;

fn look(root: &Path, request: &InventoryRequest) -> Inventory {
    let subject = Subject {
        root: Box::new(Root::open(root).unwrap()),
        process: None,
        container: String::new(),
    };
    let mut out = Vec::new();
    answer(&subject, request, "n", &mut out).unwrap();
    parse::inventory(NAME, &out, "n", request).unwrap()
}

fn request(sections: &[Section], files: Vec<FileSelector>) -> InventoryRequest {
    InventoryRequest {
        sections: sections.iter().copied().collect(),
        files,
        commands: ["sh".to_owned()].into(),
        ..InventoryRequest::default()
    }
}

fn paths(found: &Inventory) -> Vec<&str> {
    let files = found.files.data().unwrap();
    files.iter().map(|f| f.path.as_text()).collect()
}

#[test]
fn links_never_lead_out_of_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("bin")).unwrap();
    // Absolute, relative and magic links to the machine's own files.
    symlink("/etc/hostname", root.join("etc/passwd")).unwrap();
    symlink("../../../../../../../etc/passwd", root.join("etc/group")).unwrap();
    symlink("/proc/self/root/etc/shadow", root.join("etc/shadow")).unwrap();
    symlink("/bin/sh", root.join("bin/bash")).unwrap();
    let sections = [
        Section::Users,
        Section::Groups,
        Section::Shadow,
        Section::Commands,
    ];
    let found = look(root, &request(&sections, vec![]));
    assert_eq!(found.users.data().map(Vec::len), Some(0));
    assert_eq!(found.shadow.data().map(Vec::len), Some(0));
    assert_eq!(found.commands.data().map(Vec::len), Some(0));
    // etc/group leads to etc/passwd of this root, which leads to nothing.
    assert_eq!(found.groups.data().map(Vec::len), Some(0));
}

#[test]
fn fifos_loops_and_deep_trees_end() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("etc")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("etc/passwd"),
        rustix::fs::FileType::Fifo,
        0o644.into(),
        0,
    )
    .unwrap();
    symlink(".", root.join("loop")).unwrap();
    let mut deep = root.to_path_buf();
    for _ in 0..300 {
        deep.push("d");
        fs::create_dir(&deep).unwrap();
    }
    let all = FileSelector::default();
    let found = look(root, &request(&[Section::Files, Section::Users], vec![all]));
    assert!(
        matches!(found.users, Collected::Unavailable { .. }),
        "a FIFO is never opened"
    );
    let Collected::Partial { gaps, .. } = &found.files else {
        unreachable!(
            "what is too deep must be reported: {:?}",
            found.files.coverage()
        );
    };
    assert_eq!(gaps.total(), 1);
    let deepest = gaps.iter().next().unwrap();
    assert_eq!(deepest.kind, GapKind::OverLimit);
    let place = deepest.path.as_ref().unwrap().as_text();
    assert!(place.starts_with("/d/d/d") && place.len() < 600, "{place}");
    assert!(paths(&found).contains(&"/loop"));
    assert!(!paths(&found).iter().any(|p| p.starts_with("/loop/")));
}

#[test]
fn selections_and_absence_are_answered_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("opt/a")).unwrap();
    for (name, mode) in [("opt/a/two\nlines", 0o4755), ("opt/plain", 0o644)] {
        fs::write(root.join(name), "x").unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let setuid = FileSelector {
        mode_any: Some("6000".into()),
        ..FileSelector::default()
    };
    let named = FileSelector {
        paths: vec!["/opt/plain".into(), "/etc/none".into()],
        ..FileSelector::default()
    };
    let found = look(root, &request(&[Section::Files], vec![setuid, named]));
    assert_eq!(
        paths(&found),
        ["/etc/none", "/opt/plain", "/opt/a/two\\x0alines"]
    );
    assert!(!found.files.data().unwrap()[0].exists);
}

#[test]
fn a_link_is_looked_at_where_it_leads_in_the_root_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/real"), "12345").unwrap();
    fs::set_permissions(root.join("etc/real"), fs::Permissions::from_mode(0o640)).unwrap();
    for (name, to) in [
        ("a", "real"),
        ("b", "/etc/a"),
        ("c", "../../../etc/real"),
        ("out", "/etc/hostname"),
        ("magic", "/proc/self/root/etc/hostname"),
    ] {
        symlink(to, root.join("etc").join(name)).unwrap();
    }
    let named = FileSelector {
        paths: ["a", "b", "c", "real", "out", "magic", "none"]
            .map(|name| format!("/etc/{name}"))
            .into(),
        follow: true,
        ..FileSelector::default()
    };
    let itself = FileSelector {
        paths: vec!["/etc/b".into()],
        ..FileSelector::default()
    };
    let found = look(root, &request(&[Section::Files], vec![named, itself]));
    let files = found.files.data().unwrap().iter();
    let mut seen: Vec<_> = files
        .map(|f| (f.path.as_text(), f.followed, f.exists, f.kind, f.mode))
        .collect();
    seen.sort_by_key(|f| (f.0, f.1));
    let real = |name, followed| (name, followed, true, FileKind::File, 0o640);
    let nothing = |name, followed| (name, followed, false, FileKind::File, 0);
    let expected = [
        real("/etc/a", true),
        ("/etc/b", false, true, FileKind::Symlink, 0o777),
        real("/etc/b", true),
        real("/etc/c", true),
        nothing("/etc/magic", true),
        nothing("/etc/none", false),
        nothing("/etc/out", true),
        real("/etc/real", false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_one_check_asks_for_is_missing_nowhere_because_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/a"), "x").unwrap();
    symlink("a", dir.path().join("etc/b")).unwrap();
    let named = |digest| FileSelector {
        paths: vec!["/etc/a".into(), "/etc/b".into()],
        digest,
        ..FileSelector::default()
    };
    let under = |digest| FileSelector {
        under: vec!["/etc".into()],
        digest,
        ..FileSelector::default()
    };
    for digest in [false, true] {
        let request = request(&[Section::Files], vec![named(digest), under(!digest)]);
        let found = look(dir.path(), &request);
        let Collected::Complete { data } = found.files else {
            unreachable!("{digest}: {:?}", found.files);
        };
        let of = |path: &str| data.iter().filter(|f| f.path == *path).collect::<Vec<_>>();
        assert!(of("/etc/a").iter().all(|f| !f.digest.is_empty()));
        assert!(of("/etc/b").iter().all(|f| f.link == *"a"));
    }
}

#[test]
fn processes_of_this_machine_are_read() {
    let subject = Subject {
        root: Box::new(Root::open(Path::new("/")).unwrap()),
        process: crate::inside::Process::of(std::process::id()).ok(),
        container: String::new(),
    };
    let sections = [
        Section::Identity,
        Section::Processes,
        Section::Listeners,
        Section::Connections,
        Section::Mounts,
        Section::Env,
        Section::Kernel,
    ];
    let request = request(&sections, vec![]);
    let mut out = Vec::new();
    answer(&subject, &request, "n", &mut out).unwrap();
    let found = parse::inventory(NAME, &out, "n", &request).unwrap();
    for section in sections {
        let coverage = found.section_coverage(section);
        assert_eq!(coverage, scanner_inventory::Coverage::Complete, "{section}");
    }
    assert!(found.env.data().unwrap().iter().any(|e| e.name == "PATH"));
    assert!(found.processes.data().unwrap().iter().any(|p| p.pid == 1));
}

fn digests(root: &Path) -> Inventory {
    let all = FileSelector {
        kind: vec![FileKind::File],
        digest: true,
        ..FileSelector::default()
    };
    look(root, &request(&[Section::Files], vec![all]))
}

#[test]
fn a_digest_that_cannot_be_right_is_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::write(root.join("good"), "x").unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let started = std::time::Instant::now();
    let found = digests(root);
    assert!(started.elapsed().as_secs() < 5, "a terabyte was read");
    let Collected::Partial { data, gaps } = &found.files else {
        unreachable!("what is too large must be reported");
    };
    assert_eq!(gaps.total(), 1);
    let good = data.iter().find(|f| f.path == "/good").unwrap();
    assert!(good.digest.starts_with("2d711642b726b044"), "{good:?}");
    let sparse = data.iter().find(|f| f.path == "/sparse").unwrap();
    assert_eq!((sparse.digest.as_str(), sparse.size), ("", 1 << 40));
}

#[test]
fn what_took_the_place_of_a_file_that_was_seen_is_not_read_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    fs::write(dir.path().join("a"), "x").unwrap();
    let seen = root.meta("/a").unwrap().unwrap().inode;
    assert_ne!(root.contents("/a", seen), tree::Contents::Unknown);
    assert_eq!(root.capability("/a", seen), Some(Vec::new()));
    fs::write(dir.path().join("b"), "x").unwrap();
    fs::rename(dir.path().join("b"), dir.path().join("a")).unwrap();
    assert_eq!(root.contents("/a", seen), tree::Contents::Unknown);
    assert_eq!(root.capability("/a", seen), None);
    fs::remove_file(dir.path().join("a")).unwrap();
    symlink("b", dir.path().join("a")).unwrap();
    assert_eq!(root.contents("/a", seen), tree::Contents::Unknown);
}

#[test]
fn which_device_a_device_is_comes_with_its_time() {
    let all = |times| FileSelector {
        under: vec!["/dev".into()],
        kind: vec![FileKind::CharDevice],
        name: vec!["null".into()],
        times,
        ..FileSelector::default()
    };
    for times in [false, true] {
        let found = look(
            Path::new("/"),
            &request(&[Section::Files], vec![all(times)]),
        );
        let files = found.files.data().unwrap();
        let null = files.iter().find(|f| f.path == "/dev/null").unwrap();
        assert_eq!(null.device, if times { "1:3" } else { "" });
    }
}

#[test]
fn a_file_that_is_written_to_has_no_digest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("busy");
    fs::write(&path, vec![0; 64 << 20]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt as _;
            let file = fs::File::options().write(true).open(&path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all_at(b"y", 1 << 20).unwrap();
            }
        });
        let found = digests(dir.path());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let files = found.files.data().unwrap();
        assert_eq!(files[0].digest, "", "it changed while it was read");
        assert!(matches!(found.files, Collected::Partial { .. }));
    });
}

#[test]
fn files_of_proc_are_never_read_for_a_digest() {
    let named = FileSelector {
        paths: vec!["/proc/version".into(), "/etc/passwd".into()],
        digest: true,
        ..FileSelector::default()
    };
    let found = look(Path::new("/"), &request(&[Section::Files], vec![named]));
    let files = found.files.data().unwrap();
    let empty: Vec<bool> = files.iter().map(|f| f.digest.is_empty()).collect();
    assert_eq!(empty, [false, true], "{files:?}");
    let Collected::Partial { gaps, .. } = &found.files else {
        unreachable!("{:?}", found.files);
    };
    assert_eq!(gaps.total(), 1);
}

#[test]
fn a_directory_that_is_named_is_looked_at_on_a_mount_of_its_own_too() {
    // A tmpfs within a devtmpfs, on nearly every machine.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let below = dir.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("tool"), "x").unwrap();
    let tool = below.join("tool").to_str().unwrap().to_owned();
    for under in [
        vec!["/dev", "/dev/shm"],
        vec!["/dev/shm"],
        vec!["/dev", dir.path().to_str().unwrap()],
    ] {
        let selector = FileSelector {
            under: under.iter().map(ToString::to_string).collect(),
            kind: vec![FileKind::File],
            name: vec!["tool".into()],
            ..FileSelector::default()
        };
        let found = look(Path::new("/"), &request(&[Section::Files], vec![selector]));
        // Others use the place too.
        let own = dir.path().to_str().unwrap();
        let mut found = paths(&found);
        found.retain(|path| path.starts_with(own));
        assert_eq!(found, [tool.as_str()], "{under:?}");
    }
}

#[test]
fn what_a_walk_comes_by_anyway_is_walked_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("tmp/a")).unwrap();
    fs::write(dir.path().join("tmp/a/tool"), "x").unwrap();
    let selector = FileSelector {
        under: ["/", "/tmp", "/tmp/a", "/none"].map(String::from).into(),
        kind: vec![FileKind::File],
        ..FileSelector::default()
    };
    let found = look(dir.path(), &request(&[Section::Files], vec![selector]));
    assert_eq!(paths(&found), ["/tmp/a/tool"]);
}

#[test]
fn a_start_that_is_a_link_is_followed_within_the_root_whatever_else_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("var/home/bob/.ssh")).unwrap();
    fs::create_dir_all(root.join("var/roothome")).unwrap();
    fs::write(root.join("var/home/bob/.ssh/keys"), "k").unwrap();
    fs::write(root.join("var/roothome/keys"), "k").unwrap();
    // Relative, absolute, through another link, to nothing, and in a circle.
    symlink("var/home", root.join("home")).unwrap();
    symlink("/var/roothome", root.join("root")).unwrap();
    symlink("home/bob", root.join("bob")).unwrap();
    symlink("nowhere", root.join("gone")).unwrap();
    symlink("/etc", root.join("out")).unwrap();
    symlink("round", root.join("round")).unwrap();
    let under = |starts: &[&str]| FileSelector {
        under: starts.iter().map(|start| (*start).to_owned()).collect(),
        name: vec!["keys".into(), "hostname".into()],
        ..FileSelector::default()
    };
    let asked = under(&["/home", "/root", "/bob", "/home/bob/.ssh", "/gone", "/out"]);
    let expected = ["/bob/.ssh/keys", "/home/bob/.ssh/keys", "/root/keys"];
    let all = under(&["/"]);
    for others in [vec![], vec![all.clone()], vec![under(&["/var"]), all]] {
        let selectors = [vec![asked.clone()], others].concat();
        for by_hand in [false, true] {
            let opened = if by_hand {
                Root::open_by_hand(root)
            } else {
                Root::open(root)
            };
            let walked: Vec<&FileSelector> = selectors.iter().collect();
            let mut out = Vec::new();
            let lost = opened
                .unwrap()
                .walk(&walked, false, &mut out)
                .unwrap()
                .total();
            let lines = String::from_utf8(out).unwrap();
            let found = lines.lines().filter_map(|line| line.rsplit(' ').next());
            let mut below: Vec<&str> = found.filter(|path| !path.starts_with("/var")).collect();
            below.sort_unstable();
            assert_eq!((below, lost), (expected.to_vec(), 0), "{selectors:?}");
        }
    }
    let circle = under(&["/round"]);
    let opened = Root::open(root).unwrap();
    let gaps = opened.walk(&[&circle], false, &mut Vec::new()).unwrap();
    assert_eq!(gaps, Gap::new(GapKind::OverLimit).at("/round").into());
}
