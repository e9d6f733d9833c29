//! Hostile roots, over both ways to resolve a path within a root: the kernel's and the one by hand.

use std::{
    io::Write as _,
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fstat, makedev, mkdirat, mknodat, openat, renameat},
    io::Errno,
};

use scanner_inventory::FilePath;

use super::*;
use crate::tree::Contents;

/// Calls `test` with `path` as a root, once for each way.
fn both(path: &Path, test: impl Fn(&Root, &str)) {
    let root = Root::open(path).unwrap();
    test(&root, "kernel");
    assert!(
        !root.is_by_hand(),
        "this kernel has no openat2: the first round tried nothing"
    );
    test(&Root::open_by_hand(path).unwrap(), "by hand");
}

/// Which file of the machine was opened, to compare with another.
fn same(found: Result<OwnedFd, Errno>, path: &Path) -> bool {
    let found = fstat(found.unwrap()).unwrap();
    let other = rustix::fs::lstat(path).unwrap();
    (found.st_dev, found.st_ino) == (other.st_dev, other.st_ino)
}

#[test]
fn paths_are_resolved_the_same_either_way() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("a/b/c")).unwrap();
    fs::write(at("a/file"), "x").unwrap();
    for (to, link) in [
        ("/a/b", "absolute"),
        ("../../../../../a", "a/up"),
        ("b/../../a/b/c", "a/through"),
        ("/a/file", "a/b/c/from-below"),
        ("../../../../../../../../..", "a/b/out"),
        ("absolute/c", "two"),
        ("self", "self"),
        ("pong", "ping"),
        ("ping", "pong"),
        ("nothing", "dangling"),
        ("a/file", "to-file"),
    ] {
        symlink(to, at(link)).unwrap();
    }
    let (path, read) = (OFlags::PATH, OFlags::RDONLY | OFlags::DIRECTORY);
    let stays = OFlags::PATH | OFlags::NOFOLLOW;
    for (name, flags, expected) in [
        ("/", path, Ok("")),
        ("", path, Ok("")),
        ("/..", path, Ok("")),
        ("/../../a", path, Ok("a")),
        ("/absolute", path, Ok("a/b")),
        ("/absolute", stays, Ok("absolute")),
        ("/absolute/", stays, Ok("a/b")),
        ("/absolute/c", read, Ok("a/b/c")),
        ("/absolute/..", path, Ok("a")),
        ("/a/up", read, Ok("a")),
        ("/a/through", read, Ok("a/b/c")),
        ("/a/b/out", read, Ok("")),
        ("/a/b/out/a/file", path, Ok("a/file")),
        ("/two", read, Ok("a/b/c")),
        ("/a/b/c/from-below", path, Ok("a/file")),
        ("/to-file", path, Ok("a/file")),
        ("/to-file", read, Err(Errno::NOTDIR)),
        ("/to-file/x", path, Err(Errno::NOTDIR)),
        ("/a/file/..", path, Err(Errno::NOTDIR)),
        ("/self", path, Err(Errno::LOOP)),
        ("/ping/x", path, Err(Errno::LOOP)),
        ("/ping", stays, Ok("ping")),
        ("/dangling", path, Err(Errno::NOENT)),
        ("/dangling", stays, Ok("dangling")),
        ("/none/../a", path, Err(Errno::NOENT)),
    ] {
        both(dir.path(), |root, way| {
            let found = root.resolve(name, flags);
            match expected {
                Ok(place) => assert!(same(found, &at(place)), "{name} {way}"),
                Err(error) => assert_eq!(found.err(), Some(error), "{name} {way}"),
            }
        });
    }
}

#[test]
fn links_of_proc_lead_nowhere() {
    // The machine's own root, in which /proc is: what a probe beside a target never is given, but
    // what a target's root has in it.
    both(Path::new("/"), |root, way| {
        for path in [
            "/proc/self/root/etc/passwd",
            "/proc/self/cwd",
            "/proc/self/exe",
            "/proc/self/fd/0",
            "/proc/thread-self/root",
        ] {
            let found = root.resolve(path, OFlags::PATH).map(|_| ());
            assert_eq!(found, Err(Errno::LOOP), "{path} {way}");
        }
        assert!(root.resolve("/proc/self/status", OFlags::PATH).is_ok());
        assert!(root.resolve("/proc/mounts", OFlags::PATH).is_ok());
    });
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc")).unwrap();
    symlink("/proc/self/root/etc/passwd", dir.path().join("etc/passwd")).unwrap();
    symlink("/proc/self/fd/0", dir.path().join("etc/group")).unwrap();
    both(dir.path(), |root, way| {
        for path in ["/etc/passwd", "/etc/group"] {
            assert_eq!(root.text(path), Ok(None), "{path} {way}");
        }
    });
}

#[test]
fn a_directory_that_becomes_a_link_is_never_left_through_it() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "outside").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("good")).unwrap();
    fs::write(at("good/secret"), "inside").unwrap();
    symlink(outside.path(), at("evil")).unwrap();
    symlink("../../../../../..", at("up")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for other in ["evil", "up"] {
                    renameat(CWD, at("good"), CWD, at("kept")).unwrap();
                    renameat(CWD, at(other), CWD, at("good")).unwrap();
                    renameat(CWD, at("good"), CWD, at(other)).unwrap();
                    renameat(CWD, at("kept"), CWD, at("good")).unwrap();
                }
            }
        });
        let up = outside.path().strip_prefix("/").unwrap().join("secret");
        let through = format!("/good/{}", up.display());
        both(dir.path(), |root, way| {
            let mut inside = 0;
            for _ in 0..20_000 {
                match root.text("/good/secret") {
                    Ok(Some(text)) if text == "inside" => inside += 1,
                    Ok(None) | Err(_) => {}
                    Ok(Some(text)) => unreachable!("{way}: {text}"),
                }
                assert!(!matches!(root.text(&through), Ok(Some(_))), "{way}");
            }
            assert!(inside > 0, "{way}: nothing was tried");
        });
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_whole_answer_is_the_same_either_way() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("usr/lib")).unwrap();
    fs::create_dir_all(at("etc")).unwrap();
    symlink("usr/lib", at("lib")).unwrap();
    symlink("../usr/lib/os-release", at("etc/os-release")).unwrap();
    fs::write(at("usr/lib/os-release"), "ID=x\n").unwrap();
    fs::write(at("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    let sections = [Section::Files, Section::Users, Section::Os];
    let all = FileSelector {
        digest: true,
        ..FileSelector::default()
    };
    let named = FileSelector {
        paths: vec!["/lib/os-release".into(), "/etc/none/x".into()],
        ..FileSelector::default()
    };
    let request = request(&sections, vec![all, named]);
    let answers = [Root::open, Root::open_by_hand].map(|open| {
        let subject = Subject {
            root: Box::new(open(dir.path()).unwrap()),
            process: None,
            container: String::new(),
        };
        let mut out = Vec::new();
        answer(&subject, &request, "n", &mut out).unwrap();
        out
    });
    assert_eq!(answers[0], answers[1]);
    let found = parse::inventory(NAME, &answers[0], "n", &request).unwrap();
    assert!(paths(&found).contains(&"/lib/os-release"), "{found:?}");
}

#[test]
fn a_tree_of_ten_thousand_levels_ends_and_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let name = c"d";
    let mut deep = rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..10_000 {
        mkdirat(&deep, name, Mode::RWXU).unwrap();
        deep = openat(&deep, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let found = look(
        dir.path(),
        &request(&[Section::Files], vec![FileSelector::default()]),
    );
    let Collected::Partial { data, gaps } = &found.files else {
        unreachable!("{:?}", found.files.coverage());
    };
    assert!(data.len() > 200 && data.len() < 300, "{}", data.len());
    assert_eq!(gaps.total(), 1);
    // A path of as many parts has no name in the kernel either, whichever way it is resolved.
    let path = "/d".repeat(10_000);
    both(dir.path(), |root, way| {
        let found = root.resolve(&path, OFlags::PATH).map(|_| ());
        assert_eq!(found, Err(Errno::NAMETOOLONG), "{way}");
    });
    // Removed from its end, since removing is recursive.
    let (top, kept) = (dir.path().join("d"), dir.path().join("kept"));
    while top.exists() {
        let below = top.join("d");
        if below.exists() {
            fs::rename(below, &kept).unwrap();
        }
        fs::remove_dir(&top).unwrap();
        let _ = fs::rename(&kept, &top);
    }
}

#[test]
fn fifos_devices_and_sockets_are_listed_and_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("etc")).unwrap();
    fs::create_dir_all(at("var/lib/dpkg/status.d")).unwrap();
    let make = |path: &str, kind, device| mknodat(CWD, at(path), kind, 0o644.into(), device);
    let places = [
        "etc/passwd",
        "etc/group",
        "etc/shadow",
        "etc/os-release",
        "var/lib/dpkg/status",
        "var/lib/dpkg/status.d/x",
    ];
    for path in places {
        make(path, FileType::Fifo, 0).unwrap();
    }
    let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    // Reading this device never ends; without the right to make it the rest is tried all the same.
    let device = make("zero", FileType::CharacterDevice, makedev(1, 5)).is_ok();
    let sections = [
        Section::Files,
        Section::Users,
        Section::Groups,
        Section::Shadow,
        Section::Os,
        Section::Packages,
    ];
    let all = FileSelector {
        digest: true,
        ..FileSelector::default()
    };
    let found = look(dir.path(), &request(&sections, vec![all]));
    for section in &sections[1..] {
        assert!(
            matches!(
                found.section_coverage(*section),
                scanner_inventory::Coverage::Unavailable { .. }
            ),
            "{section}"
        );
    }
    let files = found.files.data().unwrap();
    let kinds = |kind| files.iter().filter(|f| f.kind == kind).count();
    assert_eq!(kinds(FileKind::Fifo), places.len());
    assert_eq!(kinds(FileKind::Socket), 1);
    assert_eq!(kinds(FileKind::CharDevice), usize::from(device));
    both(dir.path(), |root, way| {
        for path in ["/etc/passwd", "/socket", "/zero"] {
            assert_eq!(root.contents(path, None), Contents::Unknown, "{path} {way}");
        }
    });
}

#[test]
fn capabilities_of_files_are_read_and_links_to_them_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("bin")).unwrap();
    for name in ["bin/ping", "bin/plain"] {
        fs::write(at(name), "").unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("ping", at("bin/link")).unwrap();
    // As `setcap cap_net_raw+ep`; only root may, and elsewhere the rest is tried all the same.
    let value = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let flags = rustix::fs::XattrFlags::empty();
    let set = rustix::fs::setxattr(at("bin/ping"), "security.capability", &value, flags);
    let expected: &[&str] = if set.is_ok() { &["CAP_NET_RAW"] } else { &[] };
    let walked = FileSelector {
        mode_any: Some("111".into()),
        kind: vec![FileKind::File],
        capabilities: true,
        ..FileSelector::default()
    };
    let named = FileSelector {
        paths: ["/bin/ping", "/bin/plain", "/bin/link", "/bin/none"]
            .map(str::to_owned)
            .to_vec(),
        capabilities: true,
        ..FileSelector::default()
    };
    for selector in [walked, named] {
        let found = look(dir.path(), &request(&[Section::Files], vec![selector]));
        assert!(
            matches!(found.files, Collected::Complete { .. }),
            "{:?}",
            found.files
        );
        let files = found.files.data().unwrap();
        let of = |path: &str| files.iter().find(|f| f.path == path).unwrap();
        assert_eq!(of("/bin/ping").capabilities, expected);
        assert!(of("/bin/ping").capabilities_known && of("/bin/plain").capabilities_known);
        assert!(of("/bin/plain").capabilities.is_empty());
        let link = files.iter().find(|f| f.path == "/bin/link");
        assert!(link.is_none_or(|f| !f.capabilities_known && f.capabilities.is_empty()));
    }
}

#[test]
fn names_with_control_characters_cannot_pose_as_other_names_or_as_the_protocol() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("bin")).unwrap();
    let names = [
        "su\r",
        "\u{1b}[2Jclear",
        "tab\tbell\u{7}",
        "x\n!ok\n@n done 1\n",
        "x\n@n section users\nshadowed:0:0:root::\n!ok",
        " lead and trail ",
    ];
    for name in names {
        let mut file = fs::File::create(dir.path().join("bin").join(name)).unwrap();
        file.write_all(b"x").unwrap();
    }
    symlink("to\n@n done 1", dir.path().join("bin/link")).unwrap();
    let all = FileSelector {
        kind: vec![FileKind::File, FileKind::Symlink],
        digest: true,
        ..FileSelector::default()
    };
    let found = look(
        dir.path(),
        &request(&[Section::Files, Section::Users], vec![all]),
    );
    let mut expected: Vec<String> = names
        .iter()
        .map(|name| FilePath::from(format!("/bin/{name}")).to_text())
        .collect();
    expected.push("/bin/link".into());
    expected.sort();
    let mut seen = paths(&found);
    seen.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(found.users.data().map(Vec::len), Some(0));
    assert!(matches!(found.files, Collected::Complete { .. }));
}
