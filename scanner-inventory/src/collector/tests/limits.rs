//! Tools and files that a target does not have, or that the collector may not read.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use nix::{fcntl::OFlag, sys::stat::Mode};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::GapKind;

#[test]
fn an_answer_has_digests_without_cksum_too() {
    for shell in SHELLS {
        let request = everything();
        let script = script(&request, "n0nce").replace("cksum", "no-such-tool");
        let out = started(shell, &script).wait_with_output().unwrap().stdout;
        let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
        assert!(found.agent.digests, "{shell:?}");
        assert!(
            String::from_utf8_lossy(&out).contains(" sha256:"),
            "{shell:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_partial() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let request = InventoryRequest {
        sections: [Section::Files, Section::Shadow].into(),
        files: vec![
            FileSelector {
                under: vec![dir.path().to_str().unwrap().into()],
                ..FileSelector::default()
            },
            FileSelector {
                paths: vec![closed.join("inside").to_str().unwrap().into()],
                ..FileSelector::default()
            },
        ],
        ..InventoryRequest::default()
    };
    if !Command::new("setpriv")
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success())
    {
        unreachable!("setpriv (util-linux) must be installed");
    }
    let other: &[&str] = &[
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "dash",
        "-s",
    ];
    let mine: &[&str] = &["dash", "-s"];
    let root = nix::unistd::geteuid().is_root();
    let found = collect(if root { other } else { mine }, &request);
    let Collected::Partial { gaps, .. } = found.files else {
        unreachable!("{:?}", found.files);
    };
    assert!(gaps.total() >= 2, "the walk and the named path: {gaps:?}");
    let places: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    let closed = closed.display();
    // Its owner can open it again.
    let kind = if root { "searchable" } else { "listable" };
    let expected = [
        format!("{closed}/inside: not searchable"),
        format!("{closed}: not {kind}"),
    ];
    assert_eq!(places, expected);
    assert!(matches!(found.shadow, Collected::Unavailable { .. }));
}

#[test]
fn a_directory_is_out_of_reach_where_neither_its_mode_nor_its_owner_lets_the_user_in() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to make another user's directories");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let user = 65534;
    let made = [
        ("shut", 0o700, None, "not searchable"),
        ("searched", 0o711, None, "not listable"),
        ("named", 0o744, None, "not searchable"),
        ("own", 0o000, Some(user), "not listable"),
        ("own-named", 0o400, Some(user), "not listable"),
    ];
    for (name, mode, owner, _) in made {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        if name.ends_with("named") {
            fs::write(path.join("file"), "x").unwrap();
        }
        std::os::unix::fs::chown(&path, owner, None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for shell in SHELLS {
        let other = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        let shell = [&other[..], shell].concat();
        for (name, _, _, kind) in made {
            let path = dir.path().join(name).display().to_string();
            let request = InventoryRequest {
                sections: [Section::Files].into(),
                files: vec![FileSelector {
                    under: vec![path.clone()],
                    ..FileSelector::default()
                }],
                ..InventoryRequest::default()
            };
            let gaps = match collect(&shell, &request).files {
                Collected::Partial { gaps, .. } => gaps.to_string(),
                other => format!("{other:?}"),
            };
            assert_eq!(gaps, format!("{path}: {kind}"), "{shell:?}");
        }
    }
}

#[test]
fn a_path_that_is_too_long_or_a_look_that_fails_shuts_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let start = dir.path().display().to_string();
    // Every length around the longest path that the kernel takes, of a directory that is open to all.
    let mut deep = nix::fcntl::open(dir.path(), OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    let (mut length, mode) = (start.len(), Mode::from_bits_truncate(0o755));
    while length < 4100 {
        let name = "x".repeat(if length < 3700 { 200 } else { 2 });
        nix::sys::stat::mkdirat(&deep, name.as_str(), mode).unwrap();
        deep = nix::fcntl::openat(&deep, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        length += name.len() + 1;
    }
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![start],
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    let other = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let root = nix::unistd::geteuid().is_root();
    for shell in SHELLS {
        let shell = [if root { &other[..] } else { &[] }, shell].concat();
        let Collected::Partial { gaps, .. } = collect(&shell, &request).files else {
            unreachable!("{shell:?}: there is more than can be looked at");
        };
        let shut = gaps.iter().find(|gap| gap.kind == GapKind::NotSearchable);
        assert_eq!(shut, None, "{shell:?}");
        assert!(
            gaps.iter().any(|gap| gap.path.is_none()),
            "{shell:?}: {gaps}"
        );
    }
}

#[test]
fn an_error_that_no_place_explains_is_not_taken_for_another_one() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to make another user's directories");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let made = |name: &str, mode| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    // It can be listed, has nothing in it, and find says nothing of it.
    let _empty = made("empty", 0o744);
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![dir.path().display().to_string()],
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    let gaps = |shell: &[&str]| {
        let other = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        match collect(&[&other[..], shell].concat(), &request).files {
            Collected::Partial { gaps, .. } => gaps.to_string(),
            Collected::Complete { .. } => String::new(),
            other => unreachable!("{other:?}"),
        }
    };
    for shell in SHELLS {
        assert_eq!(gaps(shell), "", "{shell:?}");
    }
    let shut = made("shut", 0o700);
    for shell in SHELLS {
        assert_eq!(gaps(shell), format!("{shut}: not searchable"), "{shell:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The kernel's rule, whoever owns a directory and whatever its mode: it is shut for a user who may not search it and
    /// is not its owner.
    #[test]
    fn a_directory_is_shut_by_the_rule_of_the_kernel(modes in vec((0_u32..0o1000, 0_usize..3, 0_usize..3), 1..12)) {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("NOT RUN: it needs root, to make another user's directories");
            return Ok(());
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut expected = BTreeSet::new();
        for (number, (mode, owner, group)) in modes.iter().enumerate() {
            let path = dir.path().join(number.to_string());
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "x").unwrap();
            let (uid, gid) = ([0, 65534, 7][*owner], [0, 65534, 42][*group]);
            std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            let bits = if uid == 65534 { mode >> 6 } else if gid == 0 { *mode } else { mode >> 3 };
            let kind = match (bits & 1, bits & 4) {
                (0, _) if uid != 65534 && !opens_to_others(*mode, gid) => "not searchable",
                (1, 4) => continue,
                _ => "not listable",
            };
            expected.insert(format!("{}: {kind}", path.display()));
        }
        let shell = ["setpriv", "--reuid=65534", "--regid=65534", "--groups=42", "dash", "-s"];
        let request = InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![FileSelector {
                under: vec![dir.path().display().to_string()],
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        let found = match collect(&shell, &request).files {
            Collected::Partial { gaps, .. } => gaps.iter().map(ToString::to_string).collect(),
            _ => BTreeSet::new(),
        };
        prop_assert_eq!(found, expected);
    }
}

/// Whether the mode lets somebody in by another bit than the one that counts for the agent: the agent then leaves open whether
/// it is shut.
const fn opens_to_others(mode: u32, gid: u32) -> bool {
    mode & 1 == 1 || mode & 0o10 != 0 && gid != 0
}

/// Commands that run as uid 0 without capabilities: a user that is not root is uid 0 in a user namespace of its own, which
/// this machine must allow.
fn weak() -> Vec<&'static str> {
    let without = ["setpriv", "--bounding-set=-all"];
    let namespace: &[&str] = if nix::unistd::geteuid().is_root() {
        &[]
    } else {
        &["unshare", "--user", "--map-root-user"]
    };
    [namespace, &without].concat()
}

#[test]
fn uid_0_without_capabilities_sees_what_the_kernel_says_in_every_shell() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // All belong to this user: only a capability overrides what their modes refuse.
    for (name, mode) in [("shut", 0o000), ("names", 0o400), ("secret", 0o000)] {
        let path = dir.path().join(name);
        if name == "secret" {
            fs::write(&path, "x").unwrap();
        } else {
            fs::create_dir(&path).unwrap();
            for file in ["file", "other"] {
                fs::write(path.join(file), "x").unwrap();
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let below = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let under = |name: &str| FileSelector {
        under: vec![below(name)],
        ..FileSelector::default()
    };
    for shell in SHELLS {
        let shell = [&weak(), shell].concat();
        let look = |selector: FileSelector| {
            let request = InventoryRequest {
                sections: [Section::Files].into(),
                files: vec![selector],
                ..InventoryRequest::default()
            };
            match collect(&shell, &request).files {
                Collected::Partial { gaps, .. } => gaps.to_string(),
                other => format!("{other:?}"),
            }
        };
        let shut = below("shut");
        assert_eq!(
            look(under("shut")),
            format!("{shut}: not listable"),
            "{shell:?}"
        );
        // The names are known, and nothing of what they name: more complaints than directories.
        let names = look(under("names"));
        assert!(
            names.contains("not readable by this user"),
            "{shell:?}: {names}"
        );
        let inside = FileSelector {
            paths: vec![below("names/file")],
            ..FileSelector::default()
        };
        let inside_path = below("names/file");
        assert_eq!(
            look(inside),
            format!("{inside_path}: not searchable"),
            "{shell:?}"
        );
        let secret = FileSelector {
            paths: vec![below("secret")],
            digest: true,
            ..FileSelector::default()
        };
        assert!(look(secret).contains("contents"), "{shell:?}");
    }
    for name in ["shut", "names"] {
        let open = fs::Permissions::from_mode(0o700);
        fs::set_permissions(dir.path().join(name), open).unwrap();
    }
}

/// Output of the collector where the target has the tools of that folder and no other, and whether it
/// ended well.
fn with_tools_of(folder: &Path) -> (Vec<u8>, bool) {
    let strip = |s: String| {
        s.replace(
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin\n",
            "PATH=\n",
        )
    };
    let script = strip(script(&everything(), "n0nce"));
    let mut child = Command::new("/bin/dash")
        .arg("-s")
        .env_clear()
        .env("PATH", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (output.stdout, output.status.success())
}

#[test]
fn a_target_without_what_every_answer_needs_says_so_and_ends_well() {
    let empty = tempfile::tempdir().unwrap();
    let (out, well) = with_tools_of(empty.path());
    let read = parse::inventory(NAME, &out, "n0nce", &everything());
    assert_eq!(
        read.unwrap_err().to_string(),
        "the agent cannot work in this target: the target has no dd"
    );
    assert!(well, "its code alone says whether it failed");
}

#[test]
fn a_target_without_tools_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let only_dd = empty.path();
    symlink("/bin/dd", only_dd.join("dd")).unwrap();
    symlink("/usr/bin/cksum", only_dd.join("cksum")).unwrap();
    let (out, _) = with_tools_of(only_dd);
    let found = parse::inventory(NAME, &out, "n0nce", &everything()).unwrap();
    let Collected::Unavailable { reason } = &found.files else {
        unreachable!("{:?}", found.files);
    };
    assert_eq!(crate::wire::missing_tool(reason), Some("find"));
    complete(&["dash"], "users", &found.users);
}
