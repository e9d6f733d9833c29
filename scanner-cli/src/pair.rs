//! The plans of two scans that are one: of the image, then of the container.

use secure_scan::{ScanPlan, reports::Format};

use crate::{
    output,
    problem::{GATE, Problem},
    progress::Progress,
    rights::Kind,
    scan,
    sink::Sinks,
};

/// Shows both plans.
pub(crate) fn dry_run(
    plans: &[ScanPlan],
    kind: Kind,
    sinks: Sinks,
    progress: &Progress,
) -> Result<u8, Problem> {
    scan::note_missing(plans, kind, progress);
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
