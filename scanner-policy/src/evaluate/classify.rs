//! What the outcome of a check means if some of the data could not be read.

use scanner_core::{
    escape::visible,
    finding::CheckResult,
    inventory::{Coverage, Gap, GapKind, Gaps, Section},
};

use super::outcome::{MAX_ITEM, Outcome};
use crate::{check::Check, profile::raw::Scope, reachability::Reachability};

/// The result of a check that is disabled, or whose inputs are not set.
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

/// Whether the gaps of a section are only lines of its file that are not entries.
fn hides_nothing(gaps: &Gaps) -> bool {
    let is_named = |gap: &Gap| gap.kind == GapKind::NoEntry && gap.item.is_some();
    gaps.iter().next().is_some() && gaps.iter().all(is_named)
}

/// Data that a check reads and that is missing.
struct Missing {
    section: Section,
    gaps: Gaps,
}

impl Missing {
    fn line(&self) -> String {
        format!("{}: {}", self.section, self.gaps)
    }
}

/// What the outcome of a check means for the data that was collected. `outcome` is not evaluated if a section is missing
/// altogether.
pub(super) fn classify(
    check: &Check,
    coverage: impl Fn(Section) -> Coverage,
    reach: &Reachability,
    outcome: impl FnOnce() -> Result<Outcome, String>,
) -> CheckResult {
    let mut result = check.result();
    let (mut missing, mut noted) = (Vec::new(), Vec::new());
    for section in &check.sections {
        let section = *section;
        match coverage(section) {
            Coverage::Complete => {}
            // A line that no program reads as an entry hides nothing.
            Coverage::Partial { gaps } if hides_nothing(&gaps) => {
                noted.push(Missing { section, gaps }.line());
            }
            Coverage::Partial { gaps } => missing.push(Missing { section, gaps }),
            Coverage::Unavailable { reason } => {
                return result.error(format!("{section} could not be collected: {reason}"));
            }
            Coverage::NotRequested => {
                return result.error(format!("{section} was not collected"));
            }
        }
    }
    let lines: Vec<String> = missing.iter().map(Missing::line).collect();
    let not_read = missing.iter().map(|one| one.gaps.missing()).sum();
    let mut limit = |mut result: CheckResult| {
        let unread = missing
            .iter()
            .map(|one| (one.section.name().to_owned(), one.gaps.clone()));
        result.unread = unread.collect();
        result.limits = [lines.clone(), std::mem::take(&mut noted)].concat();
        result.not_read = not_read;
        result
    };
    match outcome() {
        Err(message) => result.error(message),
        Ok(Outcome::Fail(evidence)) => {
            result = result.fail(Vec::new());
            evidence.put(&mut result);
            limit(result)
        }
        Ok(Outcome::NotApplicable) => match unknown_condition(check, &missing) {
            None => result.not_applicable(""),
            Some(line) => result.error(format!(
                "whether the check applies is not known, since some data could not be read: {line}"
            )),
        },
        Ok(Outcome::Pass) => match objection(check, &missing, reach) {
            None => limit(result.pass()),
            Some(why) => result.error(format!(
                "no violation found, but some data could not be read{why}: {}",
                lines.join("; ")
            )),
        },
    }
}

/// Missing data that decides whether a check applies.
fn unknown_condition(check: &Check, missing: &[Missing]) -> Option<String> {
    let condition = check.applies_when.as_ref()?;
    let read = missing.iter();
    let mut read = read.filter(|one| condition.sections().contains(&one.section));
    read.next().map(Missing::line)
}

/// Why a check cannot pass without the missing data, as a part of a sentence.
fn objection(check: &Check, missing: &[Missing], reach: &Reachability) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    if check.scope == Scope::Everything {
        return Some(String::new());
    }
    missing.iter().find_map(|one| {
        if one.section != Section::Files {
            return Some(String::new());
        }
        let why = reach.objection(&one.gaps, &check.files)?;
        Some(format!(", and a process may reach it ({why})"))
    })
}
