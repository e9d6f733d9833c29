//! Which package owns a file, by the lists of dpkg, apk and rpm: twelve bytes for each file, whatever its path.

pub(crate) mod annotated;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use scanner_inventory::{FilePath, wire::encode_path};

use crate::{
    lines, packages,
    tree::{Contents, Tree},
};

/// Files of packages that are known at once; of more, the package of a file is not known.
const MAX_FILES: usize = 500_000;
/// Longest name of a package, in bytes.
const MAX_NAME: usize = 200;
/// Where dpkg has a list for each package, and the same of images without a package manager.
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
        let mut lists = Lists {
            root,
            owners: Self {
                packages: Vec::new(),
                files: Vec::new(),
                keys: RandomState::new(),
            },
            links: HashMap::new(),
        };
        lists.dpkg();
        lists.distroless();
        lists.apk();
        packages::rpm_files(root, &mut |package, path| lists.file(package, path));
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
}

impl Lists<'_> {
    fn file(&mut self, package: &str, path: &[u8]) {
        if self.owners.files.len() >= MAX_FILES || package.is_empty() || package.len() > MAX_NAME {
            return;
        }
        if self.owners.packages.last().is_none_or(|p| p != package) {
            self.owners.packages.push(package.to_owned());
        }
        let Ok(place) = u32::try_from(self.owners.packages.len() - 1) else {
            return;
        };
        let path = self.resolved(path);
        let [high, low] = self.owners.hash(&encode_path(&path));
        self.owners.files.push([high, low, place]);
    }

    /// A path with the link at its top followed: many lists still have `/bin/sh` for what is `/usr/bin/sh`.
    fn resolved(&mut self, path: &[u8]) -> Vec<u8> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let end = path.iter().position(|byte| *byte == b'/');
        let (top, rest) = path.split_at(end.unwrap_or(path.len()));
        // What is at the top itself may be a link that a package owns.
        let to = end.and_then(|_| {
            let root = self.root;
            let known = self.links.entry(top.to_vec());
            known.or_insert_with(|| link(root, top)).clone()
        });
        [b"/", to.as_deref().unwrap_or(top), rest].concat()
    }

    /// Each line of a text file; what cannot be read has none.
    fn lines(&mut self, path: &str, mut take: impl FnMut(&mut Self, &[u8])) {
        let root = self.root;
        let _ = lines::each_of_bytes(root, path, |line| {
            if let Some(line) = line {
                take(self, line);
            }
            Ok(())
        });
    }

    fn dpkg(&mut self) {
        for name in self.root.names(DPKG).unwrap_or_default() {
            let Some(package) = name.strip_suffix(".list") else {
                continue;
            };
            // With an architecture where there may be several.
            let package = package.split(':').next().unwrap_or(package);
            self.lines(&format!("{DPKG}/{name}"), |lists, line| {
                if line.starts_with(b"/") {
                    lists.file(package, line);
                }
            });
        }
    }

    fn distroless(&mut self) {
        for name in self.root.names(DISTROLESS).unwrap_or_default() {
            let Some(package) = name.strip_suffix(".md5sums") else {
                continue;
            };
            self.lines(&format!("{DISTROLESS}/{name}"), |lists, line| {
                // A digest, two spaces, a path without the slash at its start.
                if let Some(path) = line.get(34..) {
                    lists.file(package, path);
                }
            });
        }
    }

    fn apk(&mut self) {
        for database in packages::APK {
            let (mut package, mut dir) = (String::new(), Vec::new());
            self.lines(database, |lists, line| match line {
                [b'P', b':', name @ ..] => {
                    package = String::from_utf8_lossy(name).into_owned();
                    dir.clear();
                }
                [b'F', b':', name @ ..] => dir = name.to_vec(),
                [b'R', b':', name @ ..] => {
                    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
                    lists.file(&package, &[&dir, slash, name].concat());
                }
                _ => {}
            });
        }
    }
}

/// Where a link at the top leads within the root, without the slash at its start; `None` where it is no link, or goes up.
fn link(root: &dyn Tree, top: &[u8]) -> Option<Vec<u8>> {
    let place = FilePath::from_bytes(&[b"/", top].concat());
    let Contents::Link(to) = root.contents(place.as_text()) else {
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
