//! The files of an image whose contents an inventory reads.

use crate::language;

/// Longest text file that is kept, and all that is kept together, in bytes.
pub(super) const MAX_TEXT: u64 = 16 << 20;
pub(super) const MAX_KEPT: u64 = 256 << 20;
/// Files that an inventory reads by name, wherever their links lead.
pub(super) const NAMED: [&str; 8] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/var/lib/dpkg/status",
    "/lib/apk/db/installed",
    "/usr/lib/apk/db/installed",
];
/// Directories whose every file it reads.
pub(super) const FOLDERS: [&str; 1] = ["/var/lib/dpkg/status.d"];
/// Places of the text files that an inventory reads.
const TEXTS: [&str; 5] = [
    "/etc/",
    "/usr/lib/os-release",
    "/var/lib/dpkg/",
    "/lib/apk/db/",
    "/usr/lib/apk/db/",
];
/// Databases, which may be longer than a text.
pub(super) const DATABASES: [&str; 9] = [
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
    "/usr/share/rpm/rpmdb.sqlite",
    "/usr/share/rpm/Packages.db",
    "/usr/share/rpm/Packages",
];

/// Whether an inventory looks into a file at `path`.
pub(super) fn is_read(path: &[u8], size: u64) -> bool {
    let path = String::from_utf8_lossy(path);
    let text = TEXTS.iter().any(|text| path.starts_with(text)) && size <= MAX_TEXT;
    text || DATABASES.contains(&&*path) || language::is_read(&path, size)
}
