//! Compares a running container with its image, one file after the other.

use std::sync::Arc;

use scanner_core::{
    engine::EntryEvaluator,
    escape::visible,
    finding::Findings,
    inventory::{
        Collected, Coverage, FileEntry, FileKind, FilePath, FileSelector, Inventory, sink::FilesEnd,
    },
};

use super::{
    checks,
    coverage::{is_cut, missing},
    differences::{Differences, SHOWN, not_compared},
    image::Image,
    mounted::{Over, planned},
    request::{Depth, request},
    tree::Id,
    unread::{CONTRADICTED, Unread},
};
use crate::{
    completed::{Counts, is_same},
    evidence::Evidence,
    fixed,
};

/// Empty files with which runtimes mark a container.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// What the running container showed at a place of the image.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    /// Whether the file itself came.
    seen: bool,
    /// Whether a file directly in it came, or everyone may list it.
    listed: bool,
    /// Whether it is not a link, and is as in the image as far as can be seen, including its time.
    same: bool,
}

/// One comparison. The files of the container are compared as they arrive and are not kept.
pub(super) struct Comparison {
    image: Arc<Image>,
    depth: Depth,
    selectors: Vec<FileSelector>,
    drift: Differences,
    over: Over,
    now: Vec<Now>,
    counts: Counts,
    files: u64,
}

impl Comparison {
    pub(super) fn with(image: Arc<Image>, depth: Depth) -> Self {
        let now = vec![Now::default(); image.tree.all().count()];
        let selectors = request(&[], depth).files;
        Self {
            image,
            depth,
            counts: Counts::new(selectors.clone()),
            selectors,
            drift: Differences::default(),
            over: Over::default(),
            now,
            files: 0,
        }
    }

    /// Whether the digest of either file was asked for: then both must be known.
    fn digested(&self, was: &FileEntry, is: &FileEntry) -> bool {
        let mut asking = self.selectors.iter().filter(|s| s.digest);
        self.depth.full || asking.any(|s| s.matches(was) || s.matches(is))
    }

    fn compare(&mut self, id: Id, was: &FileEntry, is: &FileEntry) {
        if self.image.tree.is_twice(id) {
            let path = visible(is.path.as_text(), SHOWN);
            let text = format!("{path}: the image was read with more than one file of that path");
            self.drift.unseen.insert(text);
        }
        self.now[id.index()].same = is.kind != FileKind::Symlink && is_same(was, is);
        let digested = self.digested(was, is);
        self.drift.changed(was, is, digested);
    }

    /// Reports every file of the image that did not come as removed if its place in the container was read; returns the
    /// others.
    fn removed(&mut self, seen: &Coverage) -> Vec<Id> {
        let mut unknown = Vec::new();
        let image = Arc::clone(&self.image);
        for id in image.tree.all() {
            if self.now[id.index()].seen {
                continue;
            }
            let Some(was) = image.tree.file(id) else {
                continue;
            };
            if self.over.hides(&was.path, false) {
                continue;
            }
            // What a side could not read proves nothing.
            if *seen == Coverage::Complete || (!is_cut(seen, &was.path) && self.listed_above(id)) {
                self.drift.compared += 1;
                self.drift.removed(&was);
            } else {
                unknown.push(id);
            }
        }
        unknown
    }

    /// What was not read, once all differences are known; `unknown` are files of the image that the container did not show.
    fn unread(&mut self, seen: &Coverage, unknown: &[Id]) {
        let drift = &mut self.drift;
        if drift.changeable.is_none() && drift.found() > 0 {
            drift.changeable = Some(CONTRADICTED.into());
        }
        let is_fixed = drift.changeable.is_none();
        let (image, now) = (&self.image, &self.now);
        let is_same = |path: &FilePath| {
            let place = image.tree.find(path.as_text());
            place.is_some_and(|id| now[id.index()].same)
        };
        let mut unread = Unread::new(&self.over, is_fixed, &is_same);
        let unnamed = match seen {
            Coverage::Partial { gaps } => self.counts.unnamed(gaps),
            _ => 0,
        };
        let of_container = unread.open("container", seen, unnamed);
        let of_image = unread.open("image", &image.coverage, image.unnamed);
        let mut paths = 0;
        for was in unknown.iter().filter_map(|id| image.tree.file(*id)) {
            if is_fixed && unread.is_shut(&was.path) {
                paths += 1;
            } else {
                drift.beyond.insert(not_compared(&was, "container"));
            }
        }
        let mut settled = Vec::new();
        if is_fixed {
            settled.push(std::mem::take(&mut drift.blank));
        }
        if is_fixed && of_image.is_empty() {
            settled.push(std::mem::take(&mut drift.beyond_image));
        }
        paths += settled.iter().map(Evidence::total).sum::<u64>();
        drift
            .unseen
            .extend(of_image.into_iter().chain(of_container));
        drift.fixed = unread.fixed(paths);
        if is_fixed {
            drift.fixed.capabilities = std::mem::take(&mut drift.uncompared);
        }
    }

    /// Whether the nearest directory above that is still there was listed, or everyone may list it.
    fn listed_above(&self, id: Id) -> bool {
        let mut at = self.image.tree.parent(id);
        loop {
            let now = self.now[at.index()];
            if now.seen {
                return now.listed;
            }
            let above = self.image.tree.parent(at);
            if above == at {
                return true;
            }
            at = above;
        }
    }
}

impl EntryEvaluator for Comparison {
    fn sections(&mut self, running: &Inventory) {
        self.drift.unseen.extend(self.image.problems());
        self.drift.changeable = fixed::why_not(running);
        self.drift.owned = self.image.tree.owned();
        let unread = missing("mounts of the container", &running.mounts.coverage());
        self.drift.unseen.extend(unread);
        let mounts = running.mounts.data().map(Vec::as_slice);
        self.over = Over::new(mounts.unwrap_or_default());
        if let Some(planned) = planned(running) {
            let image = &self.image.tree;
            self.over.unplanned(&planned, image, &mut self.drift);
        } else {
            let unread = missing("the pod's specification", &running.pod.coverage());
            self.drift.unseen.extend(unread);
        }
        self.over.list(&mut self.drift);
    }

    fn file(&mut self, file: &FileEntry) {
        if !file.exists {
            return;
        }
        self.files += 1;
        self.counts.take(file);
        let image = Arc::clone(&self.image);
        let path = file.path.as_text();
        let place = image.tree.find(path);
        let was = place.and_then(|id| image.tree.file(id).map(|was| (id, was)));
        if let Some(directory) = file.path.parent()
            && let Some(id) = image.tree.find(directory.as_text())
        {
            self.now[id.index()].listed = true;
        }
        if let Some(id) = place {
            let now = &mut self.now[id.index()];
            now.seen = true;
            now.listed |= file.mode & 0o005 == 0o005;
        }
        if self.over.hides(&file.path, was.is_none()) || marks(file) {
            return;
        }
        if was.is_none() && !image.could_see(&file.path) {
            let text = not_compared(file, "image");
            return self.drift.beyond_image.insert(text);
        }
        self.drift.compared += 1;
        match was {
            Some((id, was)) => self.compare(id, &was, file),
            None => self.drift.added(file),
        }
    }

    fn finish(mut self: Box<Self>, files: &FilesEnd) -> Findings {
        if self.files == 0 {
            let nothing = "container: no file was seen";
            self.drift.unseen.insert(nothing.into());
        }
        let unknown = self.removed(&files.coverage);
        self.unread(&files.coverage, &unknown);
        checks::findings(self.drift, self.depth)
    }
}

fn marks(file: &FileEntry) -> bool {
    MARKS.contains(&file.path.as_text()) && file.kind == FileKind::File && file.size == 0
}

/// Passes an inventory that was collected as a whole to `evaluator`.
pub(super) fn whole(mut evaluator: Box<dyn EntryEvaluator>, inventory: &Inventory) -> Findings {
    evaluator.sections(inventory);
    if let Collected::Complete { data } | Collected::Partial { data, .. } = &inventory.files {
        for file in data {
            evaluator.file(file);
        }
    }
    let coverage = inventory.files.coverage();
    evaluator.finish(&FilesEnd::new(coverage, inventory.files_listed))
}
