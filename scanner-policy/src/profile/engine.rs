//! A profile as an engine of a scan.

use scanner_core::{
    ScanEngine,
    engine::Evaluation,
    finding::{CheckResult, EngineRef, Findings},
    inventory::{Inventory, InventoryRequest},
};

use super::compiled::Profile;
use crate::{
    check::Check,
    evaluate::{Values, evaluate},
    expression::Expression,
    inputs::{Input, shown},
};

impl ScanEngine for Profile {
    fn reference(&self) -> EngineRef {
        self.reference.clone()
    }

    fn request(&self) -> InventoryRequest {
        self.compiled_request()
    }

    /// Checks that read what is absent do not apply.
    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let today = Input::day(context.today);
        let values = Values::new(inventory, &self.inputs, &today);
        let results = self
            .checks
            .iter()
            .map(|check| self.evaluate_check(check, inventory, &values, context))
            .collect();
        let mut reference = self.reference.clone();
        for (name, input) in self.inputs.iter().filter(|(_, input)| input.today) {
            let day = shown(input.value.as_ref().unwrap_or(&today));
            reference.inputs.insert(name.clone(), day);
        }
        Findings::new(reference, results)
    }
}

impl Profile {
    fn evaluate_check(
        &self,
        check: &Check,
        inventory: &Inventory,
        values: &Values,
        context: &Evaluation,
    ) -> CheckResult {
        let absent: Vec<&str> = context
            .absent
            .iter()
            .filter(|section| check.sections.contains(section))
            .map(|section| section.name())
            .collect();
        if check.disabled.is_none() && !absent.is_empty() {
            let why = format!("the target has no {}", absent.join(", "));
            return check.result().not_applicable(why);
        }
        let read = check.expressions().flat_map(Expression::inputs);
        let is_set = |name: &String| self.inputs.get(name).is_some_and(Input::is_set);
        let unset: Vec<&str> = read.filter(|n| !is_set(n)).map(String::as_str).collect();
        evaluate(check, &unset, inventory, values)
    }
}
