//! How completely each section was collected, those of later versions included.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use scanner_inventory::{Coverage, Section, escape::visible};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, value::StringDeserializer},
};

/// How completely each section was collected. A map of the sections of this version. What a report of a later version says
/// of other sections is kept beside it, so that a gap in one of them stays a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionCoverage {
    known: BTreeMap<Section, Coverage>,
    later: BTreeMap<String, Coverage>,
}

impl SectionCoverage {
    /// Every section by its name, those of later versions last. All names are safe to show.
    pub fn by_name(&self) -> impl Iterator<Item = (&str, &Coverage)> {
        let known = self.known.iter().map(|(s, coverage)| (s.name(), coverage));
        let later = self.later.iter();
        known.chain(later.map(|(name, coverage)| (name.as_str(), coverage)))
    }
}

impl Deref for SectionCoverage {
    type Target = BTreeMap<Section, Coverage>;

    fn deref(&self) -> &Self::Target {
        &self.known
    }
}

impl DerefMut for SectionCoverage {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.known
    }
}

impl From<BTreeMap<Section, Coverage>> for SectionCoverage {
    fn from(known: BTreeMap<Section, Coverage>) -> Self {
        Self {
            known,
            later: BTreeMap::new(),
        }
    }
}

impl Serialize for SectionCoverage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.by_name())
    }
}

impl<'de> Deserialize<'de> for SectionCoverage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut read = Self::default();
        for (name, state) in BTreeMap::<String, State>::deserialize(from)? {
            let coverage = match state {
                State::Known(coverage) => coverage,
                State::Later(_) => Coverage::Unavailable {
                    reason: "this version of secure-scan does not know its state".into(),
                },
            };
            let section = Section::deserialize(StringDeserializer::<D::Error>::new(name.clone()));
            match section {
                Ok(section) => read.known.insert(section, coverage),
                Err(_) => read.later.insert(visible(&name, 80), coverage),
            };
        }
        Ok(read)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum State {
    Known(Coverage),
    Later(IgnoredAny),
}
