//! Every command line in the documents is one that the program takes.

use std::{fs, path::PathBuf};

use clap::{Parser as _, error::ErrorKind};

use super::Cli;

/// A command line and where it stands.
struct Line {
    place: String,
    words: Vec<String>,
    /// Whether it stands in running text, which may leave out required arguments.
    inline: bool,
}

/// README files and documents.
fn documents() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("README.md"), root.join("scanner-cli/README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    found.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    found.sort();
    found
}

/// The command lines of one document: of its blocks, indented or fenced, and of its code spans.
fn lines(name: &str, text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let (mut fenced, mut console) = (false, false);
    let joined = text.replace("\\\n", " ");
    for (number, line) in joined.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let mut add = |text: &str, inline| {
            let words = command(text).into_iter();
            let place = place.clone();
            found.extend(words.map(|words| Line {
                place: place.clone(),
                words,
                inline,
            }));
        };
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            console = fenced && line.ends_with("console");
        } else if console {
            // Everything else in the block is output.
            if let Some(typed) = line.strip_prefix("$ ") {
                add(typed, false);
            }
        } else if fenced || line.starts_with("    ") {
            add(line, false);
        } else {
            for span in line.split('`').skip(1).step_by(2) {
                add(span, true);
            }
        }
    }
    found
}

/// The words of each `secure-scan` in a line of a shell or of a CI file.
fn command(line: &str) -> Vec<Vec<String>> {
    let line = line.trim();
    let line = ["- run: ", "script: ", "run: "]
        .iter()
        .find_map(|key| line.strip_prefix(key))
        .unwrap_or(line);
    let Some(words) = shlex::split(line) else {
        return Vec::new();
    };
    let ends = |word: &String| ["|", ">", "&&", ";", "||"].contains(&word.as_str());
    let commands = words.split(ends);
    let own = commands.filter_map(|words| match words {
        // A dependency of a Cargo.toml.
        [_, equals, ..] if equals == "=" => None,
        [program, rest @ ..] if program == "secure-scan" => Some(rest),
        [kubectl, plugin, rest @ ..] if kubectl == "kubectl" && plugin == "secure-scan" => {
            Some(rest)
        }
        _ => None,
    });
    own.map(|rest| rest.iter().map(|word| filled(word)).collect())
        .collect()
}

/// A word with a value for the placeholder that the reader fills in.
fn filled(word: &str) -> String {
    let digest = format!("sha256:{}", "a".repeat(64));
    match word {
        "NAMESPACE" | "NS" | "NAME" => "name".to_owned(),
        "POD" => "pod".to_owned(),
        "IMAGE" | "REF" | "$PROBE" => "registry.example/image:1".to_owned(),
        _ => word
            .replace("sha256:...", &digest)
            .replace("KEY=VALUE", "key=value"),
    }
}

/// Why the program rejects it.
fn refused(line: &Line) -> Option<String> {
    let program = ["secure-scan".to_owned()];
    let error = Cli::try_parse_from(program.iter().chain(&line.words)).err()?;
    let partial = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let shown = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
    let taken = shown.contains(&error.kind()) || line.inline && partial.contains(&error.kind());
    (!taken).then(|| {
        format!(
            "{}: secure-scan {}: {error}",
            line.place,
            line.words.join(" ")
        )
    })
}

/// What is wrong with the command lines of that text; a text without any is wrong too.
pub(super) fn wrong(text: &str) -> Vec<String> {
    let found = lines("help", text);
    if found.is_empty() {
        return vec![format!("no command line: {text}")];
    }
    found.iter().filter_map(refused).collect()
}

#[test]
fn every_command_line_in_the_documents_is_taken() {
    let mut all = Vec::new();
    for path in documents() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        all.extend(lines(&name, &fs::read_to_string(&path).unwrap()));
    }
    let blocks = all.iter().filter(|line| !line.inline).count();
    assert!(blocks >= 30 && all.len() >= 60, "{blocks} of {}", all.len());
    let refused: Vec<String> = all.iter().filter_map(refused).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn a_wrong_command_line_is_seen_wherever_it_stands() {
    for text in [
        "    secure-scan container web-0 --no-such-flag",
        "```sh\nkubectl secure-scan contianer web-0\n```",
        "```\nsecure-scan profile list | secure-scan profile lost\n```",
        "```console\n$ secure-scan profile lost\nsecure-scan is no command here\n```",
        "Take `secure-scan report covert`.",
        "    - run: secure-scan container web-0 \\\n      --fail-on highest",
    ] {
        let found = lines("f", text);
        let refused: Vec<String> = found.iter().filter_map(refused).collect();
        assert_eq!(refused.len(), 1, "{text}: {refused:?}");
    }
    let partial = lines(
        "f",
        "Take `secure-scan container`, or `secure-scan report`.",
    );
    assert!(partial.len() == 2 && partial.iter().all(|line| refused(line).is_none()));
}
