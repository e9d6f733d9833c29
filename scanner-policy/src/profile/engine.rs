//! A profile as an engine of a scan.

use scanner_core::{
    ScanEngine,
    finding::{CheckResult, CheckStatus, Findings},
    inventory::{Inventory, InventoryRequest, Section},
};

use super::compiled::Profile;
use crate::{
    check::Check,
    evaluate::{Values, judge},
    expression::Expression,
};

impl ScanEngine for Profile {
    fn request(&self) -> InventoryRequest {
        self.compiled_request()
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        let values = Values::new(inventory, &self.inputs);
        Findings {
            profile: self.reference.clone(),
            results: self
                .checks
                .iter()
                .map(|check| self.judge(check, inventory, &values))
                .collect(),
            waivers: None,
            thresholds: None,
        }
    }

    /// Checks that read what is absent do not apply.
    fn evaluate_without(&self, inventory: &Inventory, absent: &[Section]) -> Findings {
        let mut findings = self.evaluate(inventory);
        for (result, check) in findings.results.iter_mut().zip(&self.checks) {
            let missing: Vec<&str> = absent
                .iter()
                .filter(|section| check.sections.contains(section))
                .map(|section| section.name())
                .collect();
            if !missing.is_empty() && check.disabled.is_none() {
                result.status = CheckStatus::NotApplicable;
                result.message = format!("there is no {} here", missing.join(", "));
            }
        }
        findings
    }
}

impl Profile {
    fn judge(&self, check: &Check, inventory: &Inventory, values: &Values) -> CheckResult {
        let read = check.expressions().flat_map(Expression::inputs);
        let is_set = |name: &String| self.inputs.get(name).is_some_and(|i| i.value.is_some());
        let unset: Vec<&str> = read.filter(|n| !is_set(n)).map(String::as_str).collect();
        judge(check, &unset, inventory, values)
    }
}
