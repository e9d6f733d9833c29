//! Evaluates checks on an inventory. What could not be read is an error, never a pass.

mod outcome;
mod samples;
mod values;

use scanner_core::{
    escape::visible,
    finding::CheckResult,
    inventory::{Coverage, Inventory, Section},
};

use crate::{check::Check, profile::raw::Scope};

use outcome::{Outcome, outcome};
use values::variables;

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
    let result = check.result();
    if let Some(reason) = &check.disabled {
        return result.not_applicable(format!("disabled: {}", visible(reason, MAX_ITEM)));
    }
    if !unset.is_empty() {
        return result.error(format!("input {} is not set", unset.join(", ")));
    }
    let mut gaps = Vec::new();
    for section in &check.sections {
        let coverage = match section {
            Section::Files => inventory.coverage_of(&check.files),
            other => inventory.section_coverage(*other),
        };
        match coverage {
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
    match outcome(check, &variables(check, inventory, values)) {
        Err(message) => result.error(message),
        Ok(Outcome::NotApplicable) => result.not_applicable(""),
        Ok(Outcome::Fail(evidence)) => {
            let total = u64::try_from(evidence.len()).unwrap_or(u64::MAX);
            let kept = evidence.iter().take(MAX_EVIDENCE);
            let mut result = result.fail(kept.map(|item| visible(item, MAX_ITEM)).collect());
            result.evidence_total = total;
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
