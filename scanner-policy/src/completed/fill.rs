//! Which gaps of the container the image fills, and with what.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    Attribute, Coverage, FileEntry, FileKind, FilePath, FileSelector, Gap, GapKind, Gaps,
};

use super::{
    counts::{Counts, unnamed_gap},
    image::WholeImage,
    mounts::Mounts,
    seen::Seen,
};

/// The image, and the container's answer.
pub(super) struct Filling<'a> {
    pub(super) image: &'a WholeImage,
    pub(super) mounts: &'a Mounts,
    pub(super) seen: &'a Seen,
    /// What the engine asks for.
    pub(super) asked: &'a [FileSelector],
    pub(super) counts: &'a Counts,
}

/// The gaps of a section: filled ones and others.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Gaps that the image filled.
    pub(super) gaps: Gaps,
    /// Gaps that stay.
    pub(super) left: Gaps,
    /// The places of the filled gaps, except those of attributes of files.
    pub(super) places: BTreeSet<FilePath>,
}

impl Filled {
    /// How completely the section is collected now.
    pub(super) fn coverage(&self) -> Coverage {
        if self.left.is_empty() {
            Coverage::Complete
        } else {
            Coverage::Partial {
                gaps: self.left.clone(),
            }
        }
    }
}

/// Whether the agent was denied access, which another user may have.
pub(crate) const fn is_refused(gap: &Gap) -> bool {
    matches!(
        gap.kind,
        GapKind::NotSearchable | GapKind::NotListable | GapKind::NotReadable
    )
}

/// Whether the gap is one missing attribute of files, which the same file of the image may have.
pub(crate) fn is_of_attribute(gap: &Gap) -> bool {
    let may_be_there = matches!(gap.kind, GapKind::Unknown | GapKind::Unsupported);
    let is_known = matches!(
        gap.attribute,
        Some(Attribute::Digest | Attribute::Capabilities)
    );
    is_known && gap.item.is_none() && (may_be_there || is_refused(gap))
}

impl Filling<'_> {
    /// Decides about the gaps of files.
    pub(super) fn of(&self, gaps: &Gaps) -> Filled {
        let mut filled = Filled::default();
        let mut more = Vec::new();
        let mut kept = BTreeSet::new();
        for gap in gaps {
            if is_of_attribute(gap) && self.seen.is_completed(self.image, gap) {
                filled.gaps.add(gap.clone());
            } else if let (Some(place), Some(rest)) = (&gap.path, self.rest(gap)) {
                filled.gaps.add(gap.clone());
                filled.places.insert(place.clone());
                more.extend(rest);
            } else {
                kept.insert(gap.clone());
            }
        }
        filled.left = gaps.only(|gap| kept.contains(gap));
        filled.left.extend(more);
        // A list that counts more than it names is never filled as a whole.
        let is_listed = filled.left.iter().all(|gap| gap.attribute.is_some());
        let unnamed = self.counts.unnamed(gaps);
        if is_listed && unnamed > 0 {
            filled.left.add_counted(unnamed_gap(), unnamed);
        }
        filled
    }

    /// What stays missing of a place to which the agent was denied access; `None` if all of it does.
    pub(super) fn rest(&self, gap: &Gap) -> Option<Vec<Gap>> {
        let place = gap.path.as_ref()?;
        if !is_refused(gap) || gap.attribute.is_some() || gap.item.is_some() {
            return None;
        }
        if self.mounts.hide(place) || self.image.is_beyond_a_link(place) || !self.is_same(place) {
            return None;
        }
        let mut rest = self.image.unread(place)?;
        let mounted = self.mounts.below(place);
        rest.extend(mounted.map(|target| Gap::new(gap.kind).at(target)));
        let elsewhere = self.led_elsewhere(place).into_iter();
        rest.extend(elsewhere.map(|path| Gap::new(gap.kind).at(path)));
        Some(rest)
    }

    /// The paths below `place` that the engine names or starts a walk from, and that a link of the image leads elsewhere:
    /// that may be another place in the container, such as a volume.
    fn led_elsewhere(&self, place: &FilePath) -> BTreeSet<FilePath> {
        let asked = self.asked.iter().flat_map(|selector| {
            let (begins, goes_on) = if selector.walks() {
                (&selector.under, true)
            } else {
                (&selector.paths, selector.follow)
            };
            begins
                .iter()
                .map(move |path| (FilePath::from(path), goes_on))
        });
        let below = asked.filter(|(path, _)| path.is_below(place));
        let elsewhere = below.filter(|(path, goes_on)| {
            self.image.is_beyond_a_link(path) || (*goes_on && self.image.is_link(path))
        });
        elsewhere.map(|(path, _)| path).collect()
    }

    /// Whether all that the container shows of a place, or of the directory that hides it, is as in the image.
    fn is_same(&self, place: &FilePath) -> bool {
        let own = self.image.file(place);
        if let Some((id, file)) = &own {
            if file.kind == FileKind::Symlink || self.seen.is_touched(*id) {
                return false;
            }
            if self.seen.is_answered(*id) {
                return self.seen.is_as_in_image(*id);
            }
        }
        let mut above = place.parent();
        while let Some(dir) = above {
            if let Some((id, file)) = self.image.file(&dir)
                && self.seen.is_answered(id)
            {
                // If the user may search the directory, the place itself could have been shown.
                return file.mode & 0o001 == 0 && self.seen.is_as_in_image(id);
            }
            above = dir.parent();
        }
        false
    }

    /// Hands on the files of the image at the filled places that the container's answer did not mention. A file that was
    /// asked for by name does not exist if neither side has it and its place was read.
    pub(super) fn files(&self, came: &Filled, mut give: impl FnMut(&FileEntry)) {
        let places = &came.places;
        if places.is_empty() {
            return;
        }
        let mut filled = vec![false; self.image.tree.all().count()];
        for id in self.image.tree.all() {
            let path = FilePath::from_text(&self.image.tree.path(id));
            let Ok(path) = path else { continue };
            let above = filled[self.image.tree.parent(id).index()];
            if !above && !places.contains(&path) {
                continue;
            }
            let file = self.image.tree.file(id);
            // A file whose path goes through a link lies elsewhere.
            let is_way = |file: &FileEntry| file.kind == FileKind::Directory;
            filled[id.index()] = file.as_ref().is_some_and(is_way);
            if self.seen.is_answered(id) || self.mounts.hide(&path) {
                continue;
            }
            if let Some(file) = file {
                give(&file);
            }
        }
        let named = self.asked.iter().flat_map(|selector| &selector.paths);
        let named: BTreeSet<FilePath> = named.map(FilePath::from).collect();
        let is_missing = |path: &FilePath| {
            let mut left = came.left.iter().filter(|gap| gap.attribute.is_none());
            left.any(|gap| gap.path.as_ref().is_none_or(|place| path.is_below(place)))
        };
        for path in named {
            let within = places.iter().any(|place| path.is_below(place));
            let is_elsewhere =
                self.mounts.hide(&path) || self.image.is_beyond_a_link(&path) || is_missing(&path);
            if within && !is_elsewhere && self.image.file(&path).is_none() {
                give(&FileEntry {
                    path,
                    ..FileEntry::default()
                });
            }
        }
    }
}
