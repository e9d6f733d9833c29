//! Evidence of a failure: the first items, and the number of all.

use scanner_core::finding::CheckResult;

/// Most items that are kept of a list that has an order of its own.
const MAX_FIRST: usize = 20;
/// Most items that are kept of a list that is sorted.
const MAX_LEAST: usize = 50;

/// Items of which some are kept, and how many there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    kept: Vec<String>,
    total: u64,
}

impl Evidence {
    /// Adds an item to a list that has an order of its own, of which the first are kept.
    pub(crate) fn append(&mut self, item: impl FnOnce() -> String) {
        if self.kept.len() < MAX_FIRST {
            self.kept.push(item());
        }
        self.total += 1;
    }

    /// Adds an item to a list whose items come in any order: it is sorted, and the least are kept.
    pub(crate) fn insert(&mut self, item: String) {
        self.total += 1;
        if let Err(place) = self.kept.binary_search(&item)
            && place < MAX_LEAST
        {
            self.kept.insert(place, item);
            self.kept.truncate(MAX_LEAST);
        }
    }

    /// The same with a sorted list after it.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.kept.extend(more.kept);
        self.kept.truncate(MAX_LEAST);
        self.total += more.total;
        self
    }

    pub(crate) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// Number of all items.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Puts it into a result without changing the status.
    pub(crate) fn put(self, result: &mut CheckResult) {
        result.evidence = self.kept;
        result.evidence_total = self.total;
    }
}

impl Extend<String> for Evidence {
    fn extend<I: IntoIterator<Item = String>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_or_the_least_are_kept_and_all_are_counted() {
        let names = || (0..100).rev().map(|number| format!("{number:03}"));
        let mut first = Evidence::default();
        names().for_each(|name| first.append(|| name));
        assert_eq!((first.kept().len(), first.total()), (MAX_FIRST, 100));
        assert_eq!(first.kept()[0], "099");
        let mut least = Evidence::default();
        least.extend(names().chain(names()));
        assert_eq!((least.kept().len(), least.total()), (MAX_LEAST, 200));
        assert_eq!((&*least.kept()[0], &*least.kept()[49]), ("000", "049"));
        let both = first.and(least);
        assert_eq!((both.kept().len(), both.total()), (MAX_LEAST, 300));
        assert_eq!((&*both.kept()[0], &*both.kept()[20]), ("099", "000"));
    }
}
