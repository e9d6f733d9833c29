//! The two engines of a drift scan: one keeps what is in the image, one holds the container against it.

use std::sync::{Mutex, PoisonError};

use scanner_core::{
    ScanEngine,
    finding::Findings,
    inventory::{Inventory, InventoryRequest, Section},
};

use super::{
    checks,
    compare::{judge, request},
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
    fn request(&self) -> InventoryRequest {
        request(&[], true)
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(inventory.clone());
        let files = inventory.files.data().map_or(0, Vec::len);
        checks::image_read(files)
    }
}

/// Holds a running container against its image.
#[derive(Debug)]
pub struct Drift {
    /// What the image holds.
    pub image: Inventory,
    /// Whether the container is read by a probe, which reads the capabilities of files; a shell does not.
    pub capabilities: bool,
}

impl ScanEngine for Drift {
    fn request(&self) -> InventoryRequest {
        request(&[Section::Mounts], self.capabilities)
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        let containers = inventory.pod.data().into_iter().flat_map(|p| &p.containers);
        let mounts = containers.filter(|c| c.target).flat_map(|c| &c.mounts);
        let planned: Vec<String> = mounts.map(|m| m.path.clone()).collect();
        judge(&self.image, inventory, &planned)
    }
}
