//! What was not read of an image or of its container, and whether it can differ.
//!
//! If the container's root filesystem is fixed, a place that was not read is as in the image, provided that the container
//! shows that place as it is in the image, down to the time of its last write.

use std::collections::BTreeSet;

use scanner_core::{
    escape::visible,
    inventory::{Coverage, FilePath, Gap},
};

use super::{
    coverage::missing,
    differences::{Fixed, SHOWN},
    mounted::Over,
};
use crate::{
    completed::{is_of_attribute, is_refused, unnamed_gap},
    evidence::Evidence,
};

/// The words for a root filesystem that was changed, and so is not fixed, whatever the specification says.
pub(super) const CONTRADICTED: &str =
    "its root filesystem is read-only, and what is shown of it differs from the image";

/// Sorts the gaps of both sides.
pub(super) struct Unread<'a> {
    over: &'a Over,
    /// Whether what was not read cannot differ.
    is_fixed: bool,
    /// Whether the container shows a place as it is in the image.
    is_same: &'a dyn Fn(&FilePath) -> bool,
    /// Places that cannot differ, as text.
    shut: BTreeSet<String>,
    /// Files of which something cannot differ.
    files: BTreeSet<String>,
}

impl<'a> Unread<'a> {
    pub(super) const fn new(
        over: &'a Over,
        is_fixed: bool,
        is_same: &'a dyn Fn(&FilePath) -> bool,
    ) -> Self {
        Self {
            over,
            is_fixed,
            is_same,
            shut: BTreeSet::new(),
            files: BTreeSet::new(),
        }
    }

    /// What one side did not show and may differ, in words; `unnamed` counts what its gaps do not name. The container must
    /// come first, because its gaps cover everything below them.
    pub(super) fn open(&mut self, side: &str, seen: &Coverage, unnamed: u64) -> Vec<String> {
        let Coverage::Partial { gaps } = seen else {
            return missing(side, seen);
        };
        let mut open = Vec::new();
        for gap in gaps {
            if !self.is_left_out(gap) && !self.cannot_differ(gap) {
                open.push(format!("{side}: {gap}"));
            }
        }
        if open.is_empty() && (unnamed > 0 || gaps.iter().next().is_none()) {
            open.push(format!("{side}: {}", unnamed_gap()));
        }
        open
    }

    /// Whether something is mounted there, which is not compared at all.
    fn is_left_out(&self, gap: &Gap) -> bool {
        let path = gap.path.as_ref();
        path.is_some_and(|path| self.over.hides(path, false))
    }

    fn cannot_differ(&mut self, gap: &Gap) -> bool {
        let (true, Some(place)) = (self.is_fixed, &gap.path) else {
            return false;
        };
        let text = place.as_text().to_owned();
        // A file without it that is not as in the image is listed by itself.
        if is_of_attribute(gap) {
            self.files.insert(text);
            return true;
        }
        let is_place = is_refused(gap) && gap.attribute.is_none() && gap.item.is_none();
        let is_shut = is_place && ((self.is_same)(place) || self.is_shut(place));
        if is_shut {
            self.shut.insert(text);
        }
        is_shut
    }

    /// Whether a path is at or below a place that was not read and cannot differ.
    pub(super) fn is_shut(&self, path: &FilePath) -> bool {
        let is_place = |text: &str| self.shut.contains(text);
        is_place(path.as_text()) || path.above().any(is_place)
    }

    /// Everything that cannot differ, with the number of known paths.
    pub(super) fn fixed(self, paths: u64) -> Fixed {
        let mut places = Evidence::default();
        let all = self.shut.union(&self.files);
        places.extend(all.map(|place| visible(place, SHOWN)));
        Fixed {
            places,
            paths,
            ..Fixed::default()
        }
    }
}
