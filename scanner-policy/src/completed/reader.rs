//! The engine of the scan that reads the image.

use std::sync::{Arc, Mutex, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{Collected, FileEntry, Inventory, InventoryRequest, sink::FilesEnd},
};

use super::{image::WholeImage, request::of_image};

/// Keeps what is in an image.
#[derive(Debug)]
pub struct ImageReader {
    request: InventoryRequest,
    image: Kept,
}

type Kept = Arc<Mutex<Option<WholeImage>>>;

impl ImageReader {
    /// An engine that reads what can complete the answer to `asked`, the request of all engines of the container.
    pub fn new(asked: &InventoryRequest) -> Self {
        Self {
            request: of_image(asked),
            image: Kept::default(),
        }
    }

    /// What was read, once.
    pub fn take(&self) -> Option<WholeImage> {
        let mut kept = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }

    fn reader(&self) -> Reader {
        Reader {
            image: WholeImage::default(),
            kept: Arc::clone(&self.image),
        }
    }
}

fn reference() -> EngineRef {
    EngineRef::new("image", "1").with_title("What the container does not show is read here")
}

impl ScanEngine for ImageReader {
    fn reference(&self) -> EngineRef {
        reference()
    }

    fn request(&self) -> InventoryRequest {
        self.request.clone()
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        let mut reader = Box::new(self.reader());
        reader.sections(inventory);
        if let Collected::Complete { data } | Collected::Partial { data, .. } = &inventory.files {
            for file in data {
                reader.file(file);
            }
        }
        let coverage = inventory.files.coverage();
        reader.finish(&FilesEnd::new(coverage, inventory.files_listed))
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(Box::new(self.reader()))
    }
}

/// Reads one image.
struct Reader {
    image: WholeImage,
    kept: Kept,
}

impl EntryEvaluator for Reader {
    fn sections(&mut self, inventory: &Inventory) {
        self.image.users.clone_from(&inventory.users);
        self.image.groups.clone_from(&inventory.groups);
        self.image.shadow.clone_from(&inventory.shadow);
        self.image.language.clone_from(&inventory.language_packages);
    }

    fn file(&mut self, file: &FileEntry) {
        self.image.add(file);
    }

    fn finish(mut self: Box<Self>, files: &FilesEnd) -> Findings {
        self.image.coverage = files.coverage.clone();
        let count = self.image.tree.files();
        let check = CheckResult::new("image-read", "The image was read", Severity::Medium)
            .with_advice(
                "The image has what the container does not show",
                "scan again",
            );
        let mut check = match count {
            0 => check.error("no file was seen"),
            _ => check.pass(),
        };
        if count > 0 {
            check.message = format!("{count} files and directories");
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.image);
        }
        Findings::new(reference(), vec![check])
    }
}
