//! Installed packages, from the databases of dpkg, apk and rpm.
//!
//! Every database is looked at, whatever became of the one before: what cannot be read makes the
//! answer partial, and never hides another database.

mod database;
mod rpm;
mod sqlite;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use sha2::{Digest as _, Sha256};

use crate::{accounts::field, end::End, lines, tree::Tree};

/// Where apk keeps what is installed, by the versions of Alpine.
const APK: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];
/// Where rpm does.
const RPM: [&str; 2] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];
/// Most packages of rpm: each is three lines of what the reader of an answer takes.
const MAX_RPM: usize = 15_000;

/// dpkg's status, distroless images' `status.d`, apk's database and rpm's.
pub(crate) fn packages(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    let mut found = Found::default();
    let mut dpkg = vec!["/var/lib/dpkg/status".to_owned()];
    match root.names("/var/lib/dpkg/status.d") {
        Ok(names) => dpkg.extend(
            names
                .iter()
                .filter(|name| !name.ends_with(".md5sums"))
                .map(|name| format!("/var/lib/dpkg/status.d/{name}")),
        ),
        Err(error) => found.lost("/var/lib/dpkg/status.d", error),
    }
    let keys = ["Package:", "Status:", "Version:", "Architecture:"];
    for path in dpkg {
        found.text(root, "@dpkg", &path, &keys, out)?;
    }
    found.apk(root, out)?;
    let mut seen = BTreeSet::new();
    for place in RPM {
        found.rpm(root, place, &mut seen, out)?;
    }
    Ok(found.end())
}

/// What was found so far.
#[derive(Default)]
struct Found {
    known: bool,
    lost: u64,
    reasons: Vec<String>,
}

impl Found {
    fn lost(&mut self, what: &str, why: impl std::fmt::Display) {
        self.lost += 1;
        // A few say enough, and a hostile root has as many as it likes.
        if self.reasons.len() < 5 {
            self.reasons.push(format!("{what} cannot be read: {why}"));
        }
    }

    /// Writes the lines of a text database that start with one of `keys`.
    fn text(
        &mut self,
        root: &dyn Tree,
        manager: &str,
        path: &str,
        keys: &[&str],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut begun = false;
        let read = lines::each(root, path, |line| {
            if !begun {
                begun = true;
                writeln!(out, "{manager}")?;
            }
            field(line, keys, out)
        })?;
        self.known |= begun || read == Ok(true);
        if let Err(error) = read {
            self.lost(path, error);
        }
        Ok(())
    }

    /// Writes the packages of both databases of apk, each once: where /lib leads to /usr/lib they are one,
    /// and where they are two either may be the one in use.
    fn apk(&mut self, root: &dyn Tree, out: &mut impl Write) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        for path in APK {
            let (mut begun, mut package) = (false, Vec::new());
            let mut put = |package: &mut Vec<u8>, out: &mut _| -> io::Result<()> {
                let digest: [u8; 32] = Sha256::digest(&package).into();
                if seen.insert(digest) {
                    Write::write_all(out, package)?;
                }
                package.clear();
                Ok(())
            };
            let read = lines::each(root, path, |line| {
                if !begun {
                    begun = true;
                    writeln!(out, "@apk")?;
                }
                if line == Some("") {
                    return put(&mut package, out);
                }
                field(line, &["P:", "V:", "A:"], &mut package)
            })?;
            put(&mut package, out)?;
            self.known |= begun || read == Ok(true);
            if let Err(error) = read {
                self.lost(path, error);
            }
        }
        Ok(())
    }

    /// Writes the packages of the rpm database in `place` that `seen` does not have: both places
    /// may be one.
    fn rpm(
        &mut self,
        root: &dyn Tree,
        place: &str,
        seen: &mut BTreeSet<[u8; 32]>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let names = match root.names(place) {
            Ok(names) => names,
            Err(error) => {
                self.lost(place, error);
                return Ok(());
            }
        };
        // Locks and the shared memory of a database are no database.
        let kept = |n: &&String| !n.starts_with(['.', '_']) && !n.starts_with("rpmdb.sqlite-");
        let others: Vec<&String> = names.iter().filter(kept).collect();
        let mut known = rpm::NAMES.into_iter();
        let Some((name, format)) = known.find(|(known, _)| names.iter().any(|n| n == known)) else {
            if !others.is_empty() {
                self.lost(place, "it has no rpm database of a format that is known");
            }
            return Ok(());
        };
        let path = format!("{place}/{name}");
        let log = root.meta(&format!("{path}-wal"));
        if !matches!(log, Ok(None)) && !log.is_ok_and(|m| m.is_some_and(|m| m.size == 0)) {
            self.lost(&path, "it has changes in its write-ahead log");
        }
        let database = match root.open(&path) {
            Ok(Some(database)) => database,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.lost(&path, error);
                return Ok(());
            }
        };
        writeln!(out, "@rpm")?;
        let (mut over, mut broken) = (0, 0);
        let read = rpm::each(&*database, format, &mut |package| {
            let Some(package) = package else {
                broken += 1;
                return Ok(());
            };
            if seen.len() >= MAX_RPM {
                over += 1;
                return Ok(());
            }
            if seen.insert(package.digest()) {
                package.write(out)?;
            }
            Ok(())
        })?;
        self.known = true;
        if let Err(bad) = read {
            self.lost(&path, bad);
        }
        for (count, why) in [
            (over, "packages beyond what is read were left out"),
            (broken, "packages have no header that can be read"),
        ] {
            if count > 0 {
                self.lost(&path, format!("{count} {why}"));
                self.lost += count - 1;
            }
        }
        Ok(())
    }

    fn end(self) -> End {
        match (self.known, self.reasons.is_empty()) {
            (true, true) => End::Ok,
            (true, false) => End::partial(self.lost, self.reasons.join("; ")),
            (false, true) => End::Missing("there is no dpkg, apk or rpm database".into()),
            (false, false) => End::Missing(self.reasons.join("; ")),
        }
    }
}
