//! Holds identifiers, comments, output and documents to one word for one thing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    passage::{Passage, Phrase},
    violation::{Rule, Violation},
};

/// The table that the workspace is held to.
pub(crate) const TABLE: &str = include_str!("words.toml");

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Identifiers.
    Code,
    /// Names of files and folders.
    Paths,
    Comments,
    /// Strings outside tests, profiles and policies.
    Output,
    Docs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    old: Vec<String>,
    new: String,
    scope: Vec<Scope>,
    #[serde(default)]
    exact: bool,
    /// Paths that begin so are the only ones that the rule holds for.
    #[serde(default)]
    within: Vec<String>,
    /// Paths that begin so are exempt: they hold a name that others chose, or an old format.
    #[serde(default)]
    not_within: Vec<String>,
    /// Words that make a phrase ordinary when one of them stands before it.
    #[serde(default)]
    unless_after: Vec<String>,
}

/// All rules, so that each word of a text is looked up once.
#[derive(Debug)]
pub(crate) struct Words {
    entries: Vec<Entry>,
    /// The parts of each old word, by the entry.
    parts: Vec<Vec<Vec<String>>>,
    phrases: Vec<(usize, Phrase)>,
    /// Phrases by the lower-case words that they can begin with.
    beginnings: BTreeMap<String, Vec<usize>>,
}

impl Words {
    /// # Errors
    ///
    /// When the table is not one, or a rule in it can match nothing.
    pub(crate) fn parse(table: &str) -> Result<Self> {
        let File { rule: entries } = toml::from_str(table).context("the table of words")?;
        let mut words = Self {
            entries: Vec::new(),
            parts: Vec::new(),
            phrases: Vec::new(),
            beginnings: BTreeMap::new(),
        };
        for (number, entry) in entries.into_iter().enumerate() {
            ensure!(
                !entry.new.trim().is_empty() && !entry.scope.is_empty() && !entry.old.is_empty(),
                "the table of words: a rule for {:?} without old, new or scope",
                entry.old
            );
            for old in &entry.old {
                let phrase = Phrase::new(old, entry.exact);
                ensure!(
                    !phrase.beginnings().is_empty(),
                    "the table of words: {old:?} begins with no word"
                );
                for beginning in phrase.beginnings() {
                    let known = words
                        .beginnings
                        .entry(beginning.to_lowercase())
                        .or_default();
                    known.push(words.phrases.len());
                }
                words.phrases.push((number, phrase));
            }
            words
                .parts
                .push(entry.old.iter().map(|old| parts(old)).collect());
            words.entries.push(entry);
        }
        Ok(words)
    }

    /// Phrases in a piece of text.
    pub(crate) fn in_text(&self, path: &str, scope: Scope, passage: &Passage) -> Vec<Violation> {
        let tokens = passage.tokens();
        let mut found = Vec::new();
        for (start, token) in tokens.iter().enumerate() {
            let candidates = self.beginnings.get(&token.text.to_lowercase());
            for &candidate in candidates.into_iter().flatten() {
                let (entry, phrase) = &self.phrases[candidate];
                let entry = &self.entries[*entry];
                let before = start.checked_sub(1).map(|before| tokens[before].text);
                let ordinary = before.is_some_and(|before| entry.is_ordinary_after(before));
                if entry.holds(path, scope) && !ordinary && phrase.starts(&tokens[start..]) {
                    let old = phrase.quote(&tokens[start..]);
                    let what = match scope {
                        Scope::Code | Scope::Paths => continue,
                        Scope::Comments => format!("a comment says \"{old}\""),
                        Scope::Output => format!("the output says \"{old}\""),
                        Scope::Docs => format!("the document says \"{old}\""),
                    };
                    found.push(entry.violation(path, token.line, what));
                }
            }
        }
        found
    }

    /// Identifiers, each reported where it first stands in the file.
    pub(crate) fn in_code(&self, path: &str, identifiers: &[(String, usize)]) -> Vec<Violation> {
        let mut known = BTreeSet::new();
        let mut found = Vec::new();
        for (identifier, line) in identifiers {
            if known.insert(identifier) {
                found.extend(self.name(path, *line, identifier, Scope::Code));
            }
        }
        found
    }

    /// The name of a file or folder.
    pub(crate) fn in_path(&self, path: &str) -> Vec<Violation> {
        let name = path.trim_end_matches(".rs");
        let parts = name.split('/');
        parts
            .flat_map(|part| self.name(path, 1, part, Scope::Paths))
            .collect()
    }

    fn name(&self, path: &str, line: usize, name: &str, scope: Scope) -> Vec<Violation> {
        let kind = match scope {
            Scope::Paths => "the path has the name",
            _ => "the code has the name",
        };
        let parts = parts(name);
        let is_in = |old: &[String]| {
            let mut windows = parts.windows(old.len().max(1));
            windows.any(|window| window == old)
        };
        let mut found = Vec::new();
        for (entry, old_parts) in self.entries.iter().zip(&self.parts) {
            if !entry.holds(path, scope) {
                continue;
            }
            let mut words = entry.old.iter().zip(old_parts);
            let word = words.find(|(old, parts)| *old == name || (!entry.exact && is_in(parts)));
            if let Some((old, _)) = word {
                let part = if old == name {
                    String::new()
                } else {
                    format!(" with \"{old}\" in it")
                };
                found.push(entry.violation(path, line, format!("{kind} `{name}`{part}")));
            }
        }
        found
    }
}

impl Entry {
    fn holds(&self, path: &str, scope: Scope) -> bool {
        self.scope.contains(&scope)
            && (self.within.is_empty() || self.within.iter().any(|start| path.starts_with(start)))
            && !self.not_within.iter().any(|start| path.starts_with(start))
    }

    fn is_ordinary_after(&self, before: &str) -> bool {
        let mut words = self.unless_after.iter();
        words.any(|word| word.eq_ignore_ascii_case(before))
    }

    fn violation(&self, path: &str, line: usize, what: String) -> Violation {
        Violation {
            path: path.to_owned(),
            line,
            rule: Rule::Words,
            what,
            notes: Vec::new(),
            hint: format!("write {}", self.new),
        }
    }
}

/// The words of an identifier in snake or camel case, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    let mut signs = name.chars().peekable();
    while let Some(sign) = signs.next() {
        let next_is_lower = signs.peek().is_some_and(|next| next.is_lowercase());
        let begins = sign.is_uppercase() && (!before.is_uppercase() || next_is_lower);
        if begins || !sign.is_alphanumeric() {
            parts.push(String::new());
        }
        if sign.is_alphanumeric()
            && let Some(part) = parts.last_mut()
        {
            part.extend(sign.to_lowercase());
        }
        before = sign;
    }
    parts.retain(|part| !part.is_empty());
    parts
}
