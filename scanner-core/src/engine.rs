//! Seam: what inspects a target. An engine asks for data once and turns it into findings.

use crate::finding::Findings;
use scanner_inventory::{Inventory, InventoryRequest, Section};

/// Models a set of checks that is compiled to one inventory request.
///
/// Evaluation is a pure function: the same inventory always gives the same findings, and data
/// that is missing from it is an error of the checks that need it, never a pass.
pub trait ScanEngine: Send + Sync {
    /// Everything that [`ScanEngine::evaluate`] will read.
    fn request(&self) -> InventoryRequest;

    /// Judges what was collected. The inventory is hostile: implementations bound their work.
    fn evaluate(&self, inventory: &Inventory) -> Findings;

    /// Judges an inventory of something that has no `absent` sections at all, as a directory has no
    /// processes. An engine that does not tell its checks apart judges them as not available.
    fn evaluate_without(&self, inventory: &Inventory, absent: &[Section]) -> Findings {
        let _ = absent;
        self.evaluate(inventory)
    }
}
