//! What `--dry-run` shows: one plan, or the plans of two scans that belong together.

use secure_scan::{
    PrepareError, ScanPlan,
    reports::Format,
    target::{Namespace, TargetForm},
};

use crate::{
    output,
    problem::{GATE, Problem},
    progress::Progress,
    remedy::remedy_words,
    rights::{self, Kind},
    sink::Sinks,
};

/// Shows one plan, or both.
pub(crate) fn show(plans: &[ScanPlan], sinks: Sinks, progress: &Progress) -> Result<u8, Problem> {
    if let [plan] = plans {
        return one(plan, sinks, progress);
    }
    for plan in plans {
        warn_early(plan, progress);
    }
    if let Some(first) = plans.first() {
        note_choice(first, progress);
    }
    both(plans, Kind::Completed, sinks, progress)
}

/// Shows a plan.
fn one(plan: &ScanPlan, sinks: Sinks, progress: &Progress) -> Result<u8, Problem> {
    warn_early(plan, progress);
    note_choice(plan, progress);
    note_missing(std::slice::from_ref(plan), Kind::Alone, progress);
    let fallback = plan.fallback.as_ref();
    if let Some(remedy) = fallback.and_then(|next| next.remedy.as_ref()) {
        progress.note(&format!("hint: {}", remedy_words(remedy)));
    }
    let form = |format| output::plan(plan, format);
    let code = if plan.refusal().is_some() { GATE } else { 0 };
    sinks
        .write_with(form, "a plan", "terminal or json")
        .map(|()| code)
}

/// Says once which rights the scans of these plans need and the operator does not have, and how to see all that are needed.
fn note_missing(plans: &[ScanPlan], kind: Kind, progress: &Progress) {
    let mut missing: Vec<&str> = Vec::new();
    for right in plans.iter().flat_map(|plan| &plan.missing_rights) {
        if !missing.contains(&right.as_str()) {
            missing.push(right);
        }
    }
    // The plan of the container comes last.
    if let (Some(plan), false) = (plans.last(), missing.is_empty()) {
        let missing = missing.join("; ");
        progress.note(&format!(
            "note: a scan would be refused: you may not: {missing}"
        ));
        let command = rights::command(plan, kind, helper_namespace(plans));
        progress.note(&format!("hint: see all that you need: {command}"));
    }
}

/// A scan that is refused because rights are missing, with the command that prints all that it needs.
pub(crate) fn forbidden(error: PrepareError, plans: &[ScanPlan], kind: Kind) -> Problem {
    let mut problem = Problem::from(error);
    if let (Some(plan), Some(hint)) = (plans.last(), &mut problem.hint) {
        let command = rights::command(plan, kind, helper_namespace(plans));
        *hint = format!("{hint}; see all that you need: {command}");
    }
    problem
}

/// Namespace in which the image of the target is read, if it is another one than the target's.
fn helper_namespace(plans: &[ScanPlan]) -> Option<&Namespace> {
    let plan = plans.iter().find(|plan| plan.image_of.is_some())?;
    Some(&plan.target.namespace)
}

/// Says which pod was chosen, if the name left a choice.
pub(crate) fn note_choice(plan: &ScanPlan, progress: &Progress) {
    for choice in &plan.target_choice {
        progress.note(&format!("note: {choice}"));
    }
}

/// Warns early when a tag may not name the expected image; the report says it too.
pub(crate) fn warn_early(plan: &ScanPlan, progress: &Progress) {
    if plan.target.form == TargetForm::Image && plan.image_of.is_none() {
        for difference in &plan.differences {
            progress.note(&format!("note: {difference}"));
        }
        if !plan.differences.is_empty() {
            progress.note(
                "hint: use --pull always, or name the digest that you expect: --expect-digest sha256:...",
            );
        }
    }
}

/// Shows both plans.
pub(crate) fn both(
    plans: &[ScanPlan],
    kind: Kind,
    sinks: Sinks,
    progress: &Progress,
) -> Result<u8, Problem> {
    note_missing(plans, kind, progress);
    let refused = plans.iter().any(|plan| plan.refusal().is_some());
    let code = if refused { GATE } else { 0 };
    sinks
        .write_with(|format| all(plans, format), "a plan", "terminal or json")
        .map(|()| code)
}

/// All plans, in JSON as one list.
fn all(plans: &[ScanPlan], format: Format) -> Option<String> {
    let plans = plans.iter().map(|plan| output::plan(plan, format));
    let plans: Vec<String> = plans.collect::<Option<_>>()?;
    Some(if format == Format::Json {
        let plans: Vec<&str> = plans.iter().map(|plan| plan.trim_end()).collect();
        format!("[\n{}\n]\n", plans.join(",\n"))
    } else {
        plans.join("\n")
    })
}
