//! The stages of a scan, in order.

use serde::{Deserialize, Serialize};

/// A stage of a scan, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Find the target and pin it.
    Resolve,
    /// Make the plan.
    Plan,
    /// Judge the target before it is touched.
    Gate,
    /// Put the controls in place.
    Enforce,
    /// Show that the controls hold.
    Verify,
    /// Open the way into the target.
    Open,
    /// Withdraw what is not needed once all streams are open.
    Seal,
    /// Collect the inventory.
    Collect,
    /// Judge what was collected.
    Evaluate,
    /// Remove what the controls made, in reverse order.
    Release,
    /// Show that all of it is gone.
    VerifyRelease,
    /// Show what else must hold after a scan.
    PostScanAudit,
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
            Self::Seal => "seal",
            Self::Collect => "collect",
            Self::Evaluate => "evaluate",
            Self::Release => "release",
            Self::VerifyRelease => "verify_release",
            Self::PostScanAudit => "post_scan_audit",
        }
    }

    /// What the scan does in it, for progress.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "resolving the target",
            Self::Plan => "planning",
            Self::Gate => "judging the target before touching it",
            Self::Enforce => "putting controls in place",
            Self::Verify => "verifying controls with the API server",
            Self::Open => "opening the target",
            Self::Seal => "burning the credential",
            Self::Collect => "collecting",
            Self::Evaluate => "evaluating",
            Self::Release => "releasing what the scan created",
            Self::VerifyRelease => "verifying that nothing is left and the token is refused",
            Self::PostScanAudit => "auditing what the scan left",
        }
    }
}
