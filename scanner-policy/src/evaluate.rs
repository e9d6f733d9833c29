//! Evaluates checks on an inventory. What could not be read is an error, never a pass.

mod entries;
mod entry;
mod fold;
mod hidden;
mod outcome;
mod samples;
mod seen;
mod streamed;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use cel::Value;
use scanner_core::{
    escape::visible,
    finding::CheckResult,
    inventory::{Coverage, Inventory, Section},
};

use crate::{
    check::Check,
    expression::{Budget, Meter},
    profile::raw::Scope,
};

use outcome::{Outcome, outcome};
use values::variables;

pub(crate) use entries::{Entries, MAX_LISTED};
pub(crate) use samples::{Samples, try_out};
pub(crate) use values::Values;

/// Items of evidence that are kept.
const MAX_EVIDENCE: usize = 20;
/// Characters of one item.
const MAX_ITEM: usize = 300;

/// Evaluates one check; `unset` are inputs that it reads and that have no value.
pub(crate) fn evaluate(
    check: &Check,
    unset: &[&str],
    inventory: &Inventory,
    values: &Values,
) -> CheckResult {
    if let Some(decided) = decided(check, unset) {
        return decided;
    }
    let coverage = |section| match section {
        Section::Files => inventory.coverage_of(&check.files),
        other => inventory.section_coverage(other),
    };
    judge(check, coverage, || {
        let variables = variables(check, inventory, values);
        let meter = Arc::new(Meter::new(Budget::CHECK.with_list(listed(&variables))));
        outcome(check, &variables, &meter)
    })
}

/// How many files a check has as a list.
fn listed(variables: &[(&str, Value)]) -> usize {
    let files = variables
        .iter()
        .find(|(name, _)| *name == Section::Files.name());
    files.map_or(0, |(_, files)| match files {
        Value::List(files) => files.len(),
        _ => 0,
    })
}

/// The result of a check that looks at nothing.
fn decided(check: &Check, unset: &[&str]) -> Option<CheckResult> {
    let result = || check.result();
    if let Some(reason) = &check.disabled {
        let why = format!("disabled: {}", visible(reason, MAX_ITEM));
        return Some(result().not_applicable(why));
    }
    if !unset.is_empty() {
        return Some(result().error(format!("input {} is not set", unset.join(", "))));
    }
    None
}

/// What an outcome means where that much was collected; where something is missing altogether, there is none.
fn judge(
    check: &Check,
    coverage: impl Fn(Section) -> Coverage,
    outcome: impl FnOnce() -> Result<Outcome, String>,
) -> CheckResult {
    let result = check.result();
    let mut gaps = Vec::new();
    for section in &check.sections {
        match coverage(*section) {
            Coverage::Complete => {}
            Coverage::Partial { gaps: found } => gaps.push(format!("{section}: {found}")),
            Coverage::Unavailable { reason } => {
                return result.error(format!("{section} could not be collected: {reason}"));
            }
            Coverage::NotRequested => {
                return result.error(format!("{section} was not collected"));
            }
        }
    }
    match outcome() {
        Err(message) => result.error(message),
        Ok(Outcome::NotApplicable) => result.not_applicable(""),
        Ok(Outcome::Fail(evidence)) => {
            let mut result = result.fail(evidence.kept);
            result.evidence_total = evidence.total;
            result.limits = gaps;
            result
        }
        Ok(Outcome::Pass) if gaps.is_empty() => result.pass(),
        Ok(Outcome::Pass) if check.scope == Scope::Reachable => {
            let mut result = result.pass();
            result.limits = gaps;
            result
        }
        Ok(Outcome::Pass) => result.error(format!(
            "no violation found, but some data could not be read: {}",
            gaps.join("; ")
        )),
    }
}
