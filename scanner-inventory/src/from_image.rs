//! What was read from the target's image because it could not be read in the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{gap::Gap, gaps::Gaps, request::Section};

/// What was read from the target's image because it could not be read in the target.
///
/// ```
/// use scanner_inventory::{FromImage, Gap, GapKind, Section};
///
/// let mut read = FromImage::default();
/// read.add(Section::Files, Gap::new(GapKind::NotSearchable).at("/root"));
/// assert_eq!(read.places(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct FromImage {
    /// What the target did not show and the image has, by the name of its section.
    filled: BTreeMap<String, Gaps>,
    /// Whether the container cannot have changed that since: its root filesystem is read-only, and no mount lies over it.
    pub fixed: bool,
}

impl FromImage {
    /// An empty one; `fixed` says whether the container cannot have changed the files of its image.
    pub const fn new(fixed: bool) -> Self {
        Self {
            filled: BTreeMap::new(),
            fixed,
        }
    }

    /// Adds a gap of the target that the image filled.
    pub fn add(&mut self, section: Section, gap: Gap) {
        self.filled
            .entry(section.name().to_owned())
            .or_default()
            .add(gap);
    }

    /// Adds what another engine of the same scan read.
    pub fn unite(&mut self, other: &Self) {
        for (section, gaps) in &other.filled {
            self.filled.entry(section.clone()).or_default().unite(gaps);
        }
        self.fixed &= other.fixed;
    }

    /// The gaps of a section that the image filled, where there are any.
    pub fn of(&self, section: Section) -> Option<&Gaps> {
        self.filled.get(section.name())
    }

    /// Every section of which something was read from the image, by name, which is not yet safe to show.
    pub fn by_name(&self) -> impl Iterator<Item = (&str, &Gaps)> {
        self.filled.iter().map(|(name, gaps)| (name.as_str(), gaps))
    }

    /// Number of places that were read from the image.
    pub fn places(&self) -> u64 {
        self.filled.values().map(Gaps::missing).sum()
    }

    /// Whether everything came from the target.
    pub fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }
}
