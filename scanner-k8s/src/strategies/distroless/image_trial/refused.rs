//! What to report if the cluster refuses or changes the pod in which the image is tried.

use scanner_core::{ControlError, Remedy};

use crate::api::{admission::AdmissionRefusal, call::CallError};

/// The pod got another image than the planned one: its start says nothing about the probe's image.
pub(super) fn replaced_by(image: &str) -> ControlError {
    ControlError::new(format!(
        "the pod of the image's trial has another image than was planned: {image}"
    ))
    .with_remedy(Remedy::advice(
        "find out what changes pods in this namespace, a webhook or a user; or scan with --no-try-image",
    ))
}

/// The pod was refused: adds what to do about it to what is to do for other objects of a scan.
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
        // A pod refused for another reason keeps the hint of that reason: a label that a policy demands, or the guard.
        Some(_) | None => return error,
    };
    let kind = error.kind.clone();
    ControlError::new("the image of the probe cannot be tried: its pod was not admitted")
        .with_kind(kind)
        .with_remedy(remedy)
        .with_source(error)
}
