//! Where the command of an exec runs.

use serde_json::Value;

use crate::{runs::Run, target::Target};

/// Where an exec runs: its pod, its container and its command.
pub(crate) struct Place {
    pub(crate) pod: Value,
    pub(crate) container: String,
    pub(crate) command: Vec<String>,
    pub(crate) stdin: bool,
    pub(crate) target: Target,
    pub(crate) run: Option<Run>,
}
