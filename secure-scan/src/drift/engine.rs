//! The engine of the second scan of a comparison, which learns the image from the first.

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanEngine,
    engine::Evaluation,
    finding::{EngineRef, Findings},
    inventory::{Inventory, InventoryRequest},
};
use scanner_policy::drift::{DriftEngine, ReadImage};

/// Compares with an image that is read after both scans were planned.
pub(super) struct LateDrift {
    reads: Arc<ReadImage>,
    compares: OnceLock<DriftEngine>,
    /// The same without an image, for what it asks of an agent.
    asks: DriftEngine,
    capabilities: bool,
}

impl LateDrift {
    pub(super) fn new(capabilities: bool) -> Self {
        Self {
            reads: Arc::default(),
            compares: OnceLock::new(),
            asks: DriftEngine::new(Inventory::default()).with_capabilities(capabilities),
            capabilities,
        }
    }

    /// The engine of the scan that reads the image.
    pub(super) fn image_reader(&self) -> Arc<ReadImage> {
        Arc::clone(&self.reads)
    }

    /// Takes what was read of the image; says whether there is anything.
    pub(super) fn keep_image(&self) -> bool {
        let Some(image) = self.reads.take() else {
            return false;
        };
        let engine = DriftEngine::new(image).with_capabilities(self.capabilities);
        self.compares.set(engine).is_ok()
    }
}

impl ScanEngine for LateDrift {
    fn reference(&self) -> EngineRef {
        self.asks.reference()
    }

    fn request(&self) -> InventoryRequest {
        self.asks.request()
    }

    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        match self.compares.get() {
            Some(engine) => engine.evaluate(inventory, context),
            None => Findings::failed(self.reference(), "the image was not read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_never_compared_with_an_image_that_was_not_read() {
        let engine = LateDrift::new(true);
        assert!(!engine.keep_image());
        let context = Evaluation::on(jiff::civil::date(2026, 1, 31));
        let found = engine.evaluate(&Inventory::default(), &context);
        assert!(found.results.iter().all(|result| !result.looked()));
        assert_eq!(found.results[0].message, "the image was not read");
        let read = engine.image_reader();
        let _ = read.evaluate(&Inventory::default(), &context);
        assert!(engine.keep_image());
        let found = engine.evaluate(&Inventory::default(), &context);
        assert_eq!(found.engine, engine.reference());
        assert!(found.results.len() > 1);
    }
}
