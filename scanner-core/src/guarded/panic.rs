//! Panics as failures, in words for a reader.

use std::any::Any;

use crate::{
    failure::{Failure, FailureKind},
    remedy::Remedy,
    stage::Stage,
};

/// The failure of a stage that panicked.
pub(super) fn failure(stage: Stage, panic: &(dyn Any + Send)) -> Failure {
    Failure::new(stage, FailureKind::Internal, internal(panic)).with_remedy(Remedy::ReportBug)
}

pub(super) fn internal(panic: &(dyn Any + Send)) -> String {
    format!("internal error: {}", panic_text(panic))
}

/// The words of a panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}
