//! What a plan says about controls, about what stays, and about who else could act as the identity.

use scanner_core::{ScanPlan, cause::chain, target::Namespace};
use scanner_k8s::{
    Segment,
    controls::catalogue::SHIPPED_CONTROLS,
    guard::{GuardStatus, PartState},
    names::GUARD_NAME,
};
use serde::Serialize;
use serde_json::json;

use super::way::Way;

/// Control that only an identity namespace gives.
pub(super) const APART: &str = "identity-exclusive";
/// Control that sees others who could act as the identity.
const WATCH: &str = "identity-watch";

/// Whether the cluster has the admission guard of this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guard {
    /// As this version renders it, for all namespaces.
    Installed,
    /// Installed, but differently: for some namespaces only, of another version, or changed.
    Differs,
    /// No policy or binding has the name that this version gives them; a guard of another name was not looked for.
    NotFound,
    /// It could not be read.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Guard {
    pub(super) async fn read(segment: &Segment, home: Option<&Namespace>) -> Self {
        let homes: Vec<Namespace> = home.into_iter().cloned().collect();
        let all = json!({});
        let read = GuardStatus::read(segment.operator(), GUARD_NAME, &all, &homes);
        match read.await {
            Err(error) => Self::Unknown {
                reason: chain(&error),
            },
            Ok(status) if status.holds() => Self::Installed,
            Ok(status) if status.parts.iter().all(|p| p.state == PartState::Missing) => {
                Self::NotFound
            }
            Ok(_) => Self::Differs,
        }
    }

    /// Why the control of a scan would not hold, if it would not.
    fn objection(&self) -> Option<String> {
        match self {
            Self::Installed => None,
            Self::Differs => Some(
                "the guard differs from what this version renders for all namespaces; only a scan can find out whether it \
                 holds here"
                    .into(),
            ),
            Self::NotFound => Some(format!(
                "no guard is named {GUARD_NAME}; guards of other names were not looked for, but a scan notices them"
            )),
            Self::Unknown { reason } => Some(format!(
                "whether the guard is installed could not be read: {reason}"
            )),
        }
    }
}

/// A shipped control that a scan would not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AbsentControl {
    /// Stable identifier.
    pub id: String,
    /// Why.
    pub why: String,
}

/// The shipped controls that a scan with that plan would not have, or that would not hold.
pub(super) fn absent(plan: &ScanPlan, way: Way, guard: &Guard) -> Vec<AbsentControl> {
    let planned = |id: &str| plan.controls.iter().any(|control| control.id == id);
    let why = |id: &str| match id {
        "admission-guard" if planned(id) => guard.objection(),
        _ if planned(id) => None,
        APART => Some("no identity namespace was named".to_owned()),
        _ => Some(format!("strategy {way} has nothing that it would hold")),
    };
    let all = SHIPPED_CONTROLS.iter();
    all.filter_map(|control| {
        why(control.id).map(|why| AbsentControl {
            id: control.id.to_owned(),
            why,
        })
    })
    .collect()
}

/// What stays after the cleanup: of everything that a scan plans, the cluster cannot remove one kind.
pub(super) fn leaves(plan: &ScanPlan) -> Vec<String> {
    let added = plan.objects.iter();
    let added = added.filter(|object| object.kind == "ephemeral container");
    added
        .map(|_| {
            "the entry of its ephemeral container, which has ended, in the pod's specification until the pod is deleted"
                .to_owned()
        })
        .collect()
}

/// Who else could act as the identity, from the plans of the controls that watch it. Empty if a plan has neither of them.
pub(super) fn who_else(plan: &ScanPlan) -> Vec<String> {
    let watching = |id: &str| id == APART || id == WATCH;
    let controls = plan.controls.iter();
    let watching = controls.filter(|control| watching(&control.id));
    watching
        .flat_map(|control| control.planned.iter().cloned())
        .collect()
}
