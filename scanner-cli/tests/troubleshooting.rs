//! Every message that docs/troubleshooting.md quotes is one that the program prints.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

/// Shortest part of a message that is looked for.
const SHORTEST: usize = 5;

/// All strings of the program, as they are printed: of its code alone, without comments and tests.
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
    text
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
            strings(&fs::read_to_string(&path).unwrap(), text);
        }
    }
}

/// Adds the strings of a file, one in each line, up to its tests.
fn strings(source: &str, text: &mut String) {
    let code = source.split("\n#[cfg(test)]\nmod tests").next();
    let mut rest = code.unwrap_or_default();
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, begun) = rest.split_at(at);
        let character = ["'\"'", "'\\\"'"]
            .iter()
            .find_map(|c| begun.strip_prefix(c));
        if begun.starts_with("//") {
            rest = begun.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(after) = character {
            rest = after;
        } else if let Some(string) = begun.strip_prefix('"') {
            let unhashed = before.trim_end_matches('#');
            let hashes = "#".repeat(before.len() - unhashed.len());
            rest = if unhashed.ends_with('r') {
                let end = format!("\"{hashes}");
                let (raw, after) = string.split_once(&end).unwrap_or((string, ""));
                text.push_str(raw);
                text.push('\n');
                after
            } else {
                string_to(string, text)
            };
        } else {
            rest = &begun[1..];
        }
    }
}

/// Adds what stands before the closing quote, and gives what is after it.
fn string_to<'a>(source: &'a str, text: &mut String) -> &'a str {
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                text.push('\n');
                return &source[at + 1..];
            }
            '\\' => match chars.next() {
                // A string that goes on in the next line.
                Some((at, '\n')) => {
                    let after = source[at + 1..].trim_start();
                    return string_to(after, text);
                }
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            c => text.push(c),
        }
    }
    ""
}

#[test]
fn only_strings_of_the_code_are_messages() {
    let source = "/// It says \"never this\".\nfn f() { say(\"one \\\n    two\"); let c = '\"'; g(\"a \\\"b\\\"\", r#\"raw \"c\"\"#) }\n\
                  // nor \"that\"\n#[cfg(test)]\nmod tests { const T: &str = \"nor a test\"; }\n";
    let mut text = String::new();
    strings(source, &mut text);
    assert_eq!(text, "one two\na \"b\"\nraw \"c\"\n");
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
