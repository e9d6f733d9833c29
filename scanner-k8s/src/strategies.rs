//! How a target is reached.

use scanner_core::{ControlError, StrategyError};

pub(crate) mod agent;
pub mod approach;
pub mod attached;
pub(crate) mod container;
pub(crate) mod distroless;
pub(crate) mod own_pod;
pub(crate) mod pod_spec;
pub(crate) mod probe_command;
pub(crate) mod pull;
pub mod sidecar;
mod waiting;
mod witnessed;

/// A control's error as that of a strategy.
pub(crate) fn failed(message: &str, error: ControlError) -> StrategyError {
    StrategyError::new(error.kind.clone(), message)
        .with_remedy(error.remedy.clone())
        .with_source(error)
}
