//! Which of several pods is scanned, and why: a pure function.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use scanner_core::{Remedy, Target, target::ContainerName};

use super::{
    container::usable,
    error::ResolveError,
    listed::{SHOWN, listed},
    owner::{Sets, TEMPLATE_HASH},
};

/// Label whose value is the revision of the template of a `StatefulSet`'s or `DaemonSet`'s pod.
const REVISION: &str = "controller-revision-hash";

/// The note about pods that were not read.
const MORE: &str = "there are more pods, which were not looked at";

/// The pods that were found.
pub(super) struct Found {
    /// What named them, such as `deployment web`.
    pub(super) what: String,
    /// Namespace.
    pub(super) namespace: String,
    /// At least one.
    pub(super) pods: Vec<Pod>,
    /// What their `ReplicaSets` belong to, where that decides anything.
    pub(super) sets: Sets,
    /// Whether there are more, which were not looked at.
    pub(super) cut: bool,
}

/// A pod, its container, and why they were taken.
pub(super) struct Chosen {
    pub(super) target: Target,
    pub(super) pod: Pod,
    pub(super) why: Vec<String>,
}

/// Takes the pod that is ready before one that is not, then the oldest, then the first by name. Pods that are terminating,
/// that have finished, or whose container does not run are passed over.
///
/// # Errors
///
/// Fails when none of them can be scanned, and when those that can are of different workloads: none of them stands for the
/// others.
pub(super) fn choose(found: Found, wanted: Option<&ContainerName>) -> Result<Chosen, ResolveError> {
    let (mut pods, sets) = (found.pods, found.sets);
    let looked_at = pods.len();
    pods.sort_by_cached_key(|pod| (!is_ready(pod), created(pod), pod.name_any()));
    let (mut running, mut refused) = (Vec::new(), Vec::new());
    for pod in pods {
        match usable(&pod, wanted) {
            Ok((target, note)) => running.push((target, pod, note)),
            Err(error) => refused.push((pod.name_any(), error)),
        }
    }
    let passed: Vec<String> = refused
        .iter()
        .map(|(name, error)| format!("{name} ({})", in_short(error)))
        .collect();
    if running.is_empty() {
        return Err(none(
            &found.what,
            found.namespace,
            refused,
            passed,
            found.cut,
        ));
    }
    let (owners, templates) = (owners(&running, &sets), templates(&running));
    if owners.len() > 1 {
        return Err(ResolveError::Ambiguous {
            namespace: found.namespace,
            what: found.what,
            workloads: owners.into_iter().collect(),
        });
    }
    let ready = running.iter().filter(|(_, pod, _)| is_ready(pod)).count();
    let (target, pod, note) = running.remove(0);
    let mut why = Vec::new();
    let rule = match (running.len(), ready) {
        (0, _) => "the only one that can be scanned".to_owned(),
        (others, 0) => format!(
            "the oldest of {} running pods, none of which is ready",
            others + 1
        ),
        (_, 1) => "the only one that is ready".to_owned(),
        (_, ready) => format!("the oldest of {ready} that are ready"),
    };
    if !running.is_empty() || !passed.is_empty() || found.cut {
        let pod = &target.pod;
        let among = if found.cut {
            format!(", of the {looked_at} pods that were looked at")
        } else {
            String::new()
        };
        why.push(format!("pod {pod} of {}: {rule}{among}", found.what));
    }
    if sets.forbidden {
        why.push(
            "which workload a ReplicaSet belongs to was decided by its name, because you may not get ReplicaSets".into(),
        );
    }
    if !running.is_empty() {
        let others: Vec<String> = running.iter().map(|(_, pod, _)| pod.name_any()).collect();
        why.push(format!("not scanned: {}", listed(&others)));
    }
    if templates > 1 {
        why.push(format!(
            "these pods have {templates} templates, as during a rollout, and the oldest pod may have the template that is being replaced"
        ));
    }
    if !passed.is_empty() {
        why.push(format!("passed over: {}", listed(&passed)));
    }
    if found.cut {
        why.push(MORE.into());
    }
    why.extend(note);
    Ok(Chosen { target, pod, why })
}

/// Why no pod can be scanned. If there is only one pod, the error is that of this pod.
fn none(
    what: &str,
    namespace: String,
    mut refused: Vec<(String, ResolveError)>,
    passed: Vec<String>,
    cut: bool,
) -> ResolveError {
    // A fault of the request, and not of the pods, is the same for all of them.
    let of_request = refused.iter().position(|(_, e)| e.is_unknown_name());
    let alone = (refused.len() == 1 && !cut).then_some(0);
    if let Some(first) = of_request.or(alone) {
        return refused.swap_remove(first).1;
    }
    let mut remedies = refused.iter().filter_map(|(_, error)| error.remedy());
    let first = remedies.find(|remedy| matches!(remedy, Remedy::ScanImage { .. }));
    let more = passed.len().saturating_sub(SHOWN);
    let mut passed = passed;
    passed.truncate(SHOWN);
    if more > 0 {
        passed.push(format!("{more} more"));
    }
    if cut {
        passed.push(MORE.into());
    }
    ResolveError::NoneRuns {
        namespace,
        what: what.to_owned(),
        passed,
        remedy: first.or(Some(Remedy::scan_again("once one of them runs"))),
    }
}

/// Why a pod was passed over, in a few words.
fn in_short(error: &ResolveError) -> String {
    match error {
        ResolveError::Terminating { .. } => "terminating".into(),
        ResolveError::Finished { why, .. } => format!("finished: {why}"),
        ResolveError::NotRunning { container, why, .. } => format!("{container}: {why}"),
        ResolveError::NoContainer { name, .. } => format!("it has no container {name}"),
        ResolveError::WhichContainer { .. } => "it has several containers".into(),
        other => other.to_string(),
    }
}

/// The workloads of pods, and pods without one.
fn owners(running: &[(Target, Pod, Option<String>)], sets: &Sets) -> BTreeSet<String> {
    let owner = |pod: &Pod| match sets.workload(pod) {
        Some(owner) => owner.to_string(),
        None => format!("pod/{}", pod.name_any()),
    };
    running.iter().map(|(_, pod, _)| owner(pod)).collect()
}

/// How many templates the pods were made of.
fn templates(running: &[(Target, Pod, Option<String>)]) -> usize {
    let hash = |pod: &Pod| {
        let labels = pod.labels();
        let hash = labels.get(TEMPLATE_HASH).or_else(|| labels.get(REVISION));
        hash.cloned()
    };
    let all: BTreeSet<String> = running.iter().filter_map(|(_, pod, _)| hash(pod)).collect();
    all.len()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

/// When it was created; what has no such time comes last.
fn created(pod: &Pod) -> (bool, i64) {
    let time = pod.metadata.creation_timestamp.as_ref();
    let seconds = time.map(|time| time.0.as_second());
    (seconds.is_none(), seconds.unwrap_or_default())
}
