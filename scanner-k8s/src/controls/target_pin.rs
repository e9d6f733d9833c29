//! Target pin: the scanned container is still the one that was resolved.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, ReleaseError, VerifyError},
    escape::visible,
    plan::PlannedControl,
    report::AuditCheck,
};

use crate::{
    api::call::{CallError, CallErrorKind, call_with_retry},
    plan::resolve,
    pod::{beside::Beside, snapshot::PodSnapshot},
    post_scan,
    run::scope::ScanScope,
};

pub(super) struct TargetPin(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for TargetPin {
    fn id(&self) -> &'static str {
        "target-pin"
    }

    fn plan(&self) -> PlannedControl {
        let target = &self.0.plan().target;
        let mut planned = PlannedControl::new(self.id(), "The same container before and after")
            .planning(format!(
                "pod uid {}, container {}, {} restarts",
                target.pod_uid, target.container_id, target.restarts
            ));
        if let Some(sidecar) = self.0.target().sidecar() {
            planned = planned.planning(format!(
                "the sidecar that answers: container {}, {} restarts, image {}; another one is a security alert",
                visible(&sidecar.container_id, 100),
                sidecar.restarts,
                sidecar.words()
            ));
        }
        planned.planning(
            "an ephemeral container that somebody else adds meanwhile is a security alert",
        )
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(format!(
            "pinned pod uid {}",
            self.0.plan().target.pod_uid
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of("compared after the scan"))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let target = &self.0.plan().target;
        let api = self.0.operator_api::<Pod>();
        let now = match call_with_retry("get the target again".into(), || {
            api.get(target.pod.as_str())
        })
        .await
        {
            Ok(pod) => {
                let after = PodSnapshot::of(&pod);
                self.alert_of_strangers(&after);
                self.0.target().note_after(after);
                self.same_sidecar(&pod)?;
                resolve::target_of(&pod, Some(&target.container)).ok()
            }
            Err(error) if error.kind() == CallErrorKind::NotFound => None,
            Err(error) => {
                return Err(ReleaseError::EvidenceInvalid(CallError::of_control(error)));
            }
        };
        if now.as_ref() == Some(target) {
            let mut same = Evidence::of("same pod uid, container id and restarts after the scan");
            if self.0.target().sidecar().is_some() {
                same.0
                    .push("same container, restarts and image of its sidecar".into());
            }
            return Ok(same);
        }
        Err(ReleaseError::EvidenceInvalid(
            ControlError::new("the target was replaced or restarted during the scan")
                .with_remedy(Remedy::advice("scan again when it is stable")),
        ))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        post_scan::side_effects(&self.0)
    }
}

impl TargetPin {
    /// Checks that the sidecar that answered is the planned one: nobody knows what another one in between was.
    fn same_sidecar(&self, pod: &Pod) -> Result<(), ReleaseError> {
        let (scope, target) = (&self.0, &self.0.plan().target);
        let Some(planned) = scope.target().sidecar() else {
            return Ok(());
        };
        let invalid = |message: String, advice: &str| {
            let error = ControlError::new(message).with_remedy(Remedy::advice(advice));
            Err(ReleaseError::EvidenceInvalid(error))
        };
        let differences = match sidecar_now(planned, &target.pod_uid, pod) {
            Sidecar::Same => return Ok(()),
            Sidecar::Written => {
                return invalid(
                    format!(
                        "somebody changed the specification of pod {} while its sidecar was asked: which image answered \
                         is not known",
                        target.pod
                    ),
                    "scan again when nobody changes the pod",
                );
            }
            Sidecar::Other(differences) => differences,
        };
        let message = format!(
            "the sidecar of pod {} that answered is not the one that this scan planned",
            target.pod
        );
        let alert = SecurityAlert::new("sidecar-changed", message.clone());
        let alert = differences.into_iter().fold(alert, SecurityAlert::evidence);
        scope.alerts().raise(alert);
        invalid(
            message,
            "find out who changed or restarted it, and scan again",
        )
    }

    /// An ephemeral container that somebody else added while the scan ran can be stronger than the target and read
    /// everything in the pod, the scan's own probe too. Its entry can never be taken back, so none is missed.
    fn alert_of_strangers(&self, after: &PodSnapshot) {
        let Some(before) = self.0.target().before() else {
            return;
        };
        // The name is known to whoever sees the lease: it is the scan's own only where the server may have taken it from the
        // scan.
        let own = self.0.name();
        let planned = self.0.ledger().probe_may_exist();
        for name in before.added(after).filter(|name| !planned || **name != own) {
            let pod = &self.0.plan().target.pod;
            let message = format!(
                "somebody added ephemeral container {name} to pod {pod} while the scan ran, and this scan did not plan it"
            );
            self.0
                .alerts()
                .raise(SecurityAlert::new("unplanned-container", message));
        }
    }
}

/// What became of a sidecar.
#[derive(Debug, PartialEq, Eq)]
enum Sidecar {
    Same,
    /// It is the same, and somebody wrote the pod's specification meanwhile.
    Written,
    /// How it differs.
    Other(Vec<String>),
}

fn sidecar_now(planned: &Beside, uid: &str, pod: &Pod) -> Sidecar {
    if pod.metadata.uid.as_deref() != Some(uid) {
        return Sidecar::Other(vec!["its pod was replaced".into()]);
    }
    let now = match Beside::of(pod) {
        Ok(now) => now,
        Err(why) => return Sidecar::Other(vec![why]),
    };
    match planned.differences(&now) {
        differences if !differences.is_empty() => Sidecar::Other(differences),
        _ if planned.written(&now) => Sidecar::Written,
        _ => Sidecar::Same,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(change: impl Fn(&mut Value)) -> Pod {
        let mut pod = json!({
            "metadata": {"name": "web", "uid": "u", "generation": 1},
            "spec": {
                "shareProcessNamespace": true,
                "containers": [{"name": "secure-scan", "image": "probe:1"}],
            },
            "status": {"containerStatuses": [{
                "name": "secure-scan", "image": "probe:1", "imageID": "i", "containerID": "c", "ready": true,
                "restartCount": 0, "state": {"running": {}},
            }]},
        });
        change(&mut pod);
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_sidecar_that_was_changed_or_started_again_is_another_one() {
        let planned = Beside::of(&pod(|_| ())).unwrap();
        let now = |change: fn(&mut Value)| sidecar_now(&planned, "u", &pod(change));
        assert_eq!(now(|_| ()), Sidecar::Same);
        // Changed, and changed back before the scan looked again.
        let written = now(|p| p["metadata"]["generation"] = json!(3));
        assert_eq!(written, Sidecar::Written);
        let changes: [fn(&mut Value); 5] = [
            |p| p["metadata"]["uid"] = json!("v"),
            |p| p["spec"]["containers"][0]["image"] = json!("probe:2"),
            |p| p["status"]["containerStatuses"][0]["imageID"] = json!("j"),
            |p| p["status"]["containerStatuses"][0]["containerID"] = json!("d"),
            |p| p["status"]["containerStatuses"][0]["state"] = json!({"waiting": {}}),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            assert!(matches!(now(change), Sidecar::Other(_)), "{at}");
        }
    }
}
