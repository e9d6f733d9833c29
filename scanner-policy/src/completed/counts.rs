//! Whether more is missing than a list of gaps names.

use scanner_core::inventory::{Attribute, FileEntry, FileSelector, Gap, GapKind, Gaps};

/// The selections of all engines of a scan, and how many files came without an attribute that these ask for: each is a gap.
#[derive(Debug)]
pub(crate) struct Counts {
    asked: Vec<FileSelector>,
    attributes: [(Attribute, Vec<FileSelector>); 2],
    without: u64,
}

impl Counts {
    pub(crate) fn new(asked: Vec<FileSelector>) -> Self {
        Self {
            attributes: by_attribute(&asked),
            asked,
            without: 0,
        }
    }

    /// Takes a file.
    pub(crate) fn take(&mut self, file: &FileEntry) {
        for (_, asked) in &self.attributes {
            self.without += u64::from(asked.iter().any(|selector| selector.misses(file)));
        }
    }

    /// How many items of files are missing beyond those that `gaps` names.
    pub(crate) fn unnamed(&self, gaps: &Gaps) -> u64 {
        let places = gaps.iter().filter(|gap| gap.attribute.is_none());
        let named: u64 = places.map(|gap| self.mentions(gap)).sum();
        gaps.total().saturating_sub(named + self.without)
    }

    /// How often an agent may have counted one place: by its name, by the place to which that leads, and as the start of a
    /// walk.
    fn mentions(&self, gap: &Gap) -> u64 {
        let Some(path) = &gap.path else {
            return 1;
        };
        let is_named = |paths: &Vec<String>| paths.iter().any(|asked| *path == *asked);
        let follows = |selector: &FileSelector| selector.follow && is_named(&selector.paths);
        let starts = |selector: &FileSelector| selector.walks() && is_named(&selector.under);
        let times = [
            self.asked.iter().any(follows),
            self.asked.iter().any(starts),
        ];
        1 + times.into_iter().map(u64::from).sum::<u64>()
    }
}

/// The selections that ask for each attribute, reduced to that attribute.
pub(super) fn by_attribute(asked: &[FileSelector]) -> [(Attribute, Vec<FileSelector>); 2] {
    [Attribute::Digest, Attribute::Capabilities].map(|attribute| {
        let alone = asked.iter().map(|selector| FileSelector {
            digest: selector.digest && attribute == Attribute::Digest,
            capabilities: selector.capabilities && attribute == Attribute::Capabilities,
            ..selector.clone()
        });
        let asking = alone.filter(|s| s.digest || s.capabilities);
        (attribute, asking.collect())
    })
}

/// The gap for what a list counts but does not name.
pub(crate) fn unnamed_gap() -> Gap {
    Gap::new(GapKind::Unknown).with_note("more was not read than its places say")
}
