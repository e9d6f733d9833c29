//! `cargo xtask tidy`: layers, circles of imports, lengths of files, and words.

mod attributes;
mod circles;
mod files;
mod layers;
mod modules;
mod passage;
mod scope;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod violation;
mod words;
mod workspace;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, ExitCode},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::extra::invalidate_current_thread_spans;

use self::{
    files::{is_rust, is_test_file},
    modules::Modules,
    passage::Passage,
    source::Source,
    table::{DOCUMENT, Layers},
    violation::{Rule, Violation},
    words::{Scope, Words},
};
use crate::ui::say;

/// The longest that a file outside tests may be.
const LONGEST: usize = 400;

/// History keeps the words of its time.
const HISTORY: &str = "CHANGELOG.md";

/// Checks the workspace, and prints what breaks a rule.
pub(crate) fn run() -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no workspace")?;
    let files = list(root)?;
    let found = check(root, &files, &Words::parse(words::TABLE)?)?;
    for violation in &found {
        say(&violation.to_string());
    }
    let counts: Vec<String> = Rule::ALL
        .iter()
        .map(|rule| {
            let count = found.iter().filter(|found| found.rule == *rule).count();
            format!("{count} {rule}")
        })
        .collect();
    say(&format!(
        "tidy: {} violations in {} files ({})",
        found.len(),
        files.len(),
        counts.join(", ")
    ));
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Files that git knows, or would add.
fn list(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    ensure!(output.status.success(), "git ls-files failed");
    let text = String::from_utf8(output.stdout).context("the name of a file is not UTF-8")?;
    Ok(text
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).is_file())
        .map(str::to_owned)
        .collect())
}

/// Everything that breaks a rule, in order of path and line.
fn check(root: &Path, files: &BTreeSet<String>, words: &Words) -> Result<Vec<Violation>> {
    let (sources, mut found) = parse(root, files)?;
    let crates = workspace::read(root, files)?;
    let modules = Modules::new(&crates, &sources);
    match Layers::read(&read(root, DOCUMENT)?) {
        Ok(layers) => found.extend(layers::check(&layers, &crates, &modules, files)),
        Err(unreadable) => found.push(unreadable),
    }
    found.extend(circles::check(&modules.imports()));
    for (path, source) in &sources {
        let lines = 1..=source.lines;
        let counted = lines.filter(|line| !source.is_test(*line)).count();
        found.extend(length(path, counted));
        found.extend(words.in_code(path, &source.identifiers));
        found.extend(words.in_path(path));
        for comment in &source.comments {
            found.extend(words.in_text(path, Scope::Comments, comment));
        }
        let outside = |string: &&Passage| !is_test_file(path) && !source.is_test(string.line);
        for string in source.strings.iter().filter(outside) {
            found.extend(words.in_text(path, Scope::Output, string));
        }
    }
    for path in files {
        let Some(scope) = prose(path) else { continue };
        let mut text = read(root, path)?;
        if scope == Scope::Comments {
            found.extend(length(path, text.lines().count()));
            text = only_comments(&text);
        }
        found.extend(words.in_text(path, scope, &Passage { line: 1, text }));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What kind of prose a file holds, other than one in Rust.
fn prose(path: &str) -> Option<Scope> {
    let shipped = ["scanner-policy/profiles/", "scanner-policy/policies/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    match Path::new(path).extension()?.to_str()? {
        "md" if path != HISTORY => Some(Scope::Docs),
        "yaml" if shipped && !is_test_file(path) => Some(Scope::Output),
        "sh" => Some(Scope::Comments),
        _ => None,
    }
}

/// The comments of a script that are lines of their own, each on the line where it stands.
fn only_comments(script: &str) -> String {
    let lines = script.lines().map(str::trim);
    let comments: Vec<&str> = lines
        .map(|line| line.strip_prefix('#').unwrap_or_default())
        .collect();
    comments.join("\n")
}

fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

type Parsed = (BTreeMap<String, Source>, Vec<Violation>);

/// Parses every Rust file, on all cores.
fn parse(root: &Path, files: &BTreeSet<String>) -> Result<Parsed> {
    let paths: Vec<&String> = files.iter().filter(|path| is_rust(path)).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let size = paths.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = paths
            .chunks(size)
            .map(|paths| scope.spawn(|| parse_some(root, paths)))
            .collect();
        let mut all = Parsed::default();
        for worker in workers {
            let (sources, found) = worker.join().map_err(|_| anyhow!("a parser panicked"))??;
            all.0.extend(sources);
            all.1.extend(found);
        }
        Ok(all)
    })
}

fn parse_some(root: &Path, paths: &[&String]) -> Result<Parsed> {
    let mut all = Parsed::default();
    for path in paths {
        // The parser keeps every text that it has read; without the others it finds lines sooner.
        invalidate_current_thread_spans();
        match Source::parse(&read(root, path)?) {
            Ok(source) => {
                all.0.insert((*path).clone(), source);
            }
            Err((line, error)) => all.1.push(Violation {
                path: (*path).clone(),
                line,
                rule: Rule::Syntax,
                what: format!("this is not valid Rust: {error}"),
                notes: Vec::new(),
                hint: "correct it, or give the file another extension".to_owned(),
            }),
        }
    }
    Ok(all)
}

/// A file of so many lines outside tests, where those are too many.
fn length(path: &str, lines: usize) -> Option<Violation> {
    (!is_test_file(path) && lines > LONGEST).then(|| Violation {
        path: path.to_owned(),
        line: LONGEST,
        rule: Rule::Length,
        what: format!("the file has {lines} lines outside tests, more than {LONGEST}"),
        notes: Vec::new(),
        hint: "move one of the things that it does into a file of its own".to_owned(),
    })
}
