//! The shell collector: compiles an inventory request to the script that `sh -s` reads in a target.

use std::fmt::Write as _;

use crate::{
    changes,
    model::FileKind,
    request::{FileSelector, InventoryRequest, MAX_DIGEST, Section},
};

/// What runs before the prologue: it makes the shell the one that the rest is written for.
const SHELL: &str = include_str!("collector/shell.sh");

/// What runs after the prologue.
const SCRIPT: &str = concat!(
    include_str!("collector/start.sh"),
    include_str!("collector/files.sh"),
    include_str!("collector/sections.sh"),
    include_str!("collector/changes.sh"),
    include_str!("collector/answer.sh"),
    include_str!("collector/end.sh"),
);

/// Name of this agent in reports.
pub const NAME: &str = "collector-sh";

/// The command in the target; the script goes to its standard input, so that it is in no argument
/// list and in no file.
pub const COMMAND: [&str; 2] = ["/bin/sh", "-s"];

/// The last line of every script: who reads it from a stream that stays open knows by it that it is whole.
pub const LAST_LINE: &str = "# The script ends here.";

/// The script that answers `request`. `nonce` is letters and digits, new for each scan.
///
/// Every text of the request is quoted so that a shell takes it as a literal.
pub fn script(request: &InventoryRequest, nonce: &str) -> String {
    compiled(request, nonce, None)
}

/// The same for a shell whose standard input stays open until the answer is whole: where that ends before, and `seconds`
/// after its start, the collector ends with everything that it started. In a process group that is not its own it does
/// not, since it would end others.
pub fn script_held(request: &InventoryRequest, nonce: &str, seconds: u32) -> String {
    compiled(request, nonce, Some(seconds))
}

fn compiled(request: &InventoryRequest, nonce: &str, deadline: Option<u32>) -> String {
    let mut script = format!("nonce={}\n{SHELL}", quote(nonce));
    let deadline = deadline.map(|seconds| seconds.to_string());
    let _ = writeln!(script, "deadline={}", deadline.unwrap_or_default());
    let names: Vec<&str> = request.answered().map(Section::name).collect();
    let _ = writeln!(script, "sections={}", quote(&names.join(" ")));
    let commands: Vec<&str> = request
        .commands
        .iter()
        .map(String::as_str)
        .filter(|c| is_plain(c))
        .collect();
    let _ = writeln!(script, "commands={}", quote(&commands.join(" ")));
    let mut paths: Vec<&String> = request.files.iter().flat_map(|f| &f.paths).collect();
    paths.sort();
    paths.dedup();
    let quoted: Vec<String> = paths.iter().map(|p| quote(p)).collect();
    let _ = writeln!(script, "named() {{ look {}; }}", quoted.join(" "));
    let _ = writeln!(script, "search() {{ {}; }}", search(&request.files));
    let _ = writeln!(script, "shut() {{ {}; }}", shut(&request.files));
    let _ = writeln!(script, "digests() {{ {}; }}", digests(&request.files));
    if request.changes {
        let _ = writeln!(
            script,
            "changes=yes watched={} most_entries={} most_processes={} most_sockets={}",
            quote(&changes::WATCHED.join(" ")),
            changes::MAX_ENTRIES,
            changes::MAX_PROCESSES,
            changes::MAX_SOCKETS
        );
    } else {
        script.push_str("changes=no\n");
    }
    script.push_str(SCRIPT);
    script
}

/// Command names are words without anything that a shell or a path gives a meaning to.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+._-".contains(c))
}

/// A second walk, for what is in the files, where a selection asks for that.
fn digests(selectors: &[FileSelector]) -> String {
    let asked: Vec<FileSelector> = selectors.iter().filter(|s| s.digest).cloned().collect();
    if asked.is_empty() {
        return ":".into();
    }
    let paths = asked.iter().flat_map(|s| &s.paths);
    let named: Vec<String> = paths.map(|p| quote(p)).collect();
    let walk = search(&asked).replacen("entries ", "sums ", 1);
    let named = named.join(" ");
    format!("largest={MAX_DIGEST}; export largest; sha256 || return; named_sums {named}; {walk}; :")
}

/// One walk for the union of all selections. The walk may give more than was selected (it does not
/// look at `under` beyond its starting points); checks keep what [`FileSelector::matches`].
fn search(selectors: &[FileSelector]) -> String {
    let walks: Vec<&FileSelector> = selectors.iter().filter(|s| s.walks()).collect();
    let tests: Vec<String> = walks.iter().map(|s| expression(s)).collect();
    // One by one: busybox enters the device of every root from each of them.
    let walk = format!("entries \"$root\" -xdev ! \\( {} \\)", tests.join(" -o "));
    from_each_root(&walks, &walk)
}

/// A second walk, of every directory that the first one entered or could not enter.
fn shut(selectors: &[FileSelector]) -> String {
    let walks: Vec<&FileSelector> = selectors.iter().filter(|s| s.walks()).collect();
    from_each_root(&walks, "directories \"$root\" -xdev")
}

/// Runs `walk` for each `root` of the selections.
fn from_each_root(walks: &[&FileSelector], walk: &str) -> String {
    if walks.is_empty() {
        return ":".into();
    }
    let anywhere = |s: &&FileSelector| s.under.is_empty() || s.under.iter().any(|u| u == "/");
    let mut roots: Vec<String> = walks.iter().flat_map(|s| s.under.clone()).collect();
    roots.extend(walks.iter().any(anywhere).then(|| "/".into()));
    roots.sort();
    roots.dedup();
    // What lies below another root is walked with it, unless it is on a mount of its own.
    let conditions: Vec<String> = roots.iter().map(|root| condition(root, &roots)).collect();
    // A directory that is not there has no files; find would call it an error.
    format!(
        "set --; {}; for root; do {walk}; done",
        conditions.join("; ")
    )
}

/// Adds `root` to the walk where it is there, and not seen from a root above it already.
fn condition(root: &str, roots: &[String]) -> String {
    let above = |other: &&String| {
        other.as_str() != root && root.starts_with(&format!("{}/", other.trim_end_matches('/')))
    };
    let quoted = quote(root);
    let add = format!(
        "if [ -e {quoted} ] || [ -h {quoted} ] || ! absent {quoted}; then set -- \"$@\" {quoted}; fi"
    );
    // Roots are sorted: the last one above is the nearest.
    roots.iter().rev().find(above).map_or(add.clone(), |above| {
        let (above, root) = (quote(&mounted(above)), quote(&mounted(root)));
        format!("if crossed {above} {root}; then {add}; fi")
    })
}

/// A path as it is written in /proc/self/mounts (`mangle` of the kernel's `seq_file`), without a slash at its end.
fn mounted(path: &str) -> String {
    path.trim_end_matches('/')
        .chars()
        .map(|c| match c {
            ' ' | '\t' | '\n' | '\\' | '#' => format!("\\{:03o}", u32::from(c)),
            plain => plain.to_string(),
        })
        .collect()
}

fn expression(selector: &FileSelector) -> String {
    let mut all = Vec::new();
    if !selector.kind.is_empty() {
        let kinds = selector
            .kind
            .iter()
            .map(|k| format!("-type {}", letter(*k)));
        all.push(any(kinds));
    }
    if let Some(bits) = selector.mode_bits_any() {
        all.push(any(single(bits).map(|bit| format!("-perm -{bit:o}"))));
    }
    if let Some(bits) = selector.mode_bits_none() {
        all.extend(single(bits).map(|bit| format!("! -perm -{bit:o}")));
    }
    if !selector.name.is_empty() {
        let names = selector.name.iter();
        all.push(any(names.map(|n| format!("-name {}", quote(&literal(n))))));
    }
    if all.is_empty() {
        "-name '*'".into()
    } else {
        format!("\\( {} \\)", all.join(" "))
    }
}

fn any(tests: impl Iterator<Item = String>) -> String {
    let tests: Vec<String> = tests.collect();
    format!("\\( {} \\)", tests.join(" -o "))
}

/// Each bit that is set, by itself.
fn single(bits: u32) -> impl Iterator<Item = u32> {
    (0..12)
        .map(|shift| 1 << shift)
        .filter(move |bit| bits & bit != 0)
}

fn letter(kind: FileKind) -> char {
    match kind {
        FileKind::File => 'f',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::BlockDevice => 'b',
        FileKind::CharDevice => 'c',
        FileKind::Fifo => 'p',
        FileKind::Socket => 's',
    }
}

/// Only `*` and `?` have a meaning in a selector's names.
fn literal(glob: &str) -> String {
    glob.replace('\\', "\\\\").replace('[', "\\[")
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
