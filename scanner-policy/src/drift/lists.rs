//! A list of which the first items are kept, and the number of all.

use std::collections::BTreeSet;

/// Items that are kept of each list.
pub(super) const MAX_KEPT: usize = 50;

/// The first items in order, whatever order they come in, and how many there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FirstOf {
    kept: BTreeSet<String>,
    total: u64,
}

impl FirstOf {
    pub(super) fn push(&mut self, item: String) {
        self.total += 1;
        if self.kept.len() == MAX_KEPT && self.kept.last().is_some_and(|last| *last <= item) {
            return;
        }
        self.kept.insert(item);
        if self.kept.len() > MAX_KEPT {
            self.kept.pop_last();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    /// Number of all items.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl Extend<String> for FirstOf {
    fn extend<I: IntoIterator<Item = String>>(&mut self, items: I) {
        for item in items {
            self.push(item);
        }
    }
}
