//! What the container's answer says about places of its image.

use std::collections::BTreeSet;

use scanner_core::inventory::{Attribute, FileEntry, FileKind, FilePath, Gap};

use super::{image::WholeImage, mounts::Mounts};
use crate::drift::tree::{Id, ROOT};

/// Most files that are kept of those without something that was asked for, and that the image did not complete. Nothing is
/// known about further ones.
const MAX_BLANK: usize = 20_000;

/// It is in the container as in the image.
const SAME: u8 = 1;
/// It is not, or something is in it that the image does not have.
const OTHER: u8 = 2;
/// Something at this place or below is not as in the image.
const TOUCHED: u8 = 4;
/// A digest of a file at this place or below came from the image.
const DIGEST: u8 = 8;
/// The same for capabilities.
const CAPABILITIES: u8 = 16;

/// What the container's answer says about places of its image.
#[derive(Debug, Default)]
pub(super) struct Seen {
    marks: Vec<u8>,
    blank: BTreeSet<(Attribute, FilePath)>,
    /// Whether there were more of those.
    more: bool,
}

impl Seen {
    pub(super) fn new(image: &WholeImage) -> Self {
        Self {
            marks: vec![0; image.tree.all().count()],
            ..Self::default()
        }
    }

    fn has(&self, id: Id, mark: u8) -> bool {
        self.marks
            .get(id.index())
            .is_some_and(|own| own & mark != 0)
    }

    /// Marks a place and all that are above it.
    fn mark_up(&mut self, image: &WholeImage, id: Id, mark: u8) {
        let mut at = id;
        while let Some(own) = self.marks.get_mut(at.index()) {
            if *own & mark != 0 {
                return;
            }
            *own |= mark;
            if at == ROOT {
                return;
            }
            at = image.tree.parent(at);
        }
    }

    /// Takes a file of the container's answer.
    pub(super) fn take(&mut self, image: &WholeImage, mounts: &Mounts, file: &FileEntry) {
        if file.followed || mounts.hide(&file.path) {
            return;
        }
        let (id, is_same) = match image.file(&file.path) {
            Some((id, was)) => (id, is_same(&was, file)),
            None if file.exists => (image.nearest_above(&file.path), false),
            // Neither has it.
            None => return,
        };
        if let Some(own) = self.marks.get_mut(id.index()) {
            *own |= if is_same { SAME } else { OTHER };
        }
        if !is_same {
            self.mark_up(image, id, TOUCHED);
        }
    }

    /// Whether the container's answer mentions that place.
    pub(super) fn is_answered(&self, id: Id) -> bool {
        self.has(id, SAME | OTHER)
    }

    /// Whether the container showed the place, as it is in the image.
    pub(super) fn is_as_in_image(&self, id: Id) -> bool {
        self.has(id, SAME) && !self.has(id, OTHER)
    }

    /// Whether something at the place or below is not as in the image.
    pub(super) fn is_touched(&self, id: Id) -> bool {
        self.has(id, TOUCHED)
    }

    /// Records that the image completed a file.
    pub(super) fn completed(&mut self, image: &WholeImage, id: Id, attribute: Attribute) {
        if let Some(mark) = mark_of(attribute) {
            self.mark_up(image, id, mark);
        }
    }

    /// Records that nothing completed a file.
    pub(super) fn left_blank(&mut self, path: &FilePath, attribute: Attribute) {
        if self.blank.len() < MAX_BLANK {
            self.blank.insert((attribute, path.clone()));
        } else {
            self.more = true;
        }
    }

    /// Whether the image completed every file of a gap that stands for a missing attribute.
    pub(super) fn is_completed(&self, image: &WholeImage, gap: &Gap) -> bool {
        let Some(attribute) = gap.attribute else {
            return false;
        };
        let place = gap.path.clone().unwrap_or_else(|| "/".into());
        let mut blank = self.blank.iter();
        let is_blank = blank.any(|(one, path)| *one == attribute && path.is_below(&place));
        let id = image.tree.find(place.as_text());
        let (Some(id), Some(mark), false) = (id, mark_of(attribute), self.more || is_blank) else {
            return false;
        };
        self.has(id, mark)
    }
}

fn mark_of(attribute: Attribute) -> Option<u8> {
    match attribute {
        Attribute::Digest => Some(DIGEST),
        Attribute::Capabilities => Some(CAPABILITIES),
        _ => None,
    }
}

/// Whether a file of the container is that of the image, as far as can be seen.
pub(crate) fn is_same(was: &FileEntry, is: &FileEntry) -> bool {
    let state = |file: &FileEntry| (file.exists, file.kind, file.mode, file.uid, file.gid);
    let written = was.modified.is_some() && was.modified == is.modified;
    let both = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    // The size of a directory differs between filesystems.
    let sized = was.kind == FileKind::Directory || was.size == is.size;
    let device = both(&was.device, &is.device);
    let known = was.capabilities_known && is.capabilities_known;
    state(was) == state(is)
        && written
        && sized
        && device
        && both(&was.digest, &is.digest)
        && both(was.link.as_text(), is.link.as_text())
        && (!known
            || (&was.capabilities, &was.capability_sets) == (&is.capabilities, &is.capability_sets))
}
