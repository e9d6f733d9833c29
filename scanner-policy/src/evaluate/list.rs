//! One check that is evaluated on lists.

use std::sync::Arc;

use cel::Value;
use scanner_core::{
    finding::CheckResult,
    inventory::{Inventory, Section},
};

use super::{
    classify::{classify, decided},
    environment::with_removed,
    origin::with_origin,
    outcome::outcome,
    values::{Values, variables},
};
use crate::{
    check::Check,
    expression::{Budget, Meter},
    reachability::Reachability,
};

/// Evaluates one check; `unset` are inputs that it reads and that have no value.
pub(crate) fn evaluate(
    check: &Check,
    unset: &[&str],
    inventory: &Inventory,
    values: &Values,
    reach: &Reachability,
) -> CheckResult {
    if let Some(decided) = decided(check, unset) {
        return decided;
    }
    let coverage = |section| match section {
        Section::Files => inventory.coverage_of(&check.files),
        other => inventory.section_coverage(other),
    };
    let result = classify(check, coverage, reach, || {
        let variables = variables(check, inventory, values);
        let meter = Arc::new(Meter::new(Budget::CHECK.with_list(listed(&variables))));
        outcome(check, &variables, &meter)
    });
    let result = with_removed(result, check, inventory);
    with_origin(result, check, inventory.from_image.as_ref(), |filled| {
        inventory.filled_for(&check.files, filled)
    })
}

/// How many files a check has as a list.
pub(super) fn listed(variables: &[(&str, Value)]) -> usize {
    let files = variables
        .iter()
        .find(|(name, _)| *name == Section::Files.name());
    files.map_or(0, |(_, files)| match files {
        Value::List(files) => files.len(),
        _ => 0,
    })
}
