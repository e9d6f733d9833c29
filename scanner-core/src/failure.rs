//! Why a scan could not be done: a kind for programs, words for readers.

use std::fmt;

use scanner_inventory::escape::visible;
use serde::{Deserialize, Serialize};

use crate::{remedy::Remedy, stage::Stage, untrusted::Untrusted};

/// Why a scan could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Failure {
    /// Stage that failed.
    pub stage: Stage,
    /// What kind of failure it is; absent in reports of version 1.
    #[serde(default)]
    pub kind: FailureKind,
    /// What went wrong, causes included. May hold words of a target or a server.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub message: Untrusted,
    /// What to do next, as a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// What to do next, in the words of the program that made the report.
    pub hint: Option<String>,
    /// Whether the user or the system interrupted it.
    pub interrupted: bool,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(stage: Stage, kind: FailureKind, message: impl Into<Untrusted>) -> Self {
        Self {
            stage,
            interrupted: kind == FailureKind::Interrupted,
            kind,
            message: message.into(),
            remedy: None,
            hint: None,
        }
    }

    /// The same with what to do next, in neutral words.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.remedy = remedy.into();
        self.hint = self.remedy.as_ref().map(ToString::to_string);
        self
    }
}

/// What kind of failure ended a scan. Programs decide by it, never by the words of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The target has no shell, so that the collector cannot run in it.
    NoShell,
    /// The target has a shell, but not the tools that the collector needs.
    NoTool,
    /// The collector cannot run in the shell of the target, or what runs in its place prints something that is not an
    /// answer.
    ShellUnusable,
    /// The API server refused the exec.
    ExecForbidden {
        /// Who refused it.
        by: RefusedBy,
    },
    /// The API server refused another call.
    Forbidden {
        /// Who refused it.
        by: RefusedBy,
    },
    /// The API server or the node did not answer, or the connection failed.
    Unreachable,
    /// The stream from the target was cut.
    Cut,
    /// The target sent more than is allowed.
    TooLong,
    /// Something did not end in time.
    TooLate,
    /// The command failed in the target.
    CommandFailed,
    /// The answer of the agent was forged, damaged or refused.
    AnswerUnusable,
    /// The kernel does not show the target to the probe.
    TargetHidden,
    /// The target was replaced or restarted during the scan.
    TargetReplaced,
    /// The probe or the scan's pod did not start.
    NotStarted,
    /// A namespace that the request names does not exist.
    NoNamespace,
    /// A control does not hold.
    ControlNotHeld {
        /// Identifier of the control.
        id: String,
    },
    /// A gate refused the target.
    GateRefused,
    /// An engine panicked or did not end; the findings hold it as an error of that engine.
    EngineFailed,
    /// The program that was given access could not be run.
    ToolFailed,
    /// The user or the system interrupted the scan.
    Interrupted,
    /// A fault of secure-scan itself.
    Internal,
    /// Something else, or a kind of a later version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Who refused a call to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusedBy {
    /// The authorizer: a missing right.
    Rbac,
    /// The admission guard of secure-scan.
    Guard,
    /// Another admission policy or webhook.
    Admission,
    /// Somebody that this version does not know.
    #[serde(other)]
    Unknown,
}

impl FailureKind {
    /// Its name, as in the JSON form.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoShell => "no_shell",
            Self::NoTool => "no_tool",
            Self::ShellUnusable => "shell_unusable",
            Self::ExecForbidden { .. } => "exec_forbidden",
            Self::Forbidden { .. } => "forbidden",
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
            Self::TooLong => "too_long",
            Self::TooLate => "too_late",
            Self::CommandFailed => "command_failed",
            Self::AnswerUnusable => "answer_unusable",
            Self::TargetHidden => "target_hidden",
            Self::TargetReplaced => "target_replaced",
            Self::NotStarted => "not_started",
            Self::NoNamespace => "no_namespace",
            Self::ControlNotHeld { .. } => "control_not_held",
            Self::GateRefused => "gate_refused",
            Self::EngineFailed => "engine_failed",
            Self::ToolFailed => "tool_failed",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

/// Its name, and who refused a call or which control does not hold.
impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::ExecForbidden { by } | Self::Forbidden { by } => write!(f, " by {}", by.name()),
            Self::ControlNotHeld { id } => write!(f, ": {}", visible(id, 80)),
            _ => Ok(()),
        }
    }
}

impl RefusedBy {
    /// Its name, as in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rbac => "rbac",
            Self::Guard => "guard",
            Self::Admission => "admission",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_of_its_json_form() {
        let by = RefusedBy::Guard;
        let id = "lease".to_owned();
        for kind in [
            FailureKind::NoShell,
            FailureKind::NoTool,
            FailureKind::ShellUnusable,
            FailureKind::ExecForbidden { by },
            FailureKind::Forbidden { by },
            FailureKind::Unreachable,
            FailureKind::Cut,
            FailureKind::TooLong,
            FailureKind::TooLate,
            FailureKind::CommandFailed,
            FailureKind::AnswerUnusable,
            FailureKind::TargetHidden,
            FailureKind::TargetReplaced,
            FailureKind::NotStarted,
            FailureKind::NoNamespace,
            FailureKind::ControlNotHeld { id },
            FailureKind::GateRefused,
            FailureKind::EngineFailed,
            FailureKind::ToolFailed,
            FailureKind::Interrupted,
            FailureKind::Internal,
            FailureKind::Unknown,
        ] {
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["name"], kind.name());
            assert!(kind.to_string().starts_with(kind.name()));
        }
        assert_eq!(
            FailureKind::ExecForbidden { by }.to_string(),
            "exec_forbidden by guard"
        );
    }
}
