//! A profile as an engine of a scan.

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{CheckResult, EngineRef, Findings},
    inventory::{Inventory, InventoryRequest, Section},
};

use super::compiled::Profile;
use crate::{
    check::Check,
    evaluate::{Entries, Values, evaluate},
    expression::Expression,
    inputs::{Input, shown},
    reachability::{self, Reachability},
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
        let mut files = inventory.files.data().into_iter().flatten();
        let setuid = files.find(|file| reachability::is_setuid(file));
        let looked_for = inventory.coverage_of(&[reachability::setuid_programs()]);
        let reach = Reachability::new(inventory, &context.absent).with_files(setuid, &looked_for);
        let results = self.checks.iter().map(|check| {
            let absent = Self::absent(check, context);
            let unset = self.unset(check);
            absent.unwrap_or_else(|| evaluate(check, &unset, inventory, &values, &reach))
        });
        self.findings(results.collect(), context)
    }

    fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(Box::new(Entries::new(self.clone(), context.clone())))
    }
}

impl Profile {
    /// The findings of a scan, with the day of the scan where an input stands for it.
    pub(crate) fn findings(&self, results: Vec<CheckResult>, context: &Evaluation) -> Findings {
        let today = Input::day(context.today);
        let mut reference = self.reference.clone();
        for (name, input) in self.inputs.iter().filter(|(_, input)| input.today) {
            let day = shown(input.value.as_ref().unwrap_or(&today));
            reference.inputs.insert(name.clone(), day);
        }
        Findings::new(reference, results)
    }

    /// The result of a check that reads a section which the target does not have.
    pub(crate) fn absent(check: &Check, context: &Evaluation) -> Option<CheckResult> {
        let absent = context.absent.iter();
        let absent: Vec<&str> = absent
            .filter(|section| check.sections.contains(section))
            .map(|section| section.name())
            .collect();
        let none = check.disabled.is_some() || absent.is_empty();
        (!none).then(|| {
            let mut why = format!("the target has no {}", absent.join(", "));
            if absent.contains(&Section::Env.name()) {
                why.push_str("; variables that an image sets (ENV) are not read");
            }
            check.result().not_applicable(why)
        })
    }

    /// Inputs that a check reads and that have no value.
    pub(crate) fn unset<'a>(&self, check: &'a Check) -> Vec<&'a str> {
        let read = check.expressions().flat_map(Expression::inputs);
        let is_set = |name: &String| self.inputs.get(name).is_some_and(Input::is_set);
        read.filter(|n| !is_set(n)).map(String::as_str).collect()
    }
}
