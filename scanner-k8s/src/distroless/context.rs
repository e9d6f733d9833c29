//! What the planner needs, from a pod and its namespace.

use k8s_openapi::api::core::v1::{Namespace, Pod, PodSpec};
use kube::{Api, ResourceExt as _};
use scanner_core::Target;

use super::planner::{PodSecurity, TargetContext};
use crate::{Connection, error::call};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The target as it runs: the user that the node reports, else what the specification says.
pub(crate) fn of(pod: &Pod, target: &Target) -> TargetContext {
    let name = target.container.as_str();
    let spec = of_spec(&pod.spec.clone().unwrap_or_default(), name);
    let statuses = pod
        .status
        .as_ref()
        .and_then(|s| s.container_statuses.as_deref());
    let reported = statuses
        .unwrap_or_default()
        .iter()
        .find(|s| s.name == name)
        .and_then(|s| s.user.as_ref()?.linux.as_ref());
    TargetContext {
        uid: reported.map(|user| user.uid).or(spec.uid),
        gid: reported.map(|user| user.gid).or(spec.gid),
        ..spec
    }
}

/// The target as its specification says that it runs.
pub(crate) fn of_spec(spec: &PodSpec, name: &str) -> TargetContext {
    let container = spec.containers.iter().find(|c| c.name == name);
    let own = container
        .and_then(|c| c.security_context.clone())
        .unwrap_or_default();
    let shared = spec.security_context.clone().unwrap_or_default();
    let capabilities = own.capabilities.unwrap_or_default();
    TargetContext {
        uid: own.run_as_user.or(shared.run_as_user),
        gid: own.run_as_group.or(shared.run_as_group),
        privileged: own.privileged.unwrap_or_default(),
        added: capabilities.add.into_iter().flatten().collect(),
        dropped: capabilities.drop.into_iter().flatten().collect(),
        host_pid: spec.host_pid.unwrap_or_default(),
    }
}

/// The level that the namespace enforces. Where it may not be read, the stricter of the two levels
/// at which a root target can be seen: what fits it fits the other.
pub(crate) async fn level(connection: &Connection, namespace: &str) -> PodSecurity {
    let api = Api::<Namespace>::all(connection.operator.clone());
    let asked = format!("get namespace {namespace}");
    match call(asked, api.get_metadata(namespace)).await {
        Ok(found) => match found.labels().get(ENFORCE).map(String::as_str) {
            Some("restricted") => PodSecurity::Restricted,
            Some("baseline") => PodSecurity::Baseline,
            _ => PodSecurity::Privileged,
        },
        Err(_) => PodSecurity::Baseline,
    }
}
