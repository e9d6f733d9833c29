//! The two engines of a drift scan: one keeps the contents of the image, the other compares the container with them.

use std::sync::{Arc, Mutex, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{EngineRef, Findings},
    inventory::{Coverage, FileEntry, Inventory, InventoryRequest, Section, sink::FilesEnd},
};

use super::{
    checks,
    compare::{Comparison, whole},
    image::Image,
    request::{Depth, request},
};
use crate::completed::Counts;

/// Keeps the files of an image.
#[derive(Debug, Default)]
pub struct ReadImage {
    full: bool,
    image: Kept,
}

type Kept = Arc<Mutex<Option<Image>>>;

impl ReadImage {
    /// Also reads the digest of every file, for a comparison in [full](Depth::full).
    #[must_use]
    pub const fn full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// What was read, once.
    pub fn take(&self) -> Option<Image> {
        let mut kept = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }
}

impl ScanEngine for ReadImage {
    fn reference(&self) -> EngineRef {
        checks::reference()
    }

    fn request(&self) -> InventoryRequest {
        let depth = Depth {
            full: self.full,
            capabilities: true,
        };
        InventoryRequest {
            owners: true,
            ..request(&[], depth)
        }
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        whole(self.reader(), inventory)
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(self.reader())
    }
}

impl ReadImage {
    fn reader(&self) -> Box<dyn EntryEvaluator> {
        Box::new(Reader {
            image: Image::default(),
            counts: Counts::new(self.request().files),
            kept: Arc::clone(&self.image),
        })
    }
}

/// Reads one image.
struct Reader {
    image: Image,
    counts: Counts,
    kept: Kept,
}

impl EntryEvaluator for Reader {
    fn sections(&mut self, _: &Inventory) {}

    fn file(&mut self, file: &FileEntry) {
        if file.exists {
            self.counts.take(file);
            self.image.tree.add(file);
        }
    }

    fn finish(mut self: Box<Self>, files: &FilesEnd) -> Findings {
        self.image.coverage = files.coverage.clone();
        if let Coverage::Partial { gaps } = &files.coverage {
            self.image.unnamed = self.counts.unnamed(gaps);
        }
        let count = self.image.tree.files();
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.image);
        checks::image_read(count)
    }
}

/// Compares a running container with its image.
#[derive(Debug)]
pub struct DriftEngine {
    image: Arc<Image>,
    depth: Depth,
}

impl DriftEngine {
    /// An engine that compares a container with `image`.
    pub fn new(image: Image, depth: Depth) -> Self {
        Self {
            image: Arc::new(image),
            depth,
        }
    }

    fn comparison(&self) -> Box<dyn EntryEvaluator> {
        Box::new(Comparison::with(Arc::clone(&self.image), self.depth))
    }
}

impl ScanEngine for DriftEngine {
    fn reference(&self) -> EngineRef {
        checks::reference()
    }

    fn request(&self) -> InventoryRequest {
        request(&[Section::Mounts], self.depth)
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        whole(self.comparison(), inventory)
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(self.comparison())
    }
}
