//! What a target does not have or does not let the collector read.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::*;

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
        // Another user's directories take root to make.
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

/// How uid 0 is without capabilities: a user that is not root is uid 0 in a user namespace of its own, which this machine
/// must allow.
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
    // All belong to this user: what their modes refuse it, only a capability gives.
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
