//! What changed between two reports of a target: findings, coverage and controls.

mod model;
mod render;

use std::collections::BTreeMap;

pub use model::{Change, Diff, Outcome, SCHEMA, Side, Turn};
pub use render::{json, markdown, text};

use scanner_core::report::{ControlRecord, ControlStage, View};
use scanner_core::{
    finding::{CheckResult, CheckStatus},
    inventory::Coverage,
};

/// Compares `new` with `old`, check by check, by their identifiers.
pub fn compare(old: &View<'_>, new: &View<'_>) -> Diff {
    let several = old.has_several_engines() || new.has_several_engines();
    let (before, after) = (by_key(old, several), by_key(new, several));
    let mut diff = Diff {
        schema: SCHEMA,
        old: side(old),
        new: side(new),
        outcome: Outcome::NoNewFindings,
        new_findings: Vec::new(),
        fixed: Vec::new(),
        changed: Vec::new(),
        coverage: coverage(old, new),
        controls: turns(&control_states(old), &control_states(new)),
    };
    for result in new.sorted() {
        let key = key(new, several, result);
        let old = before.get(&key).copied();
        sort_in(&mut diff, &key, old, Some(result));
    }
    for result in old.sorted() {
        let key = key(old, several, result);
        if !after.contains_key(&key) {
            sort_in(&mut diff, &key, Some(result), None);
        }
    }
    let problems = !new.problems().is_empty();
    diff.outcome = if !diff.new_findings.is_empty() {
        Outcome::NewFindings
    } else if problems || diff.changed.iter().any(|c| c.sees_less) || covers_less(old, new) {
        Outcome::SeesLess
    } else {
        Outcome::NoNewFindings
    };
    diff
}

/// Whether a check that ran before does not run any more, or passes with a limit that it did not have.
fn sees_less(old: Option<&CheckResult>, new: Option<&CheckResult>) -> bool {
    let Some(old) = old.filter(|r| r.looked()) else {
        return false;
    };
    let limited = |new: &CheckResult| {
        let mut limits = new.limits.iter();
        new.status == CheckStatus::Pass && limits.any(|limit| !old.limits.contains(limit))
    };
    new.is_none_or(|new| !new.looked() || limited(new))
}

fn side(view: &View<'_>) -> Side {
    Side {
        subject: view.subject_line(),
        started: view.started_utc(),
        verdict: view.verdict,
    }
}

/// Key by which checks are compared: the identifier, with the name of its engine where one of the reports has several.
fn key(view: &View<'_>, several: bool, result: &CheckResult) -> String {
    match view.engine_of(result) {
        Some(found) if several => format!("{}/{}", view.engine_name(found), result.id),
        _ => result.id.clone(),
    }
}

fn by_key<'a>(view: &'a View<'_>, several: bool) -> BTreeMap<String, &'a CheckResult> {
    let all = view.sorted().into_iter();
    all.map(|r| (key(view, several, r), r)).collect()
}

fn sort_in(diff: &mut Diff, id: &str, old: Option<&CheckResult>, new: Option<&CheckResult>) {
    let Some(either) = new.or(old) else { return };
    let items = |of: Option<&CheckResult>, without: Option<&CheckResult>| -> Vec<String> {
        let known = |item: &&String| without.is_none_or(|r| !r.evidence.contains(item));
        of.map_or_else(Vec::new, |r| {
            r.evidence.iter().filter(known).cloned().collect()
        })
    };
    let change = Change {
        id: id.to_owned(),
        title: either.title.clone(),
        headline: either.headline().into_owned(),
        severity: either.severity,
        old: old.map(|r| r.status),
        new: new.map(|r| r.status),
        was_waived: old.is_some_and(|r| r.waiver.is_some()),
        waived: new.is_some_and(|r| r.waiver.is_some()),
        sees_less: sees_less(old, new),
        appeared: items(new, old),
        vanished: items(old, new),
    };
    let failed = |r: Option<&CheckResult>| r.is_some_and(|r| r.status == CheckStatus::Fail);
    let finding = |r: Option<&CheckResult>| r.is_some_and(CheckResult::is_finding);
    let worse = old.zip(new).is_some_and(|(o, n)| n.severity > o.severity);
    let clean = [Some(CheckStatus::Pass), Some(CheckStatus::NotApplicable)];
    if finding(new) && (!finding(old) || worse) {
        diff.new_findings.push(change);
    } else if failed(old) && clean.contains(&change.new) && !change.sees_less {
        diff.fixed.push(change);
    } else if change.old != change.new
        || !change.appeared.is_empty()
        || !change.vanished.is_empty()
        || old.map(|r| r.evidence_total) != new.map(|r| r.evidence_total)
        || old.map(|r| r.severity) != new.map(|r| r.severity)
        || change.was_waived != change.waived
        || change.sees_less
    {
        diff.changed.push(change);
    }
}

fn coverage(old: &View<'_>, new: &View<'_>) -> Vec<Turn> {
    let word = |coverage: &Coverage| match coverage {
        Coverage::Complete => "complete".to_owned(),
        Coverage::Partial { gaps } => {
            format!("partial, {} paths or items not read", gaps.total())
        }
        Coverage::Unavailable { .. } => "not available".to_owned(),
        Coverage::NotRequested => "not requested".to_owned(),
    };
    let words = |view: &View<'_>| -> BTreeMap<String, String> {
        let all = view.coverage.by_name();
        all.map(|(name, c)| (name.to_owned(), word(c))).collect()
    };
    turns(&words(old), &words(new))
}

/// Whether a section is seen less completely than before.
fn covers_less(old: &View<'_>, new: &View<'_>) -> bool {
    let missing = |coverage: Option<&Coverage>| match coverage {
        Some(Coverage::Complete) => (0, 0),
        Some(Coverage::Partial { gaps }) => (1, gaps.total()),
        Some(Coverage::Unavailable { .. } | Coverage::NotRequested) | None => (2, 0),
    };
    let now: BTreeMap<&str, &Coverage> = new.coverage.by_name().collect();
    let mut before = old.coverage.by_name();
    before.any(|(section, old)| missing(now.get(section).copied()) > missing(Some(old)))
}

fn control_states(view: &View<'_>) -> BTreeMap<String, String> {
    let state = |control: &ControlRecord| {
        let stages = [
            ("enforced", &control.enforced),
            ("verified", &control.verified),
            ("confirmed deleted", &control.release_verified),
        ];
        let words = stages.map(|(name, stage)| match stage {
            ControlStage::NotReached => format!("not {name}"),
            ControlStage::Done { .. } => name.to_owned(),
            ControlStage::NotInstalled { .. } => stage.word().to_owned(),
            ControlStage::NotHeld { .. } => "does not hold".to_owned(),
            ControlStage::Failed { .. } => format!("{name} FAILED"),
            _ => format!("{name} unknown"),
        });
        (control.id.clone(), words.join(", "))
    };
    view.controls.iter().map(state).collect()
}

fn turns(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Turn> {
    let absent = || "absent".to_owned();
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| Turn {
            name: name.clone(),
            old: old.get(name).cloned().unwrap_or_else(absent),
            new: new.get(name).cloned().unwrap_or_else(absent),
        })
        .collect()
}
