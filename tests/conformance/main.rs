//! One conformance suite for both agents: the shell collector and the probe see the same in the
//! same root.

mod scripts;
mod threat_model;
mod whole;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use scanner_core::inventory::{
    Coverage, FileKind, FileSelector, Inventory, InventoryRequest, Section, collector, parse,
};
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
    probe_of(Path::new("/"), request)
}

fn probe_of(root: &Path, request: &InventoryRequest) -> Inventory {
    let subject = Subject {
        root: Box::new(Root::open(root).expect("root")),
        process: scanner_probe::inside::Process::of(std::process::id()).ok(),
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
fn packages_of_languages_are_the_probes_and_never_absent_to_the_collector() {
    let request = request(&[Section::LanguagePackages]);
    let dir = tempfile::tempdir().expect("folder");
    let package = dir.path().join("srv/node_modules/a");
    fs::create_dir_all(&package).expect("folders");
    fs::write(package.join("package.json"), r#"{"version": "1"}"#).expect("file");
    let (one, two) = (by_collector(&request), probe_of(dir.path(), &request));
    let coverage = one.language_packages.coverage();
    assert!(
        matches!(&coverage, Coverage::Unavailable { reason } if reason.contains("distroless")),
        "{coverage:?}"
    );
    assert_eq!(two.language_packages.coverage(), Coverage::Complete);
    assert_eq!(two.language_packages.data().map(Vec::len), Some(1));
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
fn both_compare_a_target_with_how_it_was() {
    let request = request(&[]).comparing();
    for found in [by_collector(&request), by_probe(&request)] {
        let agent = &found.agent.name;
        let data = found.changes.data().expect("compared");
        assert!(data.processes > 0 && data.files > 50, "{agent}: {data:?}");
    }
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

#[test]
fn what_is_in_files_is_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let root = dir.path().canonicalize().expect("path");
    let base = root.to_str().expect("text").to_owned();
    for name in ["plain", "two\nlines", "a\\b", "it's", "-x", "empty"] {
        let text = if name == "empty" { "" } else { name };
        fs::write(root.join(name), text).expect("file");
    }
    fs::set_permissions(root.join("plain"), fs::Permissions::from_mode(0o755)).expect("mode");
    for (name, to) in [
        ("link", "plain"),
        ("odd link", "a b\nc"),
        ("loop", "loop"),
        ("out", "/"),
    ] {
        symlink(to, root.join(name)).expect("link");
    }
    let all = FileSelector {
        under: vec![base.clone()],
        digest: true,
        ..FileSelector::default()
    };
    let programs = FileSelector {
        kind: vec![FileKind::File],
        mode_any: Some("0111".into()),
        ..all.clone()
    };
    let named = FileSelector {
        paths: vec![
            format!("{base}/plain"),
            format!("{base}/out"),
            format!("{base}/none"),
        ],
        digest: true,
        ..FileSelector::default()
    };
    let plain = "a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475";
    for (selection, expected) in [(all, 11), (programs, 1), (named, 3)] {
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
        assert_eq!(two.0, Coverage::Complete, "{selection:?}");
        assert_eq!(two.1.len(), expected, "{:?}", two.1);
        let path = format!("{base}/plain");
        let found = two.1.iter().find(|f| f.path == path).expect("plain");
        assert_eq!(found.digest, plain);
    }
}

/// The request of a comparison with an image: times of all files, contents of some, and one walk for both.
#[test]
fn times_and_the_contents_of_some_are_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let root = dir.path().canonicalize().expect("path");
    let base = root.to_str().expect("text").to_owned();
    for folder in ["et*c", "etxc", "et*c/below"] {
        fs::create_dir(root.join(folder)).expect("folder");
    }
    let files = ["plain", "two\nlines", "et*c/a", "et*c/below/b", "etxc/c"];
    for (number, name) in files.iter().enumerate() {
        fs::write(root.join(name), name).expect("file");
        let file = fs::File::options().write(true).open(root.join(name));
        let seconds = 86_400 * u64::try_from(number).expect("small");
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.and_then(|file| file.set_modified(time)).expect("time");
    }
    symlink("plain", root.join("link")).expect("link");
    let under = |dir: &str| FileSelector {
        under: vec![dir.to_owned()],
        ..FileSelector::default()
    };
    let mut request = request(&[Section::Files]);
    request.one_filesystem = true;
    request.files = vec![
        FileSelector {
            times: true,
            ..under(&base)
        },
        FileSelector {
            kind: vec![FileKind::File],
            digest: true,
            ..under(&format!("{base}/et*c"))
        },
        FileSelector {
            kind: vec![FileKind::Symlink],
            digest: true,
            ..under(&base)
        },
    ];
    let sorted = |found: Inventory| {
        assert_eq!(found.files.coverage(), Coverage::Complete);
        let mut files = found.files.data().cloned().unwrap_or_default();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    };
    let (one, two) = (sorted(by_collector(&request)), sorted(by_probe(&request)));
    assert_eq!(one, two);
    // Each once, though two selections walk by some.
    assert_eq!(two.len(), 10, "{two:?}");
    let of = |name: &str| {
        let path = format!("{base}/{name}");
        let found = two.iter().find(|file| file.path == path).expect("the file");
        (found.modified, !found.digest.is_empty())
    };
    assert_eq!(of("plain"), (Some(0), false));
    assert_eq!(of("et*c/a"), (Some(2 * 86_400), true));
    assert_eq!(of("et*c/below/b"), (Some(3 * 86_400), true));
    assert_eq!(of("etxc/c"), (Some(4 * 86_400), false));
}
