//! Everything that a scan needs, before it runs.

use scanner_inventory::PodFacts;

use crate::{
    control::SecurityControl, engine::ScanEngine, event::Observer, finding::Severity, gate::Gate,
    plan::ScanPlan, strategy::ScanStrategy,
};

/// Everything that a scan needs; [`Pipeline::run`] is the scan.
pub struct Pipeline<'a> {
    /// What will be done.
    pub plan: ScanPlan,
    /// Gates, in order.
    pub gates: Vec<Box<dyn Gate>>,
    /// Controls, in order of enforcement; released in reverse.
    pub controls: Vec<Box<dyn SecurityControl>>,
    /// Ids of controls that must hold, also where their failure would be tolerated.
    pub required: Vec<String>,
    /// How the target is reached.
    pub strategy: Box<dyn ScanStrategy>,
    /// What inspects it.
    pub engine: &'a dyn ScanEngine,
    /// What the cluster says of the pod, for the inventory.
    pub pod: PodFacts,
    /// Severity from which a failed check makes the verdict `findings`.
    pub threshold: Severity,
    /// Who watches.
    pub observer: &'a dyn Observer,
}
