//! The admission guard: one static policy in the cluster, and each scan's limits in its own Role.
//!
//! RBAC can limit a scan identity's exec to one pod, but not to one container or one command. `guard.yaml` does that, on
//! CONNECT. It reads what a scan planned from the scan's own Role with the CEL `authorizer`: as rules for an API group that
//! has no server. Such a rule allows nothing by itself, guard or not.

mod attempts;
mod render;
mod status;
mod trial;

pub use render::{chart_template, render};
pub use status::{GuardPart, GuardStatus, PartState};
pub use trial::{Attempted, FailedTrial, GuardTrial, trial};

#[cfg(test)]
mod tests;
