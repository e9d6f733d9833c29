//! Installed packages, from the databases of dpkg, apk and rpm.
//!
//! Every database is read, whatever happened to the one before: an unreadable database makes the answer partial and never
//! hides another one.

mod database;
mod rpm;
mod sqlite;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    ops::ControlFlow,
};

use crate::{end::End, lines, tree::Tree};

/// Where apk has its database, in the versions of Alpine.
pub(crate) const APK: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];
/// Where rpm has its database.
const RPM: [&str; 3] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];
/// Most packages of rpm: each is up to five lines of the 150,000 that the reader of an answer takes.
const MAX_RPM: usize = 25_000;
/// Fields of dpkg that are sent, whose names may be in letters of any size.
const DPKG_KEYS: [&str; 5] = [
    "package:",
    "status:",
    "version:",
    "architecture:",
    "source:",
];
/// The same for apk.
const APK_KEYS: [&str; 4] = ["P:", "V:", "A:", "o:"];

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
    let dpkg_key = |line: &str| {
        let starts = |key: &&str| {
            line.get(..key.len())
                .is_some_and(|l| l.eq_ignore_ascii_case(key))
        };
        DPKG_KEYS.iter().any(starts)
    };
    for path in dpkg {
        found.text(root, "@dpkg", &path, dpkg_key, out)?;
    }
    let apk_key = |line: &str| APK_KEYS.iter().any(|key| line.starts_with(key));
    for path in APK {
        found.text(root, "@apk", path, apk_key, out)?;
    }
    let mut seen = BTreeSet::new();
    for place in RPM {
        found.rpm(root, place, &mut seen, out)?;
    }
    Ok(found.end())
}

/// Passes the name of every rpm package and each of its files to `take`, from the databases that can be read, until `take`
/// breaks.
pub(crate) fn rpm_files(
    root: &dyn Tree,
    take: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for place in RPM {
        let names = root.names(place).unwrap_or_default();
        let mut known = rpm::NAMES.into_iter();
        let Some((name, format)) = known.find(|(known, _)| names.iter().any(|n| n == known)) else {
            continue;
        };
        if let Ok(Some(database)) = root.open(&format!("{place}/{name}")) {
            rpm::each_file(&*database, format, take)?;
        }
    }
    ControlFlow::Continue(())
}

/// The result so far.
#[derive(Default)]
struct Found {
    known: bool,
    lost: u64,
    reasons: Vec<String>,
}

impl Found {
    fn lost(&mut self, what: &str, why: impl std::fmt::Display) {
        self.lost += 1;
        // A few are enough, and a hostile root can cause any number of them.
        if self.reasons.len() < 5 {
            self.reasons.push(format!("{what} cannot be read: {why}"));
        }
    }

    /// Writes the lines of a text database that `is_sent` keeps, and `@` between its paragraphs.
    fn text(
        &mut self,
        root: &dyn Tree,
        manager: &str,
        path: &str,
        is_sent: impl Fn(&str) -> bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut begun = false;
        let read = lines::each(root, path, |line| {
            if !begun {
                begun = true;
                writeln!(out, "{manager}")?;
            }
            match line {
                Some("") => writeln!(out, "@"),
                Some(line) if is_sent(line) => writeln!(out, "{line}"),
                Some(_) => Ok(()),
                // A line that the reader counts.
                None => writeln!(out, "?"),
            }
        })?;
        self.known |= begun || read == Ok(true);
        if let Err(error) = read {
            self.lost(path, error);
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
        // Locks and shared memory of a database are not databases.
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
