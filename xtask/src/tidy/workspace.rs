//! The crates of the workspace, from their manifests.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};
use toml::{Table, Value};

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    /// The folder, by which the rules name the crate.
    pub(crate) dir: String,
    /// The name in `use` paths, and the file, of a crate with a library.
    pub(crate) library: Option<(String, String)>,
    /// Root files of everything but tests, benches and examples.
    pub(crate) roots: Vec<String>,
    /// Folders of the crates of ours that it depends on outside tests, with the line.
    pub(crate) dependencies: Vec<(String, usize)>,
}

/// Reads the manifests of all members.
///
/// # Errors
///
/// When a manifest cannot be read, or is not a manifest.
pub(crate) fn read(root: &Path, files: &BTreeSet<String>) -> Result<Vec<Crate>> {
    let (_, workspace) = manifest(root, "Cargo.toml")?;
    let members: Vec<String> = at(&workspace, &["workspace", "members"])
        .and_then(Value::as_array)
        .context("Cargo.toml names no members of the workspace")?
        .iter()
        .filter_map(|member| Some(member.as_str()?.trim_end_matches('/').to_owned()))
        .collect();
    let mut manifests = Vec::new();
    for dir in &members {
        let (text, table) = manifest(root, &format!("{dir}/Cargo.toml"))?;
        manifests.push((dir, text, table));
    }
    let ours = Ours {
        shared: at(&workspace, &["workspace", "dependencies"]).and_then(Value::as_table),
        members: &members,
    };
    Ok(manifests
        .iter()
        .map(|(dir, text, table)| Crate {
            dir: (*dir).clone(),
            library: library(dir, table, files),
            roots: roots(dir, table, files),
            dependencies: ours.dependencies(dir, table, text),
        })
        .collect())
}

fn manifest(root: &Path, path: &str) -> Result<(String, Table)> {
    let text = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
    let table = text.parse().with_context(|| path.to_owned())?;
    Ok((text, table))
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, tables) = path.split_last()?;
    let mut table = table;
    for name in tables {
        table = table.get(*name)?.as_table()?;
    }
    table.get(*last)
}

fn text<'a>(table: &'a Table, path: &[&str]) -> Option<&'a str> {
    at(table, path).and_then(Value::as_str)
}

fn package(table: &Table) -> &str {
    text(table, &["package", "name"]).unwrap_or_default()
}

fn library(dir: &str, table: &Table, files: &BTreeSet<String>) -> Option<(String, String)> {
    let path = text(table, &["lib", "path"]).unwrap_or("src/lib.rs");
    let file = format!("{dir}/{path}");
    let name = text(table, &["lib", "name"]).unwrap_or(package(table));
    files
        .contains(&file)
        .then(|| (name.replace('-', "_"), file))
}

fn roots(dir: &str, table: &Table, files: &BTreeSet<String>) -> Vec<String> {
    let mut roots: BTreeSet<String> = library(dir, table, files)
        .into_iter()
        .map(|(_, file)| file)
        .collect();
    let named = table.get("bin").and_then(Value::as_array);
    roots.extend(named.into_iter().flatten().filter_map(|target| {
        let path = target.as_table()?.get("path")?.as_str()?;
        Some(format!("{dir}/{path}"))
    }));
    roots.extend([format!("{dir}/src/main.rs"), format!("{dir}/build.rs")]);
    let programs = format!("{dir}/src/bin/");
    roots.extend(
        files
            .iter()
            .filter(|file| {
                file.strip_prefix(&programs)
                    .is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"))
            })
            .cloned(),
    );
    roots
        .into_iter()
        .filter(|file| files.contains(file))
        .collect()
}

struct Ours<'a> {
    shared: Option<&'a Table>,
    members: &'a [String],
}

impl Ours<'_> {
    fn dependencies(&self, dir: &str, manifest: &Table, source: &str) -> Vec<(String, usize)> {
        let targets = manifest.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values);
        let tables = targets.filter_map(Value::as_table).chain([manifest]);
        let mut found = Vec::new();
        for table in tables {
            for kind in ["dependencies", "build-dependencies"] {
                let Some(dependencies) = table.get(kind).and_then(Value::as_table) else {
                    continue;
                };
                for (name, value) in dependencies {
                    if let Some(folder) = self.folder(dir, name, value) {
                        found.push((folder, line_of(source, kind, name)));
                    }
                }
            }
        }
        found
    }

    /// The folder of a dependency that is a crate of ours, whatever name it is imported under.
    fn folder(&self, dir: &str, name: &str, value: &Value) -> Option<String> {
        let table = value.as_table();
        let inherits = table.is_some_and(|table| table.contains_key("workspace"));
        let (base, table) = if inherits {
            ("", self.shared?.get(name)?.as_table())
        } else {
            (dir, table)
        };
        let table = table?;
        // A published crate of the same name is somebody else's.
        let path = clean(base, text(table, &["path"])?);
        self.members.contains(&path).then_some(path)
    }
}

/// A path as seen from the root of the workspace.
fn clean(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The line that names a dependency: within its own kind of table, for it may be named in others.
fn line_of(source: &str, kind: &str, name: &str) -> usize {
    let mut inside = false;
    for (line, text) in (1..).zip(source.lines().map(str::trim)) {
        if text.starts_with('[') {
            let table = text.trim_matches(['[', ']']);
            if table.ends_with(&format!("{kind}.{name}")) {
                return line;
            }
            inside = table == kind || table.ends_with(&format!(".{kind}"));
        } else if inside
            && text
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '.', '=']))
        {
            return line;
        }
    }
    1
}
