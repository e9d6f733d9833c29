//! Keeps what an engine evaluates, to try checks on it again without a target.

use std::sync::{Mutex, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::Evaluation,
    finding::{EngineRef, Findings},
    inventory::{Inventory, InventoryRequest, Section},
};
use scanner_policy::recording::Recording;

/// An engine that keeps the inventory that it evaluates. It gets the files as a list, even if the wrapped engine would take
/// them one by one.
///
/// Give an `Arc` of it to the scan, and take what it kept afterwards:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use secure_scan::{InventoryTap, LocalScan, Profile};
///
/// let tap = Arc::new(InventoryTap::new(Profile::shipped("container-baseline")?));
/// let report = LocalScan::directory("/srv/root").engine(Arc::clone(&tap)).run().await?;
/// if let Some(recording) = tap.take(report.subject) {
///     std::fs::write("inventory.json", recording.to_json())?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct InventoryTap<E> {
    engine: E,
    seen: Mutex<Option<(Inventory, Vec<Section>)>>,
}

impl<E: ScanEngine> InventoryTap<E> {
    /// Keeps what `engine` evaluates.
    pub const fn new(engine: E) -> Self {
        Self {
            engine,
            seen: Mutex::new(None),
        }
    }

    /// The inventory that was evaluated last, once; `subject` says what it describes.
    pub fn take(&self, subject: impl Into<String>) -> Option<Recording> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (inventory, absent) = seen.take()?;
        let request = self.engine.request();
        Some(Recording::new(subject, absent, request, inventory))
    }
}

impl<E: ScanEngine> ScanEngine for InventoryTap<E> {
    fn reference(&self) -> EngineRef {
        self.engine.reference()
    }

    fn request(&self) -> InventoryRequest {
        self.engine.request()
    }

    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let kept = (inventory.clone(), context.absent.clone());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        self.engine.evaluate(inventory, context)
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::inventory::Collected;
    use scanner_policy::Profile;

    use super::*;

    #[test]
    fn what_was_evaluated_is_kept_once() {
        let tap = InventoryTap::new(Profile::shipped("container-baseline").unwrap());
        assert!(tap.take("x").is_none());
        let inventory = Inventory {
            users: Collected::Complete { data: Vec::new() },
            ..Inventory::default()
        };
        let day = Evaluation::on(jiff::civil::date(2026, 1, 31)).without(&[Section::Pod]);
        assert!(tap.by_entry(&day).is_none());
        let found = tap.evaluate(&inventory, &day);
        assert_eq!(found.engine, tap.reference());
        let kept = tap.take("x").unwrap();
        assert_eq!(
            (kept.inventory, kept.absent),
            (inventory, [Section::Pod].into())
        );
        assert!(tap.take("x").is_none());
    }
}
