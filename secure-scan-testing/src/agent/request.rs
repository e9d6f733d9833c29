//! A scanner's request to an agent: as JSON for the probe, or in the prologue of a collector's script.

use std::collections::BTreeSet;

use scanner_inventory::{InventoryRequest, Section};

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) nonce: String,
    pub(super) sections: BTreeSet<Section>,
    /// Paths that are looked at by name, so that their absence is data too.
    pub(super) paths: BTreeSet<String>,
    /// Whether the target at the end is compared with the target at the start.
    pub(super) changes: bool,
}

impl Asked {
    pub(super) fn of(request: &InventoryRequest, nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            sections: request
                .sections
                .iter()
                .copied()
                .filter(|s| *s != Section::Pod)
                .collect(),
            paths: request
                .files
                .iter()
                .flat_map(|f| f.paths.iter().cloned())
                .collect(),
            changes: request.changes,
        }
    }

    /// Sections in the order of an answer: files are last.
    pub(super) fn answered(&self) -> impl Iterator<Item = Section> + '_ {
        let files = |section: &&Section| **section == Section::Files;
        let others = self.sections.iter().filter(move |section| !files(section));
        others.chain(self.sections.iter().filter(files)).copied()
    }

    /// Reads the prologue of a collector's script; `None` where it is another script.
    pub(super) fn of_script(script: &str) -> Option<Self> {
        let line = |start: &str| script.lines().find_map(|line| line.strip_prefix(start));
        let nonce = words(line("nonce=")?).into_iter().next()?;
        let sections = words(line("sections=")?)
            .into_iter()
            .next()
            .unwrap_or_default();
        let named = |start| line(start).and_then(|rest| rest.strip_suffix("; }"));
        let named = [
            named("named() { look "),
            named("followed() { look_through "),
        ];
        Some(Self {
            nonce,
            sections: sections.split(' ').filter_map(Section::from_name).collect(),
            paths: named.into_iter().flatten().flat_map(words).collect(),
            changes: line("changes=yes").is_some(),
        })
    }
}

/// Words as a shell reads them, where nothing but single quotes and backslashes has a meaning.
fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => word.get_or_insert_default().extend(chars.next()),
            ' ' if !quoted => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prologue_of_a_script_is_read() {
        let script = "nonce='ab'\nsections='files users'\ncommands=''\nnamed() { look '/etc/a b' '/it'\\''s'; }\nfollowed() { look_through '/b'; }\n\
                      search() { :; }\nchanges=yes watched='/'\n";
        let asked = Asked::of_script(script).expect("a collector's script");
        assert_eq!((asked.nonce.as_str(), asked.changes), ("ab", true));
        assert_eq!(
            asked.paths.iter().collect::<Vec<_>>(),
            ["/b", "/etc/a b", "/it's"]
        );
        assert_eq!(asked.sections.len(), 2);
        assert_eq!(Asked::of_script("echo hello"), None);
    }
}
