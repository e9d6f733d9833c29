//! The admission guard: one static policy in the cluster, and each scan's limits in its own Role.
//!
//! RBAC can say into which pod a scan identity may exec, not into which container, nor with what
//! command. `guard.yaml` can, on CONNECT; what one scan planned it reads from the scan's own Role,
//! as rules of an API group that has no server, with the CEL `authorizer`. Such a rule allows
//! nothing by itself, guard or not.

mod attempts;
mod render;
mod status;
mod trial;

pub use render::{chart_template, render};
pub use status::{GuardPart, GuardStatus, PartState};
pub use trial::{Attempted, FailedTrial, GuardTrial, trial};

#[cfg(test)]
mod tests;
