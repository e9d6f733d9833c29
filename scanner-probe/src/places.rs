//! The places of processes, which may be below a directory that nobody may search.

use std::{
    fs,
    io::{self, Write},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use rustix::fs::{OFlags, fstat};
use scanner_inventory::{FilePath, wire::encode_path};

use crate::root::Root;

/// The root that paths of a process are followed in; `None` where this probe may not see it.
pub(crate) fn root(pid: u32) -> Option<Root> {
    Root::open(Path::new(&format!("/proc/{pid}/root"))).ok()
}

/// Writes the working directory and the root of a process: `seen` if the path leads there within `root` too.
pub(crate) fn write(pid: u32, root: Option<&Root>, out: &mut impl Write) -> io::Result<()> {
    for place in ["cwd", "root"] {
        let link = format!("/proc/{pid}/{place}");
        // Not shown to every user: unknown then.
        let Ok(path) = fs::read_link(&link) else {
            continue;
        };
        let path = path.as_os_str().as_bytes();
        let seen = root.is_some_and(|root| leads_to(root, path, &link));
        let way = if seen { "seen" } else { "shut" };
        write!(out, "{link}:{way}:")?;
        out.write_all(&encode_path(path))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Whether a path is the directory that a link of `/proc` leads to.
fn leads_to(root: &Root, path: &[u8], link: &str) -> bool {
    let path = FilePath::from_bytes(path);
    let found = root.resolve(path.as_text(), OFlags::PATH | OFlags::DIRECTORY);
    let found = found.and_then(fstat);
    match (found, fs::metadata(link)) {
        (Ok(found), Ok(real)) => (found.st_dev, found.st_ino) == (real.dev(), real.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pid: u32, root: Option<&Root>) -> String {
        let mut out = Vec::new();
        write(pid, root, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_place_is_seen_only_where_its_path_leads_to_it() {
        let own = std::process::id();
        let cwd = std::env::current_dir().unwrap();
        let (cwd, own_root) = (cwd.display(), root(own).unwrap());
        assert_eq!(
            written(own, Some(&own_root)),
            format!("/proc/{own}/cwd:seen:{cwd}\n/proc/{own}/root:seen:/\n")
        );
        let elsewhere = tempfile::tempdir().unwrap();
        let elsewhere = Root::open(elsewhere.path()).unwrap();
        let shut = format!("/proc/{own}/cwd:shut:{cwd}\n/proc/{own}/root:shut:/\n");
        assert_eq!(written(own, Some(&elsewhere)), shut);
        assert_eq!(written(own, None), shut);
        assert_eq!(written(u32::MAX, Some(&own_root)), "");
    }

    #[test]
    fn a_directory_that_is_gone_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep");
        let mut child = child.arg("60").current_dir(dir.path()).spawn().unwrap();
        let own_root = root(std::process::id()).unwrap();
        let place = |child: u32| written(child, Some(&own_root));
        let before = place(child.id());
        dir.close().unwrap();
        let after = place(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(before.contains("/cwd:seen:/"), "{before}");
        assert!(after.contains("/cwd:shut:/"), "{after}");
    }
}
