//! The stages of a scan, in order.

use serde::{Deserialize, Serialize};

/// A stage of a scan, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Find the target and pin it.
    Resolve,
    /// Make the plan.
    Plan,
    /// Check the gates of the policy before the target is touched.
    Gate,
    /// Put the controls in place.
    Enforce,
    /// Add what must be beside the target, as the operator.
    Prepare,
    /// Give the scan identity its access.
    Grant,
    /// Show that the controls hold.
    Verify,
    /// Open the way into the target.
    Open,
    /// Withdraw what is not needed once all streams are open.
    #[serde(alias = "seal")]
    Revoke,
    /// Collect the inventory.
    Collect,
    /// Evaluate what was collected.
    Evaluate,
    /// Remove what the controls made, in reverse order.
    Release,
    /// Show that all of it is gone.
    VerifyRelease,
    /// Show what else must hold after a scan.
    PostScanAudit,
    /// A stage of a later version.
    #[serde(other)]
    Unknown,
}

impl Stage {
    /// Its name, as in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Plan => "plan",
            Self::Gate => "gate",
            Self::Enforce => "enforce",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Prepare => "prepare",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
            Self::Collect => "collect",
            Self::Evaluate => "evaluate",
            Self::Release => "release",
            Self::VerifyRelease => "verify_release",
            Self::PostScanAudit => "post_scan_audit",
            Self::Unknown => "unknown",
        }
    }

    /// What the scan does in it, for progress.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "resolving the target",
            Self::Plan => "planning",
            Self::Gate => "checking policy gates",
            Self::Enforce => "putting controls in place",
            Self::Verify => "verifying controls with the API server",
            Self::Open => "opening the target",
            Self::Prepare => "adding what must be beside the target",
            Self::Grant => "giving the scan identity its access",
            Self::Revoke => "revoking the token",
            Self::Collect => "collecting",
            Self::Evaluate => "evaluating",
            Self::Release => "releasing what the scan created",
            Self::VerifyRelease => "verifying that nothing is left and the token is refused",
            Self::PostScanAudit => "auditing what the scan left",
            Self::Unknown => "in a stage of a later version",
        }
    }
}
