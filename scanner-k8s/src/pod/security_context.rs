//! What the planner needs, from a pod and its namespace.

use k8s_openapi::api::core::v1::{AppArmorProfile, Namespace, Pod, PodSpec};
use kube::{ResourceExt as _, core::PartialObjectMeta};
use scanner_core::Target;

use std::collections::BTreeSet;

use super::containers;
use crate::api::{call::call_with_retry, client::OperatorClient};

const RUNTIME_DEFAULT: &str = "RuntimeDefault";
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Pod Security level that a namespace enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurity {
    /// Nothing is refused.
    #[default]
    Privileged,
    /// Known ways to the node are refused; `SYS_PTRACE` is one of them.
    Baseline,
    /// Root and every capability are refused.
    Restricted,
    /// The namespace could not be read. Planned as baseline, the stricter of the two levels at which a root
    /// target can be seen: what fits it fits the other.
    Unknown,
}

/// The target as it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetContext {
    /// Effective user id; `None` when neither the node nor the specification says.
    pub uid: Option<i64>,
    /// Effective primary group id.
    pub gid: Option<i64>,
    /// `privileged`.
    pub privileged: bool,
    /// `capabilities.add`.
    pub added: BTreeSet<String>,
    /// `capabilities.drop`.
    pub dropped: BTreeSet<String>,
    /// The pod shares its node's process namespace.
    pub host_pid: bool,
    /// It has the runtime's `AppArmor` profile, and its pod names another.
    pub app_armor: bool,
}

/// The target as it runs: the user that the node reports, else what the specification says.
pub(crate) fn of(pod: &Pod, target: &Target) -> TargetContext {
    let name = target.container.as_str();
    let spec = of_spec(&pod.spec.clone().unwrap_or_default(), name);
    let reported = containers::status(pod, name).and_then(|s| s.user.as_ref()?.linux.as_ref());
    TargetContext {
        uid: reported.map(|user| user.uid).or(spec.uid),
        gid: reported.map(|user| user.gid).or(spec.gid),
        ..spec
    }
}

/// How the target runs by its specification.
pub(crate) fn of_spec(spec: &PodSpec, name: &str) -> TargetContext {
    let container = containers::of_name(spec, name);
    let own = container
        .and_then(|c| c.security_context)
        .unwrap_or_default();
    let shared = spec.security_context.clone().unwrap_or_default();
    let capabilities = own.capabilities.unwrap_or_default();
    let profile = |profile: Option<AppArmorProfile>| profile.map(|profile| profile.type_);
    let (confined, inherited) = (
        profile(own.app_armor_profile),
        profile(shared.app_armor_profile),
    );
    TargetContext {
        app_armor: confined.as_deref() == Some(RUNTIME_DEFAULT)
            && inherited.is_some_and(|other| other != RUNTIME_DEFAULT),
        uid: own.run_as_user.or(shared.run_as_user),
        gid: own.run_as_group.or(shared.run_as_group),
        privileged: own.privileged.unwrap_or_default(),
        added: capabilities.add.into_iter().flatten().collect(),
        dropped: capabilities.drop.into_iter().flatten().collect(),
        host_pid: spec.host_pid.unwrap_or_default(),
    }
}

/// The level that the namespace enforces.
pub(crate) async fn level(operator: &OperatorClient, namespace: &str) -> PodSecurity {
    let api = operator.everywhere::<Namespace>();
    level_by(namespace, || api.get_metadata(namespace)).await
}

async fn level_by<R>(namespace: &str, get: impl FnMut() -> R) -> PodSecurity
where
    R: Future<Output = kube::Result<PartialObjectMeta<Namespace>>>,
{
    match call_with_retry(format!("get namespace {namespace}"), get).await {
        Ok(found) => match found.labels().get(ENFORCE).map(String::as_str) {
            Some("restricted") => PodSecurity::Restricted,
            Some("baseline") => PodSecurity::Baseline,
            _ => PodSecurity::Privileged,
        },
        Err(_) => PodSecurity::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::{ObjectMeta, Status};

    use super::*;

    fn enforcing(level: Option<&str>) -> PartialObjectMeta<Namespace> {
        let labels = level.map(|level| BTreeMap::from([(ENFORCE.to_owned(), level.to_owned())]));
        PartialObjectMeta {
            metadata: ObjectMeta {
                labels,
                ..ObjectMeta::default()
            },
            ..PartialObjectMeta::default()
        }
    }

    fn failing(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("no", "").with_code(code)))
    }

    #[test]
    fn the_runtimes_profile_is_kept_where_the_pod_names_another() {
        let of = |pod: Option<&str>, own: Option<&str>| {
            let context = |kind: Option<&str>| match kind {
                Some(kind) => serde_json::json!({"appArmorProfile": {"type": kind}}),
                None => serde_json::json!({}),
            };
            let spec = serde_json::json!({
                "securityContext": context(pod),
                "containers": [{"name": "web", "securityContext": context(own)}],
            });
            of_spec(&serde_json::from_value(spec).unwrap(), "web").app_armor
        };
        assert!(of(Some("Unconfined"), Some(RUNTIME_DEFAULT)));
        assert!(of(Some("Localhost"), Some(RUNTIME_DEFAULT)));
        // A profile that both name, or neither, is inherited.
        assert!(!of(Some(RUNTIME_DEFAULT), Some(RUNTIME_DEFAULT)));
        assert!(!of(None, Some(RUNTIME_DEFAULT)));
        // A confined probe does not see an unconfined target.
        assert!(!of(Some("Unconfined"), None));
        assert!(!of(Some("Unconfined"), Some("Unconfined")));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_unknown_and_a_busy_server_is_asked_again() {
        for (label, level) in [
            (None, PodSecurity::Privileged),
            (Some("baseline"), PodSecurity::Baseline),
            (Some("restricted"), PodSecurity::Restricted),
        ] {
            let seen = level_by("x", async || Ok(enforcing(label))).await;
            assert_eq!(seen, level, "{label:?}");
        }
        let forbidden = level_by("x", async || Err(failing(403))).await;
        assert_eq!(forbidden, PodSecurity::Unknown);
        let mut asked = 0;
        let busy = level_by("x", || {
            asked += 1;
            let answer = match asked {
                1 => Err(failing(503)),
                _ => Ok(enforcing(Some("restricted"))),
            };
            async { answer }
        });
        assert_eq!(busy.await, PodSecurity::Restricted);
    }
}
