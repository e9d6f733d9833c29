//! The two engines of a drift scan: one keeps what is in the image, one holds the container against it.

use std::sync::{Mutex, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::Evaluation,
    finding::{EngineRef, Findings},
    inventory::{Inventory, InventoryRequest, Section},
};

use super::{
    checks,
    compare::{compare, request},
};

/// Keeps the inventory of an image.
#[derive(Debug, Default)]
pub struct ReadImage(Mutex<Option<Inventory>>);

impl ReadImage {
    /// What was read, once.
    pub fn take(&self) -> Option<Inventory> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }
}

impl ScanEngine for ReadImage {
    fn reference(&self) -> EngineRef {
        checks::reference()
    }

    fn request(&self) -> InventoryRequest {
        request(&[], true)
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(inventory.clone());
        let files = inventory.files.data().map_or(0, Vec::len);
        checks::image_read(files)
    }
}

/// Holds a running container against its image.
#[derive(Debug)]
pub struct DriftEngine {
    image: Inventory,
    capabilities: bool,
}

impl DriftEngine {
    /// Compares a container with what its image holds.
    pub const fn new(image: Inventory) -> Self {
        Self {
            image,
            capabilities: false,
        }
    }

    /// The same that also compares the capabilities of files, which a probe reads and a shell does not.
    #[must_use]
    pub const fn with_capabilities(mut self, read: bool) -> Self {
        self.capabilities = read;
        self
    }
}

impl ScanEngine for DriftEngine {
    fn reference(&self) -> EngineRef {
        checks::reference()
    }

    fn request(&self) -> InventoryRequest {
        request(&[Section::Mounts], self.capabilities)
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        compare(&self.image, inventory)
    }
}
