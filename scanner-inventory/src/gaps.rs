//! A bounded list of gaps.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    gap::{Gap, GapKind},
    path::FilePath,
};

/// Most gaps that are kept. If there are more, the deepest ones are replaced by their directories.
const MAX_GAPS: usize = 64;
/// Most gaps that a text names.
const NAMED: usize = 5;

/// Gaps of one section, and how many items are missing in all.
///
/// However many gaps an agent reports, the list stays short: beyond its bound, the deepest gaps are merged into one at the
/// directory above them. So a missing place is always at or below a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gaps {
    /// The gaps.
    gaps: Vec<Gap>,
    /// Number of items that are missing, as far as it is known.
    total: u64,
}

impl Gaps {
    /// Adds one missing item.
    pub fn add(&mut self, gap: Gap) {
        self.add_counted(gap, 1);
    }

    /// Adds a gap in which `count` items are missing; 0 if these are counted elsewhere.
    pub fn add_counted(&mut self, gap: Gap, count: u64) {
        self.total = self.total.saturating_add(count);
        if self.gaps.iter().any(|known| known.covers(&gap)) {
            return;
        }
        self.gaps.push(gap);
        if self.gaps.len() > MAX_GAPS {
            self.fold();
        }
    }

    /// Counts missing items that are in gaps which were added already.
    pub(crate) fn count(&mut self, items: u64) {
        self.total = self.total.saturating_add(items);
    }

    /// Adds the gaps of another part of the same section.
    pub(crate) fn join(&mut self, other: Self) {
        for gap in other.gaps {
            self.add_counted(gap, 0);
        }
        self.count(other.total);
    }

    /// The gaps for which `keep` is true. Missing items of the others are not counted; if some are left out, the total is
    /// only the number of the gaps that stay.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Gap) -> bool) -> Self {
        let gaps: Vec<Gap> = self.gaps.iter().filter(|gap| keep(gap)).cloned().collect();
        let total = if gaps.len() == self.gaps.len() {
            self.total
        } else {
            self.total.min(gaps.len() as u64)
        };
        Self { gaps, total }
    }

    /// The gaps, in the order in which they were found until there were too many.
    pub fn iter(&self) -> std::slice::Iter<'_, Gap> {
        self.gaps.iter()
    }

    /// Number of items that are missing, as far as it is known. It may be more or less than the number of gaps.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Number of items that are missing, or of gaps if nobody counted items: 0 only if nothing is missing.
    pub fn missing(&self) -> u64 {
        match self.total {
            0 => self.gaps.len() as u64,
            total => total,
        }
    }

    /// Adds the gaps of another selection of the same section, which may be the same ones: items are counted once.
    pub fn unite(&mut self, other: &Self) {
        let (own, others) = (self.missing(), other.missing());
        for gap in &other.gaps {
            self.add_counted(gap.clone(), 0);
        }
        self.total = own.max(others).max(self.gaps.len() as u64);
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty() && self.total == 0
    }

    /// Makes room: replaces the deepest gaps by their directories, and then gaps by their kinds alone.
    fn fold(&mut self) {
        let depth = |gap: &Gap| match &gap.path {
            Some(path) => path.as_text().bytes().filter(|byte| *byte == b'/').count(),
            None => 0,
        };
        while self.gaps.len() > MAX_GAPS / 2 {
            let deepest = self.gaps.iter().map(depth).max().unwrap_or_default();
            if deepest <= 1
                && self
                    .gaps
                    .iter()
                    .all(|gap| gap.path.as_ref().is_none_or(is_top))
            {
                break;
            }
            let mut folded = BTreeSet::new();
            for mut gap in std::mem::take(&mut self.gaps) {
                let above = gap.path.as_ref().and_then(FilePath::parent);
                if depth(&gap) == deepest
                    && let Some(above) = above
                {
                    gap.path = Some(above);
                    gap.note.clear();
                }
                folded.insert(gap);
            }
            self.gaps = folded.into_iter().collect();
        }
        if self.gaps.len() <= MAX_GAPS / 2 {
            return;
        }
        let kind_alone = |gap: &Gap| Gap {
            item: None,
            note: String::new(),
            ..gap.clone()
        };
        let kinds: BTreeSet<Gap> = self.gaps.iter().map(kind_alone).collect();
        self.gaps = kinds.into_iter().collect();
        if self.gaps.len() > MAX_GAPS / 2 {
            self.gaps = vec![Gap::new(GapKind::Unknown)];
        }
    }
}

/// Whether it has no directory above it.
fn is_top(path: &FilePath) -> bool {
    path.parent().is_none()
}

impl From<Gap> for Gaps {
    fn from(gap: Gap) -> Self {
        Self::from_iter([gap])
    }
}

impl FromIterator<Gap> for Gaps {
    fn from_iter<I: IntoIterator<Item = Gap>>(gaps: I) -> Self {
        let mut all = Self::default();
        all.extend(gaps);
        all
    }
}

impl Extend<Gap> for Gaps {
    fn extend<I: IntoIterator<Item = Gap>>(&mut self, gaps: I) {
        for gap in gaps {
            self.add(gap);
        }
    }
}

impl<'a> Extend<&'a Gap> for Gaps {
    fn extend<I: IntoIterator<Item = &'a Gap>>(&mut self, gaps: I) {
        self.extend(gaps.into_iter().cloned());
    }
}

impl<'a> IntoIterator for &'a Gaps {
    type Item = &'a Gap;
    type IntoIter = std::slice::Iter<'a, Gap>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The first gaps, and how many more there are.
impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, gap) in self.gaps.iter().take(NAMED).enumerate() {
            write!(f, "{}{gap}", if number == 0 { "" } else { "; " })?;
        }
        match self.gaps.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Also reads what reports of version 1 have instead of gaps: `reasons` and `unreadable`.
impl<'de> Deserialize<'de> for Gaps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Either {
            #[serde(default)]
            gaps: Vec<Gap>,
            #[serde(default)]
            reasons: Vec<String>,
            #[serde(default, alias = "unreadable")]
            total: u64,
        }
        let read = Either::deserialize(deserializer)?;
        let reasons = read.reasons.iter();
        let reasons = reasons.map(|reason| Gap::new(GapKind::Unknown).with_note(reason));
        let mut gaps: Self = read.gaps.into_iter().chain(reasons).collect();
        gaps.total = read.total;
        Ok(gaps)
    }
}

#[cfg(test)]
mod tests;
