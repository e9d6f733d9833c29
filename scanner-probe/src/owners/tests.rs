//! Files of packages of every manager, and files of none.

use std::{fs, io::Write as _, os::unix::fs::symlink, path::Path};

use scanner_inventory::{FileSelector, InventoryRequest, Section};

use super::{annotated::Annotated, *};
use crate::Root;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn of(root: &Path, path: &str) -> Option<String> {
    let owners = Owners::of(&Root::open(root).unwrap());
    owners.package(path.as_bytes()).map(str::to_owned)
}

#[test]
fn files_are_of_the_packages_that_list_them() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    put(root, "usr/bin/ls", "");
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/usr/lib/", root.join("lib")).unwrap();
    symlink("../up", root.join("up")).unwrap();
    put(
        root,
        "var/lib/dpkg/info/coreutils.list",
        "/.\n/bin\n/bin/ls\n/usr/share/a\\b\n/up/x\n",
    );
    put(
        root,
        "var/lib/dpkg/info/libc6:amd64.list",
        "/lib/libc.so.6\n",
    );
    put(root, "var/lib/dpkg/info/libc6:amd64.md5sums", "");
    let digest = "0123456789abcdef0123456789abcdef";
    put(
        root,
        "var/lib/dpkg/status.d/tzdata.md5sums",
        &format!("{digest}  usr/share/zoneinfo/UTC\nshort\n"),
    );
    put(root, "lib/apk/db/installed", "");
    put(
        root,
        "usr/lib/apk/db/installed",
        "P:busybox\nV:1\nF:bin\nR:busybox\nF:\nR:top\n\nP:musl\nF:lib\nR:ld-musl.so.1\n",
    );
    for (path, package) in [
        ("/usr/bin/ls", Some("coreutils")),
        ("/bin/ls", None),
        ("/usr/share/a\\b", Some("coreutils")),
        ("/up/x", Some("coreutils")),
        ("/usr/lib/libc.so.6", Some("libc6")),
        ("/usr/share/zoneinfo/UTC", Some("tzdata")),
        ("/usr/bin/busybox", Some("busybox")),
        ("/top", Some("busybox")),
        ("/usr/lib/ld-musl.so.1", Some("musl")),
        ("/usr/bin/evil", None),
        ("/", None),
    ] {
        assert_eq!(of(root, path).as_deref(), package, "{path}");
    }
}

#[test]
fn a_root_without_lists_has_no_owners() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(of(root.path(), "/bin/sh"), None);
}

#[test]
fn only_files_and_links_have_a_line_for_their_package() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    put(root, "usr/bin/ls", "x");
    put(root, "usr/bin/new\nline", "");
    put(root, "usr/bin/other", "");
    symlink("ls", root.join("usr/bin/dir")).unwrap();
    put(
        root,
        "var/lib/dpkg/info/coreutils.list",
        "/usr\n/usr/bin\n/usr/bin/ls\n/usr/bin/dir\n",
    );
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec!["/usr".into()],
            digest: true,
            times: true,
            ..FileSelector::default()
        }],
        owners: true,
        ..InventoryRequest::default()
    };
    let tree = Root::open(root).unwrap();
    let (mut out, mut plain) = (Vec::new(), Vec::new());
    let owners = Owners::of(&tree);
    let mut annotated = Annotated::new(owners, &mut out);
    crate::tree::files(&tree, &request, &mut annotated).unwrap();
    annotated.flush().unwrap();
    crate::tree::files(&tree, &request, &mut plain).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let owned: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair[1] == "%coreutils")
        .map(|pair| pair[0].rsplit(' ').next().unwrap())
        .collect();
    let mut sorted = owned.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["/usr/bin/dir", "/usr/bin/ls"]);
    let rest: Vec<&str> = lines.into_iter().filter(|l| !l.starts_with('%')).collect();
    assert_eq!(
        rest.join("\n"),
        String::from_utf8(plain).unwrap().trim_end()
    );
}
