//! Which package owns a file, by the lists of dpkg, apk and rpm.
//!
//! The lists are the target's. Kept are twelve bytes for each of a limited number of files, and the names of a limited
//! number of packages; the reading is limited too. Beyond these limits, the package of a file is unknown.

pub(crate) mod annotated;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    io,
    ops::ControlFlow,
};

use rustix::fs::FileType;
use scanner_inventory::{FilePath, wire::encode_path};

use crate::{
    lines, packages,
    tree::{Contents, MAX_PATH, Tree},
};

/// Most files whose packages are known.
const MAX_FILES: usize = 500_000;
/// Most packages that are known.
const MAX_PACKAGES: usize = u16::MAX as usize;
/// Longest name of a package, in bytes.
const MAX_NAME: usize = 200;
/// Most bytes of text lists that are read.
const MAX_TEXT: usize = 256 << 20;
/// Most names at the top that are checked for being links, and the longest of them in bytes.
const MAX_TOPS: usize = 64;
const MAX_TOP: usize = 255;
/// Where dpkg has a list for each package, and where images without a package manager have them.
const DPKG: &str = "/var/lib/dpkg/info";
const DISTROLESS: &str = "/var/lib/dpkg/status.d";

/// Files of packages, by hashes of their paths.
pub(crate) struct Owners {
    packages: Vec<String>,
    /// Both halves of a hash, and the place of a package; sorted.
    files: Vec<[u32; 3]>,
    /// Keys that no target knows.
    keys: RandomState,
}

impl Owners {
    /// Reads every list that can be read.
    pub(crate) fn of(root: &dyn Tree) -> Self {
        let mut lists = Lists::new(root);
        // If a limit is reached, what was read until then is used.
        let _ = lists.read();
        let mut owners = lists.owners;
        owners.files.sort_unstable();
        owners
    }

    /// The package that owns the file of that path, as a field of a line.
    pub(crate) fn package(&self, path: &[u8]) -> Option<&str> {
        let [high, low] = self.hash(path);
        let same = |file: &[u32; 3]| [file[0], file[1]] < [high, low];
        let at = self.files.partition_point(same);
        let [_, _, package] = *self
            .files
            .get(at)
            .filter(|file| [file[0], file[1]] == [high, low])?;
        self.packages
            .get(usize::try_from(package).ok()?)
            .map(String::as_str)
    }

    fn hash(&self, path: &[u8]) -> [u32; 2] {
        let hash = self.keys.hash_one(path);
        [hash >> 32, hash & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or_default())
    }
}

/// Lists that are being read.
struct Lists<'a> {
    root: &'a dyn Tree,
    owners: Owners,
    /// Directories at the top that are links, such as `bin`, and where they lead.
    links: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Bytes of text that may still be read.
    left: usize,
}

impl<'a> Lists<'a> {
    fn new(root: &'a dyn Tree) -> Self {
        Self {
            root,
            owners: Owners {
                packages: Vec::new(),
                files: Vec::new(),
                keys: RandomState::new(),
            },
            links: HashMap::new(),
            left: MAX_TEXT,
        }
    }

    /// Reads all lists, until there is no room for more.
    fn read(&mut self) -> ControlFlow<()> {
        self.dpkg()?;
        self.distroless()?;
        self.apk()?;
        packages::rpm_files(self.root, &mut |package, path| self.file(package, path))
    }

    /// Adds a file, if there is room for it.
    fn file(&mut self, package: &str, path: &[u8]) -> ControlFlow<()> {
        if self.owners.files.len() >= MAX_FILES {
            return ControlFlow::Break(());
        }
        if package.is_empty() || package.len() > MAX_NAME || path.len() > MAX_PATH {
            return ControlFlow::Continue(());
        }
        if self.owners.packages.last().is_none_or(|p| p != package) {
            if self.owners.packages.len() >= MAX_PACKAGES {
                return ControlFlow::Break(());
            }
            self.owners.packages.push(package.to_owned());
        }
        let Ok(place) = u32::try_from(self.owners.packages.len() - 1) else {
            return ControlFlow::Break(());
        };
        let path = self.resolved(path);
        let [high, low] = self.owners.hash(&encode_path(&path));
        self.owners.files.push([high, low, place]);
        ControlFlow::Continue(())
    }

    /// A path with a link at its top followed: many lists still have `/bin/sh` for `/usr/bin/sh`.
    fn resolved(&mut self, path: &[u8]) -> Vec<u8> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let end = path.iter().position(|byte| *byte == b'/');
        let (top, rest) = path.split_at(end.unwrap_or(path.len()));
        // The name at the top itself may be a link that a package owns.
        let to = end.and_then(|_| self.link(top));
        [b"/", to.unwrap_or(top), rest].concat()
    }

    /// Where what is at the top leads, if it is a link. Each name is looked at once.
    fn link(&mut self, top: &[u8]) -> Option<&[u8]> {
        if !self.links.contains_key(top) {
            if top.len() > MAX_TOP || self.links.len() >= MAX_TOPS {
                return None;
            }
            self.links.insert(top.to_vec(), link(self.root, top));
        }
        self.links.get(top)?.as_deref()
    }

    /// Each line of a text file; an unreadable file has none.
    fn lines(
        &mut self,
        path: &str,
        mut take: impl FnMut(&mut Self, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let root = self.root;
        let mut flow = ControlFlow::Continue(());
        let _ = lines::each_of_bytes(root, path, |line| {
            let size = line.map_or(lines::MAX_LINE, <[u8]>::len) + 1;
            flow = match (self.left.checked_sub(size), line) {
                (None, _) => ControlFlow::Break(()),
                (Some(left), line) => {
                    self.left = left;
                    line.map_or(ControlFlow::Continue(()), |line| take(self, line))
                }
            };
            match flow {
                ControlFlow::Continue(()) => Ok(()),
                // The file is read no further.
                ControlFlow::Break(()) => Err(io::ErrorKind::FileTooLarge.into()),
            }
        });
        flow
    }

    fn dpkg(&mut self) -> ControlFlow<()> {
        for name in self.root.names(DPKG).unwrap_or_default() {
            let Some(package) = name.strip_suffix(".list") else {
                continue;
            };
            // With an architecture where there may be several.
            let package = package.split(':').next().unwrap_or(package);
            self.lines(&format!("{DPKG}/{name}"), |lists, line| {
                if line.starts_with(b"/") {
                    lists.file(package, line)
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        ControlFlow::Continue(())
    }

    fn distroless(&mut self) -> ControlFlow<()> {
        for name in self.root.names(DISTROLESS).unwrap_or_default() {
            let Some(package) = name.strip_suffix(".md5sums") else {
                continue;
            };
            self.lines(&format!("{DISTROLESS}/{name}"), |lists, line| {
                // A digest, two spaces, a path without the slash at its start.
                match line.get(34..) {
                    Some(path) => lists.file(package, path),
                    None => ControlFlow::Continue(()),
                }
            })?;
        }
        ControlFlow::Continue(())
    }

    fn apk(&mut self) -> ControlFlow<()> {
        for database in packages::APK {
            let (mut package, mut dir) = (String::new(), Vec::new());
            self.lines(database, |lists, line| {
                match line {
                    [b'P', b':', name @ ..] => {
                        package = String::from_utf8_lossy(name).into_owned();
                        dir.clear();
                    }
                    [b'F', b':', name @ ..] => dir = name.to_vec(),
                    // The directory of many files may be a long one: its length is looked at before it is copied.
                    [b'R', b':', name @ ..] if dir.len() + name.len() < MAX_PATH => {
                        let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
                        return lists.file(&package, &[&dir, slash, name].concat());
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            })?;
        }
        ControlFlow::Continue(())
    }
}

/// Where a link at the top leads within the root, without the slash at its start; `None` where it is no link, or goes up.
fn link(root: &dyn Tree, top: &[u8]) -> Option<Vec<u8>> {
    let place = FilePath::from_bytes(&[b"/", top].concat());
    let meta = root.meta(place.as_text()).ok()??;
    // The contents of a regular file would be read completely.
    if FileType::from_raw_mode(meta.mode) != FileType::Symlink {
        return None;
    }
    let Contents::Link(to) = root.contents(place.as_text(), None) else {
        return None;
    };
    let to = to.strip_prefix(b"/").unwrap_or(&to);
    let to = to.strip_suffix(b"/").unwrap_or(to);
    let is_plain = to
        .split(|byte| *byte == b'/')
        .all(|part| !matches!(part, b"" | b"." | b".."));
    is_plain.then(|| to.to_vec())
}

#[cfg(test)]
mod tests;
