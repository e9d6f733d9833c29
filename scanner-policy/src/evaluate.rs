//! Judges an inventory. What could not be looked at is an error, never a pass.

mod outcome;
mod samples;
mod values;

use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus},
    inventory::{Coverage, FileEntry, Inventory, Section},
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
pub(crate) fn judge(
    check: &Check,
    unset: &[&str],
    inventory: &Inventory,
    values: &Values,
) -> CheckResult {
    let mut result = CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        severity: check.severity,
        status: CheckStatus::Error,
        message: String::new(),
        evidence: Vec::new(),
        evidence_total: 0,
        rationale: check.rationale.clone(),
        fix: check.fix.clone(),
        limits: Vec::new(),
        waiver: None,
        tags: check.tags.iter().cloned().collect(),
        references: check.references.clone(),
    };
    if let Some(reason) = &check.disabled {
        result.status = CheckStatus::NotApplicable;
        result.message = format!("disabled: {}", visible(reason, MAX_ITEM));
        return result;
    }
    if !unset.is_empty() {
        result.message = format!("input {} is not set", unset.join(", "));
        return result;
    }
    let mut gaps = Vec::new();
    for section in &check.sections {
        match inventory.section_coverage(*section) {
            Coverage::Complete => {}
            // What is missing is in files that other checks ask about.
            Coverage::Partial { .. } if *section == Section::Files && has_all(check, inventory) => {
            }
            Coverage::Partial { gaps: found } => gaps.push(format!("{section}: {found}")),
            Coverage::Unavailable { reason } => {
                result.message = format!("{section} could not be collected: {reason}");
                return result;
            }
            Coverage::NotRequested => {
                result.message = format!("{section} was not collected");
                return result;
            }
        }
    }
    match outcome(check, &variables(check, inventory, values)) {
        Err(message) => result.message = message,
        Ok(Outcome::NotApplicable) => result.status = CheckStatus::NotApplicable,
        Ok(Outcome::Fail(evidence)) => {
            result.status = CheckStatus::Fail;
            result.evidence_total = evidence.len() as u64;
            result.evidence = evidence
                .iter()
                .take(MAX_EVIDENCE)
                .map(|item| visible(item, MAX_ITEM))
                .collect();
            result.limits = gaps;
        }
        Ok(Outcome::Pass) if gaps.is_empty() => result.status = CheckStatus::Pass,
        Ok(Outcome::Pass) if check.scope == Scope::Reachable => {
            result.status = CheckStatus::Pass;
            result.limits = gaps;
        }
        Ok(Outcome::Pass) => {
            result.message = format!(
                "nothing was found, but not all was seen: {}",
                gaps.join("; ")
            );
        }
    }
    result
}

/// Whether every file that `check` selects is there, with all that the check asks for.
fn has_all(check: &Check, inventory: &Inventory) -> bool {
    let lacks = |file: &FileEntry| check.files.iter().any(|s| s.misses(file));
    inventory.files_listed
        && inventory
            .files
            .data()
            .is_some_and(|all| !all.iter().any(lacks))
}
