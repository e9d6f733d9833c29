//! What the cluster makes of the pod in which the image is tried, where that is not what was asked for.

use scanner_core::{ControlError, Remedy};

use crate::api::{admission::AdmissionRefusal, call::CallError};

/// Another image than the planned one: that it starts says nothing of the probe's.
pub(super) fn replaced_by(image: &str) -> ControlError {
    ControlError::new(format!(
        "the pod of the image's trial has another image than was planned: {image}"
    ))
    .with_remedy(Remedy::advice(
        "find out what changes pods in this namespace, a webhook or a user; or scan with --no-try-image",
    ))
}

/// The pod was not taken: what to do about it, beside what is to do for other objects of a scan.
pub(super) fn not_admitted(error: ControlError) -> ControlError {
    let call = error
        .source
        .as_deref()
        .and_then(|source| source.downcast_ref::<CallError>());
    let (refusal, is_forbidden) = match call {
        Some(call) => (call.refusal(), call.is_forbidden()),
        None => return error,
    };
    let remedy = match refusal {
        Some(AdmissionRefusal::LimitRange) => Remedy::SetProbeResources,
        Some(AdmissionRefusal::Quota | AdmissionRefusal::PodSecurity) => Remedy::AllowImageTrial,
        None if is_forbidden => Remedy::AllowImageTrial,
        // What is refused for another reason has the hint of that reason: a label that a policy demands, the guard.
        Some(_) | None => return error,
    };
    let kind = error.kind.clone();
    ControlError::new("the image of the probe cannot be tried: its pod was not admitted")
        .with_kind(kind)
        .with_remedy(remedy)
        .with_source(error)
}
