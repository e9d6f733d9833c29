//! Packages of distributions.

use std::collections::BTreeSet;

use super::line::Parsed;
use crate::model::Package;

/// Paragraphs of dpkg's status and apk's installed database, cut to a few fields, with `@` between them; those of rpm in
/// the form of apk. A database that is reached by two paths comes twice; its packages count once.
pub(super) fn packages(lines: &[String]) -> Parsed<Vec<Package>> {
    let mut found = Found::default();
    for line in lines {
        match line.as_str() {
            "@dpkg" => found.begin("dpkg"),
            "@apk" => found.begin("apk"),
            "@rpm" => found.begin("rpm"),
            "@" => found.close(),
            _ => found.unreadable += u64::from(found.field(line).is_none()),
        }
    }
    found.close();
    (found.all, found.unreadable)
}

#[derive(Default)]
struct Found {
    manager: &'static str,
    paragraph: Option<Paragraph>,
    all: Vec<Package>,
    seen: BTreeSet<[String; 6]>,
    unreadable: u64,
}

/// Fields of one package, in whatever order they come.
#[derive(Default)]
struct Paragraph {
    package: Package,
    is_removed: bool,
}

impl Found {
    fn begin(&mut self, manager: &'static str) {
        self.close();
        self.manager = manager;
    }

    /// Takes a line `KEY:VALUE`; `None` for any other line.
    fn field(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once(':')?;
        let value = value.trim();
        let field = Field::of(self.manager, key)?;
        let is_named = |p: &Paragraph| !p.package.name.is_empty();
        if field == Field::Name && self.paragraph.as_ref().is_some_and(is_named) {
            self.close();
        }
        let Paragraph {
            package,
            is_removed,
        } = self.paragraph.get_or_insert_default();
        match field {
            Field::Name => value.clone_into(&mut package.name),
            // Removed packages stay in dpkg's status. In every other state files of the package are
            // on the disk, though its scripts or triggers have not all run: see dpkg(1).
            Field::Status => {
                let state = value.split_whitespace().last().unwrap_or_default();
                let removed = ["not-installed", "config-files"];
                *is_removed = removed.iter().any(|r| state.eq_ignore_ascii_case(r));
            }
            Field::Version => value.clone_into(&mut package.version),
            Field::Arch => value.clone_into(&mut package.arch),
            Field::Source => {
                let (name, version) = source(self.manager, value);
                (package.source, package.source_version) = (name.into(), version.into());
            }
        }
        Some(())
    }

    fn close(&mut self) {
        let Some(Paragraph {
            mut package,
            is_removed,
        }) = self.paragraph.take()
        else {
            return;
        };
        if package.name.is_empty() {
            self.unreadable += 1;
            return;
        }
        self.manager.clone_into(&mut package.manager);
        let Package {
            name,
            version,
            arch,
            manager,
            source,
            source_version,
        } = &package;
        let fields = [name, version, arch, manager, source, source_version].map(Clone::clone);
        if !is_removed && self.seen.insert(fields) {
            self.all.push(package);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Status,
    Version,
    Arch,
    Source,
}

impl Field {
    fn of(manager: &str, key: &str) -> Option<Self> {
        let known = match manager {
            "dpkg" => [
                ("package", Self::Name),
                ("status", Self::Status),
                ("version", Self::Version),
                ("architecture", Self::Arch),
                ("source", Self::Source),
            ]
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key)),
            _ => [
                ("P", Self::Name),
                ("V", Self::Version),
                ("A", Self::Arch),
                ("o", Self::Source),
            ]
            .into_iter()
            .find(|(name, _)| *name == key),
        };
        known.map(|(_, field)| field)
    }
}

/// Name and version of a source package; the version is empty where it is that of the package. dpkg writes
/// `NAME (VERSION)`, rpm the name of a file.
fn source<'a>(manager: &str, text: &'a str) -> (&'a str, &'a str) {
    match manager {
        "dpkg" => match text.split_once('(') {
            Some((name, version)) => {
                let version = version.split(')').next().unwrap_or_default();
                (name.trim(), version.trim())
            }
            None => (text, ""),
        },
        "rpm" => {
            let file = text.strip_suffix(".rpm").unwrap_or(text);
            let whole = file.strip_suffix(".src").or(file.strip_suffix(".nosrc"));
            let parts = whole.and_then(|whole| {
                let release = whole.rfind('-')?;
                let version = whole[..release].rfind('-')?;
                Some((&whole[..version], &whole[version + 1..]))
            });
            parts.unwrap_or_default()
        }
        _ => (text, ""),
    }
}
