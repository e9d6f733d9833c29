//! Every message that docs/troubleshooting.md quotes is one that the program prints.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

/// Shortest part of a message that is looked for.
const SHORTEST: usize = 5;

/// All strings of the program, as they are printed: without the ends of lines in them.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    for package in [
        "scanner-cli",
        "scanner-core",
        "scanner-k8s",
        "scanner-policy",
        "scanner-report",
    ] {
        read(&root.join(package).join("src"), &mut text);
    }
    let mut joined = String::new();
    for line in text.lines() {
        // A string that goes on after a backslash.
        match line.strip_suffix('\\') {
            Some(begun) => joined.push_str(begun),
            None => joined.extend([line, "\n"]),
        }
        if line.ends_with('\\') {
            joined.push('\u{0}');
        }
    }
    let mut whole = String::new();
    let mut parts = joined.split('\u{0}');
    whole.push_str(parts.next().unwrap_or_default());
    for part in parts {
        whole.push_str(part.trim_start());
    }
    whole.replace("\\\"", "\"")
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// Parts of the message that no string of the program has.
fn missing<'a>(message: &'a str, sources: &str) -> Vec<&'a str> {
    let parts = message
        .split('…')
        .filter(|part| part.trim().len() >= SHORTEST);
    parts.filter(|part| !sources.contains(*part)).collect()
}

#[test]
fn every_message_of_the_page_is_one_of_the_program() {
    let sources = sources();
    let page = include_str!("../../docs/troubleshooting.md");
    let messages: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .collect();
    assert!(messages.len() >= 25, "{}", messages.len());
    assert_eq!(messages.len(), page.matches("\n### ").count());
    for message in messages {
        let missing = missing(message, &sources);
        assert!(
            missing.is_empty(),
            "{message}: the program never says {missing:?}"
        );
    }
    // The test can fail.
    assert_eq!(missing("pod … was eaten by a grue", &sources).len(), 1);
}
