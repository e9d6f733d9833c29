//! The table of layers, as it stands in ARCHITECTURE.md.

use std::collections::BTreeMap;

use super::violation::{Rule, Violation};

/// The document that holds the tables.
pub(crate) const DOCUMENT: &str = "ARCHITECTURE.md";

/// Which crate may depend on which, and the order of folders within a crate.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) crates: BTreeMap<String, Allowed>,
    /// Rows of a crate's table by the crate, from the top layer to the bottom.
    pub(crate) folders: BTreeMap<String, Vec<Row>>,
}

#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) line: usize,
    /// None for a crate that may depend on every other.
    pub(crate) on: Option<Vec<String>>,
}

/// Folders of one layer: they stand side by side, and none imports another.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) folders: Vec<String>,
}

const CRATES: &str = "<!-- tidy: crates -->";
const FOLDERS: &str = "<!-- tidy: folders of ";

impl Layers {
    /// Reads the tables that follow the markers.
    pub(crate) fn read(document: &str) -> Result<Self, Violation> {
        let lines: Vec<&str> = document.lines().map(str::trim).collect();
        let mut layers = Self::default();
        for (number, line) in lines.iter().enumerate() {
            if *line == CRATES {
                for (line, cells) in rows(&lines, number)? {
                    let on = cells.get(1).copied().unwrap_or_default();
                    let on = (on != "any").then(|| names(on));
                    if on.as_ref().is_some_and(Vec::is_empty) && cells.get(1) != Some(&"none") {
                        return Err(wrong(
                            line,
                            "the second cell names no crate, nor is it `none` or `any`",
                        ));
                    }
                    for name in names(cells.first().copied().unwrap_or_default()) {
                        layers.crates.insert(
                            name,
                            Allowed {
                                line,
                                on: on.clone(),
                            },
                        );
                    }
                }
            } else if let Some(rest) = line.strip_prefix(FOLDERS) {
                let member = rest.trim_end_matches("-->").trim().to_owned();
                let mut table = Vec::new();
                for (line, cells) in rows(&lines, number)? {
                    let folders = names(cells.first().copied().unwrap_or_default());
                    if folders.is_empty() {
                        return Err(wrong(line, "the first cell names no folder in backticks"));
                    }
                    table.push(Row { line, folders });
                }
                layers.folders.insert(member, table);
            }
        }
        if layers.crates.is_empty() {
            return Err(wrong(
                1,
                &format!("no table of crates follows a line `{CRATES}`"),
            ));
        }
        Ok(layers)
    }
}

fn wrong(line: usize, what: &str) -> Violation {
    Violation {
        path: DOCUMENT.to_owned(),
        line,
        rule: Rule::Layers,
        what: format!("the table of layers cannot be read: {what}"),
        notes: Vec::new(),
        hint: "write a Markdown table below the marker, with names in backticks".to_owned(),
    }
}

/// The rows of the table below a marker, without its head: line and cells.
fn rows<'a>(lines: &[&'a str], marker: usize) -> Result<Vec<(usize, Vec<&'a str>)>, Violation> {
    let rows: Vec<_> = lines
        .iter()
        .enumerate()
        .skip(marker + 1)
        .skip_while(|(_, line)| line.is_empty())
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2)
        .map(|(number, line)| {
            let cells = line.trim_matches('|').split('|').map(str::trim).collect();
            (number + 1, cells)
        })
        .collect();
    if rows.is_empty() {
        return Err(wrong(marker + 1, "no table follows this marker"));
    }
    Ok(rows)
}

/// What stands in backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}
