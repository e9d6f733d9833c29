//! Holds crates and folders to the table of layers.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    files::{is_rust, is_test_file},
    modules::{Import, Modules},
    table::{Allowed, DOCUMENT, Layers, Row},
    violation::{Rule, Violation},
    workspace::Crate,
};

/// Compares dependencies and imports with the table.
pub(crate) fn check(
    layers: &Layers,
    crates: &[Crate],
    modules: &Modules<'_>,
    files: &BTreeSet<String>,
) -> Vec<Violation> {
    let rules = Rules {
        layers,
        crates,
        files,
    };
    let mut found = rules.stale();
    for member in crates {
        found.extend(rules.manifest(member));
    }
    found.extend(rules.imports(&modules.mentions(), Rules::crate_rule));
    found.extend(rules.imports(&modules.imports(), Rules::folder_rule));
    for (member, rows) in &layers.folders {
        if crates.iter().any(|known| known.dir == *member) {
            found.extend(rules.unplaced(member, rows));
        }
    }
    found
}

/// An import that the table does not allow.
struct Broken {
    to: String,
    what: String,
    hint: String,
}

struct Rules<'a> {
    layers: &'a Layers,
    crates: &'a [Crate],
    files: &'a BTreeSet<String>,
}

impl Rules<'_> {
    /// Names in the table that stand for nothing, and crates that it does not name.
    fn stale(&self) -> Vec<Violation> {
        let known: BTreeSet<&str> = self.crates.iter().map(|known| known.dir.as_str()).collect();
        let mut unknown = BTreeMap::new();
        for (name, Allowed { line, on }) in &self.layers.crates {
            for name in on.iter().flatten().chain([name]) {
                let first: &mut usize = unknown.entry(name.as_str()).or_insert(*line);
                *first = (*first).min(*line);
            }
        }
        for (name, rows) in &self.layers.folders {
            unknown
                .entry(name)
                .or_insert(rows.first().map_or(1, |row| row.line));
        }
        unknown.retain(|name, _| !known.contains(name));
        let mut found: Vec<_> = unknown
            .into_iter()
            .map(|(name, line)| absent(name, line))
            .collect();
        for (name, rows) in &self.layers.folders {
            if !known.contains(name.as_str()) {
                continue;
            }
            for row in rows {
                for folder in &row.folders {
                    let path = format!("{name}/src/{folder}");
                    let inside = format!("{path}/");
                    let exists = self.files.contains(&format!("{path}.rs"))
                        || self.files.iter().any(|file| file.starts_with(&inside));
                    if !exists {
                        found.push(violation(
                            DOCUMENT,
                            row.line,
                            format!("the table of layers names {path}, which does not exist"),
                            "remove the name from the table, or correct it".to_owned(),
                        ));
                    }
                }
            }
        }
        for member in known {
            if !self.layers.crates.contains_key(member) {
                found.push(violation(
                    &format!("{member}/Cargo.toml"),
                    1,
                    format!("the table of layers does not name the crate {member}"),
                    format!("add a row to the table of crates in {DOCUMENT}"),
                ));
            }
        }
        found
    }

    fn manifest(&self, member: &Crate) -> Vec<Violation> {
        let forbidden = member
            .dependencies
            .iter()
            .filter(|(to, _)| !self.may_depend(&member.dir, to));
        forbidden
            .map(|(to, line)| {
                violation(
                    &format!("{}/Cargo.toml", member.dir),
                    *line,
                    format!("{} depends on {to}", member.dir),
                    self.crate_hint(&member.dir),
                )
            })
            .collect()
    }

    /// One violation for each file and each module that it may not import; one is enough to find the others.
    fn imports(
        &self,
        imports: &BTreeSet<Import<'_>>,
        rule: impl Fn(&Self, &Import<'_>) -> Option<Broken>,
    ) -> Vec<Violation> {
        let mut found = BTreeMap::new();
        for import in imports {
            if let Some(Broken { to, what, hint }) = rule(self, import) {
                found
                    .entry((import.from, to))
                    .or_insert_with(|| violation(import.from, import.line, what, hint));
            }
        }
        found.into_values().collect()
    }

    fn crate_rule(&self, import: &Import<'_>) -> Option<Broken> {
        let (from, to) = (self.member(import.from)?, self.member(import.to)?);
        (from != to && !self.may_depend(from, to)).then(|| Broken {
            to: to.to_owned(),
            what: format!("{from} imports from {to}: `{}`", import.path),
            hint: self.crate_hint(from),
        })
    }

    fn folder_rule(&self, import: &Import<'_>) -> Option<Broken> {
        let member = self.member(import.from)?;
        if self.member(import.to) != Some(member) {
            return None;
        }
        let rows = self.layers.folders.get(member)?;
        let (from, to) = (layer(member, import.from)?, layer(member, import.to)?);
        let place = |folder: &str| {
            rows.iter()
                .position(|row| row.folders.iter().any(|name| name == folder))
        };
        // The crate's root may import everything; a file without a layer is reported once.
        let from_place = place(from)?;
        let relation = match place(to) {
            _ if from == to => return None,
            Some(place) if place > from_place => return None,
            Some(place) if place == from_place => "which stands beside it",
            None if !is_root(to) => return None,
            _ => "which stands above it",
        };
        let hint = format!(
            "move what is shared to a folder below both, or pass it in from above; the order stands in {DOCUMENT}"
        );
        Some(Broken {
            to: to.to_owned(),
            what: format!(
                "{from} imports from {to}, {relation}: `{}` is defined in {}",
                import.path, import.to
            ),
            hint,
        })
    }

    /// Files of a crate that stand in no folder of its table.
    fn unplaced(&self, member: &str, rows: &[Row]) -> Vec<Violation> {
        let mut found = BTreeMap::new();
        for file in self.files.iter().filter(|file| is_rust(file)) {
            if let Some(folder) = layer(member, file)
                && !is_root(folder)
                && !is_test_file(file)
                && !rows
                    .iter()
                    .any(|row| row.folders.iter().any(|name| name == folder))
            {
                found.entry(folder).or_insert_with(|| {
                    violation(
                        file,
                        1,
                        format!("{folder} stands in no layer of {member}"),
                        format!("move it into the folder of its stage, or give it a place in the table in {DOCUMENT}"),
                    )
                });
            }
        }
        found.into_values().collect()
    }

    fn may_depend(&self, from: &str, to: &str) -> bool {
        // A crate that the table does not name is reported as such, once.
        self.layers.crates.get(from).is_none_or(|allowed| {
            allowed
                .on
                .as_ref()
                .is_none_or(|on| on.iter().any(|name| name == to))
        })
    }

    fn crate_hint(&self, from: &str) -> String {
        let allowed = self
            .layers
            .crates
            .get(from)
            .and_then(|allowed| allowed.on.as_ref());
        match allowed.map(|on| on.join(", ")) {
            Some(on) if !on.is_empty() => format!(
                "of our crates, {from} may depend on {on} alone: move the code to a crate that may, or what it needs into one of these"
            ),
            _ => {
                format!("{from} may depend on none of our crates: move the code, or what it needs")
            }
        }
    }

    /// The crate of a file: the one with the longest folder, for one may lie within another.
    fn member(&self, file: &str) -> Option<&str> {
        self.crates
            .iter()
            .filter(|member| {
                file.strip_prefix(&member.dir)
                    .is_some_and(|rest| rest.starts_with('/'))
            })
            .map(|member| member.dir.as_str())
            .max_by_key(|dir| dir.len())
    }
}

fn absent(name: &str, line: usize) -> Violation {
    violation(
        DOCUMENT,
        line,
        format!("the table of layers names the crate {name}, which the workspace does not have"),
        "remove the name from the table, or add the crate to the workspace's members".to_owned(),
    )
}

/// The folder of a file directly below `src`, which `foo.rs` stands for as well as `foo/`.
fn layer<'a>(member: &str, file: &'a str) -> Option<&'a str> {
    let rest = file.strip_prefix(member)?.strip_prefix("/src/")?;
    let first = rest.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

fn is_root(folder: &str) -> bool {
    matches!(folder, "lib" | "main" | "bin")
}

fn violation(path: &str, line: usize, what: String, hint: String) -> Violation {
    Violation {
        path: path.to_owned(),
        line,
        rule: Rule::Layers,
        what,
        notes: Vec::new(),
        hint,
    }
}
