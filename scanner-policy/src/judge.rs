//! An engine whose findings have been through waivers and thresholds.

use jiff::civil::Date;
use scanner_core::{
    ScanEngine,
    finding::{Findings, Severity},
    inventory::{Inventory, InventoryRequest, Section},
};

use crate::{threshold::Thresholds, waiver::Waivers};

/// What a policy makes of findings; the day is data.
#[derive(Debug, Clone)]
pub struct Judge {
    /// Waivers, if any.
    pub waivers: Option<Waivers>,
    /// Thresholds with the name of their file, if any.
    pub thresholds: Option<(String, Thresholds)>,
    /// Severity that an argument or a policy's own file names, which holds beside thresholds.
    pub fail_on: Option<Severity>,
    /// The day in UTC.
    pub today: Date,
}

impl Judge {
    /// Applies waivers, then counts.
    #[must_use]
    pub fn apply(&self, mut findings: Findings) -> Findings {
        if let Some(waivers) = &self.waivers {
            waivers.apply(&mut findings, self.today);
        }
        if let Some((source, thresholds)) = &self.thresholds {
            let mut outcome = thresholds.judge(&findings);
            outcome.source.clone_from(source);
            outcome.fail_on = self.fail_on;
            findings.thresholds = Some(outcome);
        }
        findings
    }
}

/// An engine, and what is made of its findings.
pub struct Judged<'a> {
    /// The engine.
    pub engine: &'a dyn ScanEngine,
    /// What is made of its findings.
    pub judge: &'a Judge,
}

impl ScanEngine for Judged<'_> {
    fn request(&self) -> InventoryRequest {
        self.engine.request()
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        self.judge.apply(self.engine.evaluate(inventory))
    }

    fn evaluate_without(&self, inventory: &Inventory, absent: &[Section]) -> Findings {
        self.judge
            .apply(self.engine.evaluate_without(inventory, absent))
    }
}
