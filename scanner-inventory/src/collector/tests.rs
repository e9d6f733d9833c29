//! The collector in real shells, on this machine's own files.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{Collected, FilePath, GapKind, Inventory, Section, parse};

/// Every shell that the collector must work in. All of them must be on the machine.
const SHELLS: [&[&str]; 3] = [&["dash", "-s"], &["bash", "-s"], &["busybox", "sh", "-s"]];

/// A shell that was given a whole script.
fn started(shell: &[&str], script: &str) -> Child {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    child
}

fn run(shell: &[&str], path: Option<&Path>, request: &InventoryRequest) -> Vec<u8> {
    let script = script(request, "n0nce");
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .env_clear()
        .env(
            "PATH",
            path.map_or("/usr/bin:/bin".as_ref(), Path::as_os_str),
        )
        .env("API_TOKEN", "ghp_0123456789")
        .env("PEM", "-----BEGIN PRIVATE KEY-----\nxyz\nFAKE=1\n")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| unreachable!("{shell:?} must be installed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        out.status.success(),
        "{shell:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

fn collect(shell: &[&str], request: &InventoryRequest) -> Inventory {
    let bytes = run(shell, None, request);
    let read = parse::inventory(NAME, &bytes, "n0nce", request);
    read.unwrap_or_else(|e| unreachable!("{shell:?}: {e}\n{}", String::from_utf8_lossy(&bytes)))
}

fn everything() -> InventoryRequest {
    InventoryRequest {
        sections: Section::ALL.into_iter().collect(),
        files: vec![FileSelector {
            paths: vec!["/etc/passwd".into(), "/no/such/file".into()],
            ..FileSelector::default()
        }],
        commands: ["sh".into(), "no-such-command".into()].into(),
        ..InventoryRequest::default()
    }
}

fn complete<T>(shell: &[&str], name: &str, collected: &Collected<T>) {
    assert!(
        matches!(collected, Collected::Complete { .. }),
        "{shell:?} {name}: {:?}",
        collected.coverage()
    );
}

#[test]
fn every_section_is_answered_in_every_shell() {
    for shell in SHELLS {
        let found = collect(shell, &everything());
        complete(shell, "identity", &found.identity);
        complete(shell, "files", &found.files);
        complete(shell, "users", &found.users);
        complete(shell, "groups", &found.groups);
        complete(shell, "shadow", &found.shadow);
        complete(shell, "processes", &found.processes);
        complete(shell, "listeners", &found.listeners);
        complete(shell, "connections", &found.connections);
        complete(shell, "mounts", &found.mounts);
        complete(shell, "env", &found.env);
        complete(shell, "commands", &found.commands);
        complete(shell, "packages", &found.packages);
        complete(shell, "os", &found.os);
        complete(shell, "kernel", &found.kernel);
        let files = found.files.data().unwrap();
        assert!(files[0].exists && !files[1].exists, "{files:?}");
        let users = found.users.data().unwrap();
        assert!(users.iter().any(|u| u.name == "root" && u.uid == 0));
        let packages = found.packages.data().unwrap();
        assert!(packages.iter().any(|p| p.name == "libc6"), "{shell:?}");
        assert!(found.agent.digests);
        assert!(found.processes.data().unwrap().iter().any(|p| p.pid == 1));
    }
}

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
fn the_environment_is_named_and_never_sent() {
    for shell in SHELLS {
        let bytes = run(shell, None, &everything());
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("ghp_0123"), "{shell:?}");
        assert!(!text.contains("xyz"), "{shell:?}");
        let found = parse::inventory(NAME, &bytes, "n0nce", &everything()).unwrap();
        let env = found.env.data().unwrap();
        let seen: Vec<_> = env
            .iter()
            .filter(|e| e.name != "PATH")
            .map(|e| (e.name.as_str(), e.shape.as_str(), e.length))
            .collect();
        let expected = [
            ("API_TOKEN", "github_token", 14),
            ("PEM", "private_key", 39),
        ];
        for variable in expected {
            assert!(seen.contains(&variable), "{shell:?} {seen:?}");
        }
        assert!(!seen.iter().any(|e| e.0 == "FAKE"), "{shell:?} {seen:?}");
    }
}

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
fn what_cannot_be_read_is_partial() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
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
    let expected = [
        format!("{closed}/inside: not searchable"),
        format!("{closed}: not listable"),
    ];
    assert_eq!(places, expected);
    assert!(matches!(found.shadow, Collected::Unavailable { .. }));
}

#[test]
fn root_without_capabilities_sees_what_the_kernel_says_in_every_shell() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can drop what it has; CI runs as root.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, mode) in [("shut", 0o000), ("names", 0o744), ("secret", 0o600)] {
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
        std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    }
    let below = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let under = |name: &str| FileSelector {
        under: vec![below(name)],
        ..FileSelector::default()
    };
    for shell in SHELLS {
        let weak = ["setpriv", "--bounding-set=-all"];
        let shell = [&weak[..], shell].concat();
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
}

/// Output of the collector where the target has the tools of that folder and no other, and whether it
/// ended well.
fn with_tools_of(folder: &Path) -> (Vec<u8>, bool) {
    let strip = |s: String| {
        s.replace(
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH",
            ":",
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

/// An answer between whose two looks something happens.
fn slowly(shell: &[&str], meanwhile: impl FnOnce()) -> Inventory {
    let signs = tempfile::tempdir().unwrap();
    let (looked, go) = (signs.path().join("looked"), signs.path().join("go"));
    let request = InventoryRequest::default().comparing();
    let slow = script(&request, "n0nce").replace(
        "for section in $sections; do",
        &format!(
            ": >{}; while [ ! -e {} ]; do sleep 0.1; done; for section in $sections; do",
            looked.display(),
            go.display()
        ),
    );
    let mut child = started(shell, &slow);
    while !looked.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it looks a first time");
        std::thread::sleep(Duration::from_millis(20));
    }
    meanwhile();
    fs::write(&go, "").unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    parse::inventory(NAME, &out, "n0nce", &request).unwrap()
}

#[test]
fn what_changes_while_the_collector_runs_is_reported_in_every_shell() {
    for shell in SHELLS {
        let own = tempfile::Builder::new()
            .prefix("seen")
            .tempfile_in("/tmp")
            .unwrap();
        let odd = own.path().with_extension("x\n81a4 0 0 1 1 1 1 forged");
        let mut held = Vec::new();
        let found = slowly(shell, || {
            fs::write(own.path(), "changed").unwrap();
            fs::write(&odd, "x").unwrap();
            let sleep = Command::new("sleep").arg("600").spawn().unwrap();
            held.push((sleep, std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
        });
        let (mut sleep, listener) = held.pop().unwrap();
        fs::remove_file(&odd).unwrap_or_default();
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        let Collected::Complete { data } = &found.changes else {
            unreachable!("{shell:?}: {:?}", found.changes);
        };
        let differences = data.differences.join("\n");
        let port = listener.local_addr().unwrap().port();
        for expected in [
            format!("file {} changed", own.path().display()),
            format!("file {} is new", FilePath::from(odd.to_str().unwrap())),
            format!("process {} (sleep) started", sleep.id()),
            format!("tcp 127.0.0.1 port {port} began to listen"),
        ] {
            assert!(
                differences.contains(&expected),
                "{shell:?}: {expected}: {differences}"
            );
        }
        assert!(data.files > 50 && data.processes > 0, "{shell:?}: {data:?}");
    }
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
                .collect();
            assert_eq!(files, [tool.as_str()], "{shell:?} {under:?}");
        }
    }
}

#[test]
fn a_path_is_compared_as_the_kernel_writes_it() {
    assert_eq!(mounted("/"), "");
    assert_eq!(mounted("/a b/"), "/a\\040b");
    assert_eq!(mounted("/a\\#"), "/a\\134\\043");
}

/// Processes of a process group, zombies included; of the shell itself only while it runs.
fn members(group: u32) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        let shell = stat.starts_with(&format!("{group} ("));
        if fields[2] == group.to_string() && !(shell && fields[0] == "Z") {
            all.push(stat.trim().to_owned());
        }
    }
    all
}

/// A collector in a process group of its own, whose standard input stays open.
fn held(shell: &[&str], under: &str, seconds: u32) -> (Child, std::process::ChildStdin) {
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![under.into()],
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    // What its parent does not wait for becomes a child of this process, which never does: so it stays and is seen.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let script = script_held(&request, "n0nce", seconds);
    let mut command = Command::new("setsid");
    command
        .args(shell)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    (child, stdin)
}

fn until_none(group: u32, limit: Duration) {
    let begun = std::time::Instant::now();
    while !members(group).is_empty() {
        assert!(begun.elapsed() < limit, "{:#?}", members(group));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_answer_comes_while_standard_input_stays_open_and_nothing_stays() {
    for shell in SHELLS {
        let (child, stdin) = held(shell, "/etc", 60);
        let group = child.id();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{shell:?}: {out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(text.contains("@end n0nce"), "{shell:?}: {text}");
        until_none(group, Duration::from_mins(1));
        drop(stdin);
    }
}

#[test]
fn a_collector_whose_standard_input_ends_or_whose_time_is_up_ends_with_all_it_started() {
    // Nobody reads the answer, which is longer than what a pipe holds.
    for shell in SHELLS {
        for hang_up in [true, false] {
            let (mut child, stdin) = held(shell, "/usr", if hang_up { 60 } else { 1 });
            let group = child.id();
            std::thread::sleep(Duration::from_millis(500));
            assert!(members(group).len() > 3, "{shell:?}: {:#?}", members(group));
            let stdin = if hang_up {
                drop(stdin);
                None
            } else {
                Some(stdin)
            };
            until_none(group, Duration::from_mins(1));
            assert!(!child.wait().unwrap().success());
            drop(stdin);
        }
    }
}
