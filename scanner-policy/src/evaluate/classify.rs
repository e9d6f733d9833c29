//! What the outcome of a check means, where some of the data could not be read.

use scanner_core::{
    escape::visible,
    finding::CheckResult,
    inventory::{Coverage, Gap, GapKind, Gaps, Section},
};

use super::outcome::{MAX_ITEM, Outcome};
use crate::{check::Check, profile::raw::Scope};

/// The result of a check that looks at nothing.
pub(super) fn decided(check: &Check, unset: &[&str]) -> Option<CheckResult> {
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

/// Whether all that is said of a section is which lines of its file are no entries.
fn hides_nothing(gaps: &Gaps) -> bool {
    let is_named = |gap: &Gap| gap.kind == GapKind::NoEntry && gap.item.is_some();
    gaps.iter().next().is_some() && gaps.iter().all(is_named)
}

/// What an outcome means where that much was collected; where something is missing altogether, there is none.
pub(super) fn classify(
    check: &Check,
    coverage: impl Fn(Section) -> Coverage,
    outcome: impl FnOnce() -> Result<Outcome, String>,
) -> CheckResult {
    let result = check.result();
    let (mut gaps, mut noted) = (Vec::new(), Vec::new());
    for section in &check.sections {
        match coverage(*section) {
            Coverage::Complete => {}
            // Nothing is missing because of a line that no program takes for an entry.
            Coverage::Partial { gaps: found } if hides_nothing(&found) => {
                noted.push(format!("{section}: {found}"));
            }
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
            result.limits = [gaps, noted].concat();
            result
        }
        Ok(Outcome::Pass) if gaps.is_empty() || check.scope == Scope::Reachable => {
            let mut result = result.pass();
            result.limits = [gaps, noted].concat();
            result
        }
        Ok(Outcome::Pass) => result.error(format!(
            "no violation found, but some data could not be read: {}",
            gaps.join("; ")
        )),
    }
}
