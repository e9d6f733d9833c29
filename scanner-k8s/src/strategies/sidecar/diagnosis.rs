//! Why the scan's own pod is refused or does not start, and what to do about it.

use k8s_openapi::api::core::v1::{ContainerState, Pod};
use scanner_core::{
    ControlError, Remedy,
    escape::{visible, visible_ends},
};

use super::spec;
use crate::{
    api::{admission::AdmissionRefusal, call::CallError},
    strategies::waiting::{Diagnosis, STUCK, probe_remedy},
};

/// What to do when admission refuses the pod, where that differs from what to do for other objects of a scan; `as_root` is what to
/// do where its probe reads as root.
pub(super) fn admission(error: &ControlError, as_root: Option<Remedy>) -> Option<Remedy> {
    let call = error.source.as_deref()?.downcast_ref::<CallError>()?;
    match call.refusal()? {
        AdmissionRefusal::PodSecurity => as_root,
        // With the image alone, nothing of the target runs, and the pod fits level restricted.
        AdmissionRefusal::Guard => Some(Remedy::UseImage),
        AdmissionRefusal::LimitRange => Some(Remedy::SetProbeResources),
        _ => None,
    }
}

/// Why the pod will not get further by waiting.
pub(super) fn of(pod: &Pod, target: Option<&str>) -> Option<Diagnosis> {
    let status = pod.status.as_ref()?;
    let statuses = status.init_container_statuses.iter().flatten();
    for container in statuses.chain(status.container_statuses.iter().flatten()) {
        let Some(state) = &container.state else {
            continue;
        };
        if let Some(diagnosis) = stuck(&container.name, state) {
            return Some(diagnosis);
        }
        if Some(container.name.as_str()) == target
            && let Some(diagnosis) = ended(state)
        {
            return Some(diagnosis);
        }
    }
    if status.phase.as_deref() == Some("Failed") {
        let why = status.message.as_deref().or(status.reason.as_deref());
        let why = why.unwrap_or("its barrier was not opened in time");
        return Some(Diagnosis::not_started(
            format!("the pod failed: {}", visible_ends(why, 300)),
            Remedy::ReadEventsOrRaiseLease,
        ));
    }
    None
}

/// Why a container does not start.
fn stuck(name: &str, state: &ContainerState) -> Option<Diagnosis> {
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    if !STUCK.contains(&reason) {
        return None;
    }
    let remedy = match reason {
        "CreateContainerConfigError" => Remedy::advice(
            "the image's user must fit the pod's runAsNonRoot, and the Secrets and ConfigMaps of the target must \
             still exist",
        ),
        "CreateContainerError" | "RunContainerError" => Remedy::UseNoImageVolume,
        // The barrier runs only the probe's image.
        _ if name.ends_with(spec::BARRIER) => probe_remedy(reason),
        _ => Remedy::PullImage,
    };
    let message = waiting.message.as_deref().unwrap_or_default();
    let why = format!(
        "container {} does not start: {reason}: {}",
        visible(name, 80),
        visible_ends(message, 600)
    );
    Some(Diagnosis::not_started(why, remedy).with_words(message))
}

/// Why the clone does not run any more.
fn ended(state: &ContainerState) -> Option<Diagnosis> {
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.as_deref().unwrap_or("ended");
    let message = ended.message.as_deref().filter(|m| !m.trim().is_empty());
    let message = message.map_or_else(String::new, |m| format!(": {}", visible_ends(m, 300)));
    Some(Diagnosis::not_started(
        format!(
            "the clone, isolated and without its volumes and Secrets, ended right after its start: {}, code {}{message}",
            visible(reason, 80),
            ended.exit_code,
        ),
        Remedy::UseImageOrKeepConfig,
    ))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::api::call::call_with_retry;

    #[tokio::test]
    async fn a_pod_of_root_that_pod_security_refuses_can_be_one_of_no_account() {
        let words = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true";
        let refuses = || async {
            let status = Status::failure(words, "Forbidden").with_code(403);
            Err::<(), _>(kube::Error::Api(Box::new(status)))
        };
        let call = call_with_retry("create pod x".into(), refuses).await;
        let error = ControlError::new("not made").with_source(call.unwrap_err());
        let asked = Some(Remedy::UseHelperNamespace);
        assert_eq!(admission(&error, asked.clone()), asked);
        assert_eq!(admission(&error, None), None);
    }

    #[test]
    fn a_container_that_waiting_does_not_start_has_a_remedy() {
        // A node wraps the reason in the names of the image.
        let why = format!("{}: 401 Unauthorized", "pull: ".repeat(200));
        let pod = |name: &str, reason: &str| -> Pod {
            let state = serde_json::json!({"waiting": {"reason": reason, "message": why}});
            serde_json::from_value(
                serde_json::json!({"status": {"containerStatuses": [{
                    "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
                }]}}),
            )
            .unwrap()
        };
        let remedy = |name: &str, reason: &str| of(&pod(name, reason), None).map(|d| d.remedy);
        let shown = of(&pod("web", "ErrImagePull"), None).unwrap();
        assert!(shown.message.ends_with(": 401 Unauthorized"), "{shown:?}");
        assert!(shown.message.len() < 800, "{shown:?}");
        assert_eq!(shown.words, why);
        assert_eq!(remedy("web", "ErrImagePull"), Some(Remedy::PullImage));
        assert_eq!(
            remedy("a-barrier", "ErrImagePull"),
            Some(Remedy::PullProbeImage)
        );
        assert_eq!(
            remedy("web", "CreateContainerError"),
            Some(Remedy::UseNoImageVolume)
        );
        assert_eq!(remedy("web", "ContainerCreating"), None);
    }
}
