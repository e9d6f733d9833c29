//! One conformance suite for both agents: the shell collector and the probe see the same in the
//! same root.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use scanner_core::inventory::{
    FileKind, FileSelector, Inventory, InventoryRequest, Section, parse,
};
use scanner_k8s::collector;
use scanner_probe::{Root, Subject, answer};

fn by_collector(request: &InventoryRequest) -> Inventory {
    let script = collector::script(request, "n");
    let mut child = Command::new("dash")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dash is installed");
    let mut stdin = child.stdin.take().expect("stdin");
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let out = child.wait_with_output().expect("output").stdout;
    writer.join().expect("joined").expect("written");
    parse::inventory(collector::NAME, &out, "n", request).expect("an answer")
}

fn by_probe(request: &InventoryRequest) -> Inventory {
    let subject = Subject {
        root: Box::new(Root::open(Path::new("/")).expect("root")),
        pid: Some(std::process::id()),
        container: String::new(),
    };
    let mut out = Vec::new();
    answer(&subject, request, "n", &mut out).expect("written");
    parse::inventory(scanner_probe::NAME, &out, "n", request).expect("an answer")
}

fn request(sections: &[Section]) -> InventoryRequest {
    InventoryRequest {
        sections: sections.iter().copied().collect(),
        commands: ["sh", "ls", "no-such-command"].map(str::to_owned).into(),
        ..InventoryRequest::default()
    }
}

#[test]
fn accounts_packages_and_system_are_the_same() {
    let request = request(&[
        Section::Users,
        Section::Groups,
        Section::Shadow,
        Section::Packages,
        Section::Os,
        Section::Commands,
    ]);
    let (one, two) = (by_collector(&request), by_probe(&request));
    assert_eq!(one.users, two.users);
    assert_eq!(one.groups, two.groups);
    assert_eq!(one.shadow, two.shadow);
    assert_eq!(one.packages, two.packages);
    assert_eq!(one.os, two.os);
    assert_eq!(one.commands, two.commands);
    assert!(one.users.data().is_some_and(|users| !users.is_empty()));
}

#[test]
fn kernel_identity_and_mounts_are_the_same() {
    let request = request(&[Section::Identity, Section::Kernel, Section::Mounts]);
    let (one, two) = (by_collector(&request), by_probe(&request));
    assert_eq!(one.identity, two.identity);
    assert_eq!(one.kernel, two.kernel);
    assert_eq!(one.mounts, two.mounts);
}

#[test]
fn a_hostile_tree_is_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let root = dir.path().canonicalize().expect("path");
    for (name, mode) in [
        ("plain", 0o644),
        ("set id", 0o6755),
        ("two\nlines", 0o4711),
        ("a'b\"c\\d", 0o666),
        ("-x", 0o4000),
    ] {
        let path = root.join(name);
        fs::write(&path, "x").expect("file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    }
    fs::create_dir_all(root.join("sub/deep")).expect("folders");
    fs::set_permissions(root.join("sub/deep"), fs::Permissions::from_mode(0o777)).expect("mode");
    symlink("/", root.join("out")).expect("link");
    symlink("loop", root.join("loop")).expect("link");
    let base = root.to_str().expect("text").to_owned();
    let under = |selector: FileSelector| FileSelector {
        under: vec![base.clone()],
        ..selector
    };
    let selections = [
        under(FileSelector::default()),
        under(FileSelector {
            mode_any: Some("6000".into()),
            kind: vec![FileKind::File],
            ..FileSelector::default()
        }),
        under(FileSelector {
            mode_any: Some("0002".into()),
            mode_none: Some("1000".into()),
            kind: vec![FileKind::Directory, FileKind::File],
            ..FileSelector::default()
        }),
        under(FileSelector {
            name: vec!["p*n".into(), "-?".into()],
            ..FileSelector::default()
        }),
        FileSelector {
            paths: vec![
                format!("{base}/loop"),
                format!("{base}/none"),
                format!("{base}/plain/x"),
            ],
            ..FileSelector::default()
        },
    ];
    for selection in selections {
        let mut request = request(&[Section::Files]);
        request.files = vec![selection.clone()];
        let sorted = |found: Inventory| {
            let coverage = found.files.coverage();
            let mut files = found.files.data().cloned().unwrap_or_default();
            files.retain(|f| selection.matches(f));
            files.sort_by(|a, b| a.path.cmp(&b.path));
            (coverage, files)
        };
        let (one, two) = (sorted(by_collector(&request)), sorted(by_probe(&request)));
        assert_eq!(one, two, "{selection:?}");
        assert!(!one.1.is_empty(), "{selection:?}");
    }
}
