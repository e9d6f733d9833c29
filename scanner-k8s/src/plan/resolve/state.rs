//! Why a pod or a container cannot be scanned as it is, and what can be scanned instead.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use scanner_core::{Remedy, escape::visible, target::ContainerName};

use super::{error::ResolveError, owner::workload};
use crate::pod::containers;

/// Longest reason of a node that is shown.
const REASON: usize = 120;

/// Refuses a pod that is being deleted: it may end in the middle of a scan.
pub(super) fn terminating(pod: &Pod) -> Result<(), ResolveError> {
    let Some(ends) = &pod.metadata.deletion_timestamp else {
        return Ok(());
    };
    Err(ResolveError::Terminating {
        pod: pod.name_any(),
        ends: ends.0.to_string(),
        workload: workload(pod).and_then(|owner| owner.target()),
        image: Box::new(image_of(pod, None)),
    })
}

/// Refuses a pod that has ended for good.
pub(super) fn finished(pod: &Pod, wanted: Option<&ContainerName>) -> Result<(), ResolveError> {
    let status = pod.status.as_ref();
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or_default();
    if !matches!(phase, "Succeeded" | "Failed") {
        return Ok(());
    }
    let why = match status.and_then(|s| s.reason.as_deref()) {
        Some(reason) => format!("{phase}, {}", visible(reason, REASON)),
        None => phase.to_owned(),
    };
    Err(ResolveError::Finished {
        pod: pod.name_any(),
        why,
        remedy: image_of(pod, wanted.map(ContainerName::as_str)),
    })
}

/// Why that container does not run.
pub(super) fn not_running(pod: &Pod, name: &str) -> ResolveError {
    let status = containers::status(pod, name);
    let state = status.and_then(|s| s.state.as_ref());
    let waiting = state
        .and_then(|s| s.waiting.as_ref())
        .and_then(|w| w.reason.as_deref());
    let ended = state.and_then(|s| s.terminated.as_ref());
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    let why = match (waiting, ended) {
        (Some(reason), _) => visible(reason, REASON),
        (None, Some(ended)) => match &ended.reason {
            Some(reason) => format!("{}, exit code {}", visible(reason, REASON), ended.exit_code),
            None => format!("it ended with exit code {}", ended.exit_code),
        },
        (None, None) => visible(phase.unwrap_or("no status yet"), REASON),
    };
    let init = init_that_runs(pod);
    let remedy = match (waiting, ended, init) {
        (Some("CrashLoopBackOff"), ..) => image_of(pod, Some(name)),
        // It ran before, as in a loop that never gets as far as to start the command.
        (Some(why), ..) if restarts(status) > 0 && !is_starting(why) => image_of(pod, Some(name)),
        (Some(why), ..) if !is_starting(why) => Remedy::DescribePod {
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
        },
        // It ran before, so its image is on the node; it runs again in a moment or never.
        (_, Some(_), _) if containers::has_ended(pod, name) => image_of(pod, Some(name)),
        (_, Some(_), _) if restarts(status) > 0 => image_of(pod, Some(name)),
        (_, _, Some(init)) if init != name => Remedy::advice(format!(
            "init container {init} still runs: scan that one, or this one once it runs"
        )),
        _ => Remedy::scan_again("once it runs"),
    };
    ResolveError::NotRunning {
        pod: pod.name_any(),
        container: name.to_owned(),
        why,
        remedy,
    }
}

/// Whether a node says no more than that it has not started the container yet.
fn is_starting(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

fn restarts(status: Option<&ContainerStatus>) -> i32 {
    status.map_or(0, |status| status.restart_count)
}

/// The init container that holds the others up: one that runs and is to end.
fn init_that_runs(pod: &Pod) -> Option<&str> {
    let init = pod.spec.as_ref()?.init_containers.as_ref()?;
    let mut ending = init
        .iter()
        .filter(|c| c.restart_policy.as_deref() != Some("Always"));
    let runs = |name: &str| {
        let state = containers::status(pod, name).and_then(|s| s.state.as_ref());
        state.is_some_and(|state| state.running.is_some())
    };
    ending.find(|c| runs(&c.name)).map(|c| c.name.as_str())
}

/// Scan the image of that container, or of the only one, as the node ran it where that is known.
fn image_of(pod: &Pod, name: Option<&str>) -> Remedy {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice());
    let only = match containers {
        Some([only]) => Some(only.name.as_str()),
        _ => None,
    };
    let image = name.or(only).and_then(|name| {
        let ran = containers::status(pod, name).map(|status| status.image_id.clone());
        // A name of an image with its digest; an image that was loaded onto the node has the digest alone.
        let ran = ran.filter(|image| image.contains("@sha256:"));
        let spec = pod.spec.as_ref()?;
        ran.or_else(|| containers::of_name(spec, name)?.image)
    });
    Remedy::ScanImage {
        image: image.filter(|image| is_plain(image)),
        namespace: pod.namespace().unwrap_or_default(),
    }
}

/// Whether a shell reads it as one word without special characters.
fn is_plain(image: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    !image.is_empty() && image.len() <= 400 && !image.starts_with('-') && image.chars().all(plain)
}
