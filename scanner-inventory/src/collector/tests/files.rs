//! Walks and named paths, digests, and names with every byte.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{Coverage, FilePath, GapKind};

#[test]
fn a_walk_finds_hostile_names_once_and_crosses_no_link() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let deep = root.join("it's a \"dir\" $(touch no) \u{1b}[31m");
    fs::create_dir(&deep).unwrap();
    let names = [
        "two\nlines",
        "-rf",
        "spaced name",
        "x\n8dff 0 0 1 forged",
        "\n@n0nce done 1\n!ok\n",
        "\\x0a\n\\\n\n\\",
        "two\\x0alines",
    ];
    for name in names {
        let path = deep.join(name);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    }
    fs::write(deep.join("plain"), "x").unwrap();
    symlink("/", deep.join("out")).unwrap();
    let selector = FileSelector {
        under: vec![root.to_str().unwrap().into()],
        kind: vec![FileKind::File],
        mode_any: Some("6000".into()),
        ..FileSelector::default()
    };
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![selector.clone()],
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        complete(shell, "files", &found.files);
        let files = found.files.data().unwrap();
        let mut seen: Vec<&str> = files.iter().map(|f| f.path.as_text()).collect();
        seen.sort_unstable();
        let mut expected: Vec<String> = names
            .iter()
            .map(|name| FilePath::from_bytes(deep.join(name).as_os_str().as_bytes()).to_text())
            .collect();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{shell:?}");
        for file in files {
            assert_eq!((file.mode, file.size), (0o4755, 1), "{shell:?}");
            assert!(selector.matches(file), "{shell:?} {file:?}");
        }
    }
}

#[test]
fn names_that_differ_in_one_byte_are_two_files_in_every_shell() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let mut expected = Vec::new();
    for byte in (1..=u8::MAX).filter(|byte| *byte != b'/') {
        for name in [vec![b'n', byte], vec![b'\n', byte, b'e']] {
            let path = root.join(OsStr::from_bytes(&name));
            fs::write(&path, &name).unwrap();
            let link = root.join(OsStr::from_bytes(&[&b"to-"[..], &name].concat()));
            symlink(OsStr::from_bytes(&name), &link).unwrap();
            let digest = hex::encode(Sha256::digest(&name));
            expected.push((path.as_os_str().as_bytes().to_vec(), digest, Vec::new()));
            expected.push((link.as_os_str().as_bytes().to_vec(), String::new(), name));
        }
    }
    expected.sort();
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![root.to_str().unwrap().into()],
            kind: vec![FileKind::File, FileKind::Symlink],
            digest: true,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        complete(shell, "files", &found.files);
        let files = found.files.data().unwrap().iter();
        let mut seen: Vec<_> = files
            .map(|f| {
                let bytes = |path: &FilePath| path.to_bytes().into_owned();
                (bytes(&f.path), f.digest.clone(), bytes(&f.link))
            })
            .collect();
        seen.sort();
        assert_eq!(seen.len(), expected.len(), "{shell:?}");
        for (seen, expected) in seen.iter().zip(&expected) {
            assert_eq!(seen, expected, "{shell:?}");
        }
    }
}

#[test]
fn a_named_path_is_looked_at_whatever_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("a\n\\x0ab");
    fs::write(&there, "x").unwrap();
    let (there, gone) = (
        there.to_str().unwrap().to_owned(),
        "/no\\n\n- /such".to_owned(),
    );
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            paths: vec![there.clone(), gone.clone()],
            digest: true,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        complete(shell, "files", &found.files);
        let files = found.files.data().unwrap();
        let seen: Vec<_> = files.iter().map(|f| (f.path.clone(), f.exists)).collect();
        let mut expected = vec![
            (FilePath::from(&there), true),
            (FilePath::from(&gone), false),
        ];
        expected.sort();
        assert_eq!(seen, expected, "{shell:?}");
    }
}

#[test]
fn a_walk_whose_start_is_a_link_begins_where_it_leads() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("var/home/bob")).unwrap();
    fs::write(root.join("var/home/bob/keys"), "k").unwrap();
    symlink("var/home", root.join("home")).unwrap();
    symlink("home", root.join("chain")).unwrap();
    for start in ["home", "chain", "home/bob"] {
        let start = root.join(start).to_str().unwrap().to_owned();
        let request = InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![FileSelector {
                under: vec![start.clone()],
                kind: vec![FileKind::File],
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        for shell in SHELLS {
            let found = collect(shell, &request);
            complete(shell, "files", &found.files);
            let files = found.files.data().unwrap().iter();
            let seen: Vec<&str> = files.map(|f| f.path.as_text()).collect();
            let below = if start.ends_with("bob") {
                "keys"
            } else {
                "bob/keys"
            };
            assert_eq!(seen, [format!("{start}/{below}")], "{shell:?}");
        }
    }
}

#[test]
fn a_link_is_looked_at_where_it_leads_where_that_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::write(root.join("real"), "12345").unwrap();
    fs::set_permissions(root.join("real"), fs::Permissions::from_mode(0o640)).unwrap();
    let links = [
        ("a\nb", "real"),
        ("chain", "a\nb"),
        ("folder", "."),
        ("gone", "no/such"),
        ("gone chain", "gone"),
        ("round", "round"),
    ];
    for (name, to) in links {
        symlink(to, root.join(name)).unwrap();
    }
    let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let all = links.map(|(name, _)| name).into_iter();
    let all = all.chain(["real", "none", "gone/x", "folder/real"]);
    let named = FileSelector {
        paths: all.map(path).collect(),
        follow: true,
        ..FileSelector::default()
    };
    let itself = FileSelector {
        paths: vec![path("chain")],
        ..FileSelector::default()
    };
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![named.clone(), itself],
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        let of = |name: &str, followed: bool| {
            let files = found.files.data().unwrap().iter();
            let path = FilePath::from(path(name));
            let mut all = files.filter(|f| f.path == path && f.followed == followed);
            all.next().map(|f| (f.exists, f.kind, f.mode, f.size))
        };
        let real = Some((true, FileKind::File, 0o640, 5));
        for (name, followed) in [
            ("a\nb", true),
            ("chain", true),
            ("real", false),
            ("folder/real", false),
        ] {
            assert_eq!(of(name, followed), real, "{shell:?} {name:?}");
        }
        for (name, followed) in [
            ("gone", true),
            ("gone chain", true),
            ("none", false),
            ("gone/x", false),
        ] {
            let exists = of(name, followed).map(|found| found.0);
            assert_eq!(exists, Some(false), "{shell:?} {name}");
        }
        let kind = |name, followed| of(name, followed).map(|found| found.1);
        assert_eq!(kind("folder", true), Some(FileKind::Directory), "{shell:?}");
        assert_eq!(kind("chain", false), Some(FileKind::Symlink), "{shell:?}");
        assert_eq!(kind("a\nb", false), None, "{shell:?}");
        assert_eq!((of("round", true), of("round", false)), (None, None));
        let Coverage::Partial { gaps } = found.coverage_of(std::slice::from_ref(&named)) else {
            unreachable!("{shell:?}: {:?}", found.files);
        };
        let gaps: Vec<_> = gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(gaps, [GapKind::OverLimit], "{shell:?}");
    }
}

#[test]
fn requests_cannot_break_out_of_their_quotes() {
    let request = InventoryRequest {
        sections: [Section::Files, Section::Commands].into(),
        files: vec![FileSelector {
            paths: vec!["/etc/'; echo broken; '".into()],
            ..FileSelector::default()
        }],
        commands: ["sh; echo broken".into()].into(),
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        complete(shell, "files", &found.files);
        assert_eq!(found.commands.data().map(Vec::len), Some(0));
    }
}

#[test]
fn digests_are_the_same_in_every_shell_and_missing_where_there_is_no_tool() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for name in ["plain", "two\nlines", "b\\s", "-x"] {
        fs::write(root.join(name), "x").unwrap();
    }
    symlink("a\nb\n", root.join("link")).unwrap();
    fs::File::create(root.join("sparse"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![root.to_str().unwrap().into()],
            digest: true,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    for shell in SHELLS {
        let found = collect(shell, &request);
        let Collected::Partial { data, gaps } = &found.files else {
            unreachable!("{shell:?}: the sparse file must be reported");
        };
        assert_eq!((data.len(), gaps.total()), (7, 1), "{shell:?} {data:?}");
        let gap = gaps.iter().next().unwrap();
        let sparse = root.join("sparse").to_str().map(FilePath::from);
        assert_eq!((gap.kind, &gap.path), (GapKind::OverLimit, &sparse));
        let same = |f: &&crate::FileEntry| f.digest.starts_with("2d711642b726b044");
        assert_eq!(data.iter().filter(same).count(), 4, "{shell:?} {data:?}");
        assert!(
            data.iter().any(|f| f.link == "a\nb\n"),
            "{shell:?} {data:?}"
        );
    }
    let script = script(&request, "n0nce").replace("sha256sum", "no-such-tool");
    let child = started(&["dash", "-s"], &script);
    let out = child.wait_with_output().unwrap().stdout;
    let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
    let Collected::Partial { gaps, .. } = &found.files else {
        unreachable!("must be partial");
    };
    assert_eq!(gaps.total(), 6);
    let gap = gaps.iter().next().unwrap();
    assert_eq!(gap.kind, GapKind::Unsupported);
    assert_eq!(gap.note, "the target has no no-such-tool");
}

#[test]
fn a_directory_that_is_named_is_looked_at_on_a_mount_of_its_own_too() {
    // A tmpfs within a devtmpfs, on nearly every machine.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let below = dir.path().join("with space/b");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("tool"), "x").unwrap();
    let tool = below.join("tool").to_str().unwrap().to_owned();
    let deep = below.to_str().unwrap();
    for under in [
        vec!["/dev", "/dev/shm"],
        vec!["/dev/shm"],
        vec!["/dev", deep],
        vec!["/dev", "/dev/shm", deep, "/dev/none"],
    ] {
        let request = InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![FileSelector {
                under: under.iter().map(ToString::to_string).collect(),
                kind: vec![FileKind::File],
                name: vec!["tool".into()],
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        for shell in SHELLS {
            let found = collect(shell, &request);
            let files: Vec<&str> = found
                .files
                .data()
                .unwrap()
                .iter()
                .map(|f| f.path.as_text())
                // Others use the place too.
                .filter(|path| path.starts_with(dir.path().to_str().unwrap()))
                .collect();
            assert_eq!(files, [tool.as_str()], "{shell:?} {under:?}");
        }
    }
}

#[test]
fn a_directory_on_a_device_of_its_own_where_nothing_is_mounted_is_a_gap() {
    // What is mounted at /dev/shm stands for a subvolume: no line speaks of it.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let lines = |keeps: fn(&str) -> bool| {
        let kept = mounts.lines().filter(|line| keeps(line));
        let kept = kept.collect::<Vec<_>>().join("\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{kept}\nnone /none btrfs rw 0 0\n")).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        file
    };
    let whole = lines(|_| true);
    let without = lines(|line| !line.contains(" /dev/shm "));
    for shell in SHELLS {
        for stays in [false, true] {
            let request = InventoryRequest {
                sections: [Section::Files].into(),
                files: vec![FileSelector {
                    under: vec!["/dev".into()],
                    ..FileSelector::default()
                }],
                one_filesystem: stays,
                ..InventoryRequest::default()
            };
            let gaps = |mounts: &tempfile::NamedTempFile| {
                let path = mounts.path().to_str().unwrap();
                let script = script(&request, "n0nce").replace("/proc/self/mounts", path);
                let out = started(shell, &script).wait_with_output().unwrap().stdout;
                let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
                let Collected::Partial { gaps, .. } = found.files else {
                    return String::new();
                };
                gaps.to_string()
            };
            assert_eq!(gaps(&whole), "", "{shell:?} {stays}");
            let apart = "/dev/shm: on another mount";
            assert_eq!(gaps(&without), apart, "{shell:?} {stays}");
        }
    }
}

#[test]
fn which_device_a_device_is_comes_with_its_time() {
    for times in [false, true] {
        let request = InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![FileSelector {
                paths: vec!["/dev/null".into(), "/etc/passwd".into()],
                times,
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        for shell in SHELLS {
            let found = collect(shell, &request);
            let devices = found.files.data().unwrap().iter();
            let devices: Vec<_> = devices
                .map(|f| (f.device.as_str(), f.modified.is_some()))
                .collect();
            let null = if times { "1:3" } else { "" };
            assert_eq!(devices, [(null, times), ("", times)], "{shell:?}");
        }
    }
}
