//! Additions to a YAML text: the existing text is never changed, and the result is compared with it.

use serde_json::Value;

use super::tree::{Kind, Node};

/// A step from a node to one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// Entries to add to the mapping, or one item to add to the sequence, at a place of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addition {
    /// Which document.
    pub(super) document: usize,
    /// Where in it.
    pub(super) path: Vec<Step>,
    /// What is added, as YAML in block style: `key: value` lines, or `- item` lines.
    pub(super) text: String,
}

/// Why nothing can be added at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsafe {
    /// The document would change elsewhere too.
    Shared,
    /// There is no collection to add to.
    NoCollection,
    /// The YAML is written in a way that this code does not understand.
    Place,
}

impl Unsafe {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Shared => {
                "an anchor, an alias or a merge key there may carry an addition to another place"
            }
            Self::NoCollection => "it is neither a mapping nor a list",
            Self::Place => "the way it is written leaves the place uncertain",
        }
    }
}

/// The bytes before which text goes, and the text.
pub(super) type Insertion = (usize, String);

/// Where in `source` an addition goes.
///
/// # Errors
///
/// Fails when the addition could change something else.
pub(super) fn place(source: &str, root: &Node, addition: &Addition) -> Result<Insertion, Unsafe> {
    let mut node = root;
    for step in &addition.path {
        shared(node)?;
        node = match (step, &node.kind) {
            (Step::Key(key), Kind::Map { .. }) => node.get(key).ok_or(Unsafe::Place)?,
            (Step::Index(index), Kind::Seq { items, .. }) => {
                items.get(*index).ok_or(Unsafe::Place)?
            }
            _ => return Err(Unsafe::NoCollection),
        };
    }
    shared(node)?;
    match &node.kind {
        Kind::Map {
            flow: false,
            entries,
        } => {
            let (first, _) = entries.first().ok_or(Unsafe::Place)?;
            before(source, first, &addition.text)
        }
        Kind::Seq { flow: false, items } => {
            let (first, last) = items.first().zip(items.last()).ok_or(Unsafe::Place)?;
            after(source, first, last, &addition.text)
        }
        Kind::Map { entries, .. } => {
            let last = entries.last().map(|(_, value)| value.end);
            inside(node, last, &addition.text)
        }
        Kind::Seq { items, .. } => inside(node, items.last().map(|i| i.end), &addition.text),
        _ => Err(Unsafe::NoCollection),
    }
}

/// Applies insertions, those at one place in their order.
pub(super) fn insert(source: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_by_key(|(at, _)| *at);
    let mut out = String::with_capacity(source.len() + 4096);
    let mut done = 0;
    for (at, text) in insertions {
        out.push_str(source.get(done..at).unwrap_or_default());
        out.push_str(&text);
        done = at;
    }
    out.push_str(source.get(done..).unwrap_or_default());
    out
}

/// The same addition to a parsed document; false when there is no such place.
pub(super) fn apply(document: &mut Value, addition: &Addition) -> bool {
    let mut node = document;
    for step in &addition.path {
        let next = match step {
            Step::Key(key) => node.get_mut(key),
            Step::Index(index) => node.get_mut(index),
        };
        let Some(next) = next else { return false };
        node = next;
    }
    match (node, serde_saphyr::from_str(&addition.text)) {
        (Value::Object(map), Ok(Value::Object(new))) => {
            let fresh = new.keys().all(|key| !map.contains_key(key));
            map.extend(new);
            fresh
        }
        (Value::Array(list), Ok(Value::Array(new))) => {
            list.extend(new);
            true
        }
        _ => false,
    }
}

fn shared(node: &Node) -> Result<(), Unsafe> {
    if node.anchored || node.get("<<").is_some() {
        return Err(Unsafe::Shared);
    }
    Ok(())
}

/// Lines before the first key of a mapping, and before the comments that stand above that key.
fn before(source: &str, first: &Node, text: &str) -> Result<Insertion, Unsafe> {
    let (mut line, column) = line_of(source, first.start);
    let indent = source.get(line..first.start).ok_or(Unsafe::Place)?;
    if !indent.bytes().all(|b| b == b' ') {
        // `- key: value`: what stands before the key on its line belongs to the key's mapping.
        let lead = indent.trim_start_matches(' ').trim_start_matches('-');
        if !lead.bytes().all(|b| b == b' ') {
            return Err(Unsafe::Place);
        }
        let lines = indented(text, column, newline(source));
        return Ok((
            first.start,
            format!("{}{}", lines.trim_start(), " ".repeat(column)),
        ));
    }
    // A comment at the margin belongs to the file rather than to the key.
    while let Some(end) = line.checked_sub(1).filter(|_| column > 0) {
        let (above, _) = line_of(source, end);
        let is_comment = source.get(above..line).is_some_and(|text| {
            text.starts_with(indent) && text.get(column..).is_some_and(|t| t.starts_with('#'))
        });
        if !is_comment {
            break;
        }
        line = above;
    }
    Ok((line, indented(text, column, newline(source))))
}

/// Lines after the last item of a list, and after the comments that belong to that item.
fn after(source: &str, first: &Node, last: &Node, text: &str) -> Result<Insertion, Unsafe> {
    let lead = source.get(..first.start).ok_or(Unsafe::Place)?;
    let dash = lead.trim_end().len().checked_sub(1).ok_or(Unsafe::Place)?;
    let (line, column) = line_of(source, dash);
    let indent = source.get(line..dash).ok_or(Unsafe::Place)?;
    if !lead.trim_end().ends_with('-') || !indent.bytes().all(|b| b == b' ') {
        return Err(Unsafe::Place);
    }
    let rest = |at: usize| source.get(at..).unwrap_or_default();
    let mut at = last.end;
    // A block scalar ends behind its line end.
    if !source.get(..at).is_some_and(|text| text.ends_with('\n')) {
        let more = rest(at).split('\n').next().unwrap_or_default();
        if !matches!(more.trim_start().chars().next(), None | Some('#')) {
            return Err(Unsafe::Place);
        }
        at += more.len();
        if rest(at).is_empty() {
            let eol = newline(source);
            let lines = indented(text, column, eol);
            return Ok((at, format!("{eol}{}", lines.trim_end())));
        }
        at += 1;
    }
    loop {
        let next = rest(at).split_inclusive('\n').next().unwrap_or_default();
        let deeper = next.len() - next.trim_start_matches(' ').len() > column;
        if !deeper || !next.trim_start().starts_with('#') || !next.ends_with('\n') {
            break;
        }
        at += next.len();
    }
    Ok((at, indented(text, column, newline(source))))
}

/// Entries at the end of a collection in flow style, as in JSON.
fn inside(node: &Node, last: Option<usize>, text: &str) -> Result<Insertion, Unsafe> {
    let value: Value = serde_saphyr::from_str(text).map_err(|_| Unsafe::Place)?;
    let json = value.to_string();
    let entries = json
        .get(1..json.len().saturating_sub(1))
        .ok_or(Unsafe::Place)?;
    let (comma, at) = match last {
        Some(end) => (", ", end),
        None => ("", node.start + 1),
    };
    Ok((at, format!("{comma}{entries}")))
}

/// The first byte of the line that holds `at`, and the column of `at` in it.
fn line_of(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    (line, at - line)
}

fn newline(source: &str) -> &'static str {
    let first = source.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    }
}

fn indented(text: &str, column: usize, eol: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&" ".repeat(column));
        out.push_str(line);
        out.push_str(eol);
    }
    out
}
