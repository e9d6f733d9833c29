//! The engine of the second scan of a comparison, which gets the image from the first.

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{EngineRef, Findings},
    inventory::{Inventory, InventoryRequest},
};
use scanner_policy::drift::{Depth, DriftEngine, Image, ReadImage};

use crate::pair::Link;

/// Compares with an image that is read after both scans were planned.
pub(super) struct LateDrift {
    reads: Arc<ReadImage>,
    compares: OnceLock<DriftEngine>,
    /// The same without an image, for its request to an agent.
    asks: DriftEngine,
    depth: Depth,
}

impl LateDrift {
    pub(super) fn new(depth: Depth) -> Self {
        Self {
            reads: Arc::new(ReadImage::default().full(depth.full)),
            compares: OnceLock::new(),
            asks: DriftEngine::new(Image::default(), depth),
            depth,
        }
    }

    /// The engine of the scan that reads the image.
    pub(super) fn image_reader(&self) -> Arc<ReadImage> {
        Arc::clone(&self.reads)
    }
}

impl Link for LateDrift {
    fn keep_image(&self) -> bool {
        let Some(image) = self.reads.take() else {
            return false;
        };
        let engine = DriftEngine::new(image, self.depth);
        self.compares.set(engine).is_ok()
    }

    fn references(&self) -> Vec<EngineRef> {
        vec![self.reference()]
    }

    fn not_done(&self) -> &'static str {
        "the container was not compared with it"
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

    fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        self.compares.get()?.by_entry(context)
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::{ScanPlan, ScanReport, Target, Verdict, target::TargetForm};

    use super::*;
    use crate::pair::without_image;

    #[test]
    fn a_container_is_never_compared_with_an_image_that_was_not_read() {
        let engine = LateDrift::new(Depth::default());
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

    #[test]
    fn an_image_of_which_nothing_was_kept_is_no_pass() {
        let target = Target {
            namespace: "shop".parse().unwrap(),
            pod: "web-0".parse().unwrap(),
            pod_uid: "uid".into(),
            container: "web".parse().unwrap(),
            container_id: "containerd://1".into(),
            image: "web:1".into(),
            image_id: "web@sha256:aa".into(),
            node: "node".into(),
            restarts: 0,
            form: TargetForm::Container,
        };
        let plan = ScanPlan::new("abcd1234".parse().unwrap(), target, "fake", "p 1");
        let mut report = ScanReport::new(plan, Verdict::Passed);
        let engine = LateDrift::new(Depth::default());
        assert!(!engine.keep_image());
        without_image(&engine, &mut report);
        assert_eq!(report.verdict, Verdict::Incomplete);
        let results = &report.findings[0].results;
        assert!(results.iter().all(|result| !result.looked()));
        assert!(results[0].message.contains("not compared"));
    }
}
