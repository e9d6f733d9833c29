//! Files of packages of every manager, and files of none.

use std::{cell::RefCell, fs, io::Write, os::unix::fs::symlink, path::Path};

use rustix::io::Errno;
use scanner_inventory::{FileSelector, Gaps, InventoryRequest, Section};

use super::{annotated::Annotated, *};
use crate::{
    Root,
    tree::{Inode, Meta, ReadAt},
};

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
    symlink("other", root.join("usr/bin/dir")).unwrap();
    put(
        root,
        "var/lib/dpkg/info/coreutils.list",
        "/usr\n/usr/bin\n/usr/bin/ls\n/usr/bin/dir\n",
    );
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![
            FileSelector {
                under: vec!["/usr".into()],
                digest: true,
                times: true,
                ..FileSelector::default()
            },
            // What is there is what the link leads to, and no package lists that.
            FileSelector {
                paths: vec!["/usr/bin/dir".into()],
                follow: true,
                ..FileSelector::default()
            },
        ],
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

/// A root, and what of it was looked at and read.
#[derive(Debug)]
struct Watched {
    root: Root,
    looks: RefCell<Vec<String>>,
    reads: RefCell<Vec<String>>,
}

impl Watched {
    fn of(root: &Path) -> Self {
        Self {
            root: Root::open(root).unwrap(),
            looks: RefCell::default(),
            reads: RefCell::default(),
        }
    }
}

impl Tree for Watched {
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno> {
        self.looks.borrow_mut().push(path.to_owned());
        self.root.meta(path)
    }

    fn contents(&self, path: &str, seen: Option<Inode>) -> Contents {
        self.reads.borrow_mut().push(path.to_owned());
        self.root.contents(path, seen)
    }

    fn open(&self, path: &str) -> Result<Option<Box<dyn ReadAt + '_>>, Errno> {
        self.root.open(path)
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        self.root.names(path)
    }

    fn followed(&self, _: &str) -> Result<Option<Meta>, Errno> {
        unreachable!("lists need no such thing")
    }

    fn capability(&self, _: &str, _: Option<Inode>) -> Option<Vec<u8>> {
        unreachable!("lists need no such thing")
    }

    fn text(&self, _: &str) -> Result<Option<String>, Errno> {
        unreachable!("lists need no such thing")
    }

    fn walk(&self, _: &[&FileSelector], _: bool, _: &mut dyn Write) -> io::Result<Gaps> {
        unreachable!("lists need no such thing")
    }
}

const APK: &str = "usr/lib/apk/db/installed";

#[test]
fn of_what_lists_name_at_the_top_few_are_looked_at_and_links_alone_are_read() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "large", "");
    put(root.path(), "usr/bin/sh", "");
    symlink("usr/bin", root.path().join("bin")).unwrap();
    let tops: Vec<String> = (0..1000).map(|top| format!("R:top-{top}/x\n")).collect();
    let tops = tops.concat();
    let long = "t".repeat(MAX_TOP + 1);
    let list = format!("P:p\nR:bin/sh\nR:bin/sh\nR:large/x\nR:{long}/x\n{tops}");
    put(root.path(), APK, &list);
    let tree = Watched::of(root.path());
    let mut lists = Lists::new(&tree);
    assert!(lists.read().is_continue());
    assert_eq!(lists.owners.files.len(), 1004);
    let looks = tree.looks.borrow();
    assert_eq!(looks.len(), MAX_TOPS, "{looks:?}");
    assert_eq!(looks[..2], ["/bin", "/large"]);
    assert_eq!(*tree.reads.borrow(), ["/bin"]);
}

#[test]
fn files_of_a_directory_that_is_as_long_as_a_line_cost_nothing() {
    let root = tempfile::tempdir().unwrap();
    // A path for each of them would be more than a terabyte.
    let (dir, names) = ("d".repeat(1 << 19), "R:n\n".repeat(3 << 20));
    put(
        root.path(),
        APK,
        &format!("P:p\nF:{dir}\n{names}F:d\nR:n\n"),
    );
    let tree = Watched::of(root.path());
    let mut lists = Lists::new(&tree);
    assert!(lists.read().is_continue());
    assert_eq!(lists.owners.files.len(), 1);
}

#[test]
fn there_is_room_for_so_many_files_and_packages_and_no_list_is_read_after_that() {
    let full = |list: &str| {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), APK, list);
        let tree = Watched::of(root.path());
        let mut lists = Lists::new(&tree);
        let flow = lists.read();
        let left = MAX_TEXT - lists.left;
        (
            flow,
            lists.owners.files.len(),
            lists.owners.packages.len(),
            left < list.len(),
        )
    };
    let files = format!("P:p\nF:d\n{}", "R:n\n".repeat(MAX_FILES + 10));
    assert_eq!(full(&files), (ControlFlow::Break(()), MAX_FILES, 1, true));
    let packages: Vec<String> = (0..MAX_PACKAGES + 10)
        .map(|number| format!("P:{number}\nR:n\n"))
        .collect();
    let most = MAX_PACKAGES;
    assert_eq!(
        full(&packages.concat()),
        (ControlFlow::Break(()), most, most, true)
    );
}

#[test]
fn lists_that_name_nothing_are_read_up_to_a_limit() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), APK, "C:1\nC:2\nP:p\nR:n\n");
    let tree = Watched::of(root.path());
    let mut lists = Lists::new(&tree);
    lists.left = 10;
    assert!(lists.read().is_break());
    assert_eq!(lists.owners.files.len(), 0);
}
