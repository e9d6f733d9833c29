//! What surrounds some work: the plan, its gates and controls, and who watches.

use std::sync::Arc;

use crate::{
    alert::Alerts,
    control::{Phase, SecurityControl},
    event::Observer,
    finding::Severity,
    gate::Gate,
    plan::ScanPlan,
    scope::ScopeObjects,
};

/// Everything that surrounds some work.
#[non_exhaustive]
pub struct Setup<'a> {
    /// What will be done; its controls must be those that are given.
    pub plan: ScanPlan,
    /// Gates, in order.
    pub gates: Vec<Box<dyn Gate>>,
    /// Controls, in any order: their phases decide, and within a phase the order given.
    pub controls: Vec<Box<dyn SecurityControl>>,
    /// Identifiers of controls that must hold, also where a failure of theirs would be tolerated.
    pub required: Vec<String>,
    /// How controls create objects.
    pub objects: Option<Arc<dyn ScopeObjects>>,
    /// Where alerts are raised.
    pub alerts: Alerts,
    /// Lowest severity at which a failed check makes the verdict `findings`.
    pub threshold: Severity,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl<'a> Setup<'a> {
    /// What surrounds the work of `plan`.
    pub fn new(
        plan: ScanPlan,
        controls: Vec<Box<dyn SecurityControl>>,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            plan,
            gates: Vec::new(),
            controls,
            required: Vec::new(),
            objects: None,
            alerts: Alerts::default(),
            threshold: Severity::FAIL_ON,
            observer,
        }
    }

    /// Why these controls cannot surround the plan, if they cannot: a pipeline without its controls must not pass.
    pub(super) fn mismatch(&self) -> Option<String> {
        let mut given: Vec<String> = self.controls.iter().map(|c| c.id().to_owned()).collect();
        let mut planned: Vec<String> = self.plan.controls.iter().map(|c| c.id.clone()).collect();
        given.sort();
        planned.sort();
        if given.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some(format!(
                "two controls have the same id: {}",
                given.join(", ")
            ));
        }
        if given != planned {
            return Some(format!(
                "the controls given ({}) are not those of the plan ({})",
                given.join(", "),
                planned.join(", ")
            ));
        }
        let unknown = self.required.iter().find(|id| !given.contains(id));
        if let Some(id) = unknown {
            return Some(format!("control {id} is required, and nobody supplied it"));
        }
        let lease = self.controls.iter().any(|c| c.phase() == Phase::Lease);
        (!lease).then(|| "no lease surrounds the work".to_owned())
    }
}
