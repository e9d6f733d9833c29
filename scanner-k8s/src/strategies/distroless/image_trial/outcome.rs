//! What the pod's status says about the image.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use scanner_core::{Remedy, escape::visible, target::image_digest};

use crate::strategies::waiting::{STUCK, probe_remedy};

/// What became of the image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The probe ran and ended well.
    Started {
        /// The image as the node names it.
        image: String,
    },
    /// Somebody gave the pod this image in place of the planned one.
    Replaced(String),
    /// It did not start, and waiting does not change that.
    Failed {
        /// In the node's words.
        reason: String,
        /// In the words of the node or the registry.
        message: String,
        /// What to do about it.
        remedy: Remedy,
    },
}

/// The container's image if it is not `image`, the planned one: whoever may update pods can change it.
pub(super) fn replaced(pod: &Pod, name: &str, image: &str) -> Option<String> {
    let mut all = pod.spec.iter().flat_map(|spec| &spec.containers);
    let now = all.find(|container| container.name == name);
    let now = now.and_then(|container| container.image.as_deref());
    (now != Some(image)).then(|| visible(now.unwrap_or("none"), 400))
}

/// Whether the node says that what ran has this digest.
pub(super) fn ran(pod: &Pod, name: &str, digest: &str) -> bool {
    let container = statuses(pod).find(|status| status.name == name);
    container.is_some_and(|status| {
        [&status.image_id, &status.image]
            .into_iter()
            .any(|image| image_digest(image) == Some(digest))
    })
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|status| status.container_statuses.iter().flatten())
}

/// Whether any container of the pod runs.
pub(super) fn runs(pod: &Pod) -> bool {
    let states = statuses(pod).filter_map(|status| status.state.as_ref());
    states.into_iter().any(|state| state.running.is_some())
}

/// What became of the image, once that is known.
pub(super) fn outcome(pod: &Pod, name: &str) -> Option<Outcome> {
    let container = statuses(pod).find(|status| status.name == name);
    let of_container =
        container.and_then(|status| of_state(status.state.as_ref()?, &status.image_id));
    of_container.or_else(|| {
        let status = pod.status.as_ref()?;
        (status.phase.as_deref() == Some("Failed")).then(|| Outcome::Failed {
            reason: status
                .reason
                .clone()
                .unwrap_or_else(|| "the pod failed".into()),
            message: status.message.clone().unwrap_or_default(),
            remedy: Remedy::AllowImageTrial,
        })
    })
}

fn of_state(state: &ContainerState, image: &str) -> Option<Outcome> {
    if let Some(ended) = &state.terminated {
        if ended.exit_code == 0 {
            return Some(Outcome::Started {
                image: image.to_owned(),
            });
        }
        let reason = ended.reason.as_deref().unwrap_or("Error");
        let remedy = match reason {
            "OOMKilled" => Remedy::SetProbeResources,
            _ => Remedy::CheckProbeVersion,
        };
        return Some(Outcome::Failed {
            reason: format!("{reason}, code {}", ended.exit_code),
            message: ended.message.clone().unwrap_or_default(),
            remedy,
        });
    }
    let waiting = state.waiting.as_ref()?;
    let reason = waiting
        .reason
        .as_deref()
        .filter(|reason| STUCK.contains(reason))?;
    let remedy = match reason {
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Remedy::CheckProbeVersion
        }
        reason => probe_remedy(reason),
    };
    Some(Outcome::Failed {
        reason: reason.to_owned(),
        message: waiting.message.clone().unwrap_or_default(),
        remedy,
    })
}

/// The outcome if the scheduler does not place the pod on the node. The target runs there, but the node may be full by now.
pub(super) fn unschedulable(pod: &Pod) -> Option<Outcome> {
    let status = pod.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    Some(Outcome::Failed {
        reason: "the node does not take the pod in which it is tried".into(),
        message: found.message.clone().unwrap_or_default(),
        remedy: Remedy::AllowImageTrial,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(state: &Value) -> Pod {
        serde_json::from_value(json!({"status": {"containerStatuses": [{
            "name": "own", "image": "", "imageID": "probe@sha256:1", "ready": false, "restartCount": 0, "state": state,
        }]}}))
        .unwrap()
    }

    fn remedy(state: &Value) -> Option<Remedy> {
        match outcome(&pod(state), "own")? {
            Outcome::Failed { remedy, .. } => Some(remedy),
            Outcome::Started { .. } | Outcome::Replaced(_) => None,
        }
    }

    #[test]
    fn a_probe_that_ran_and_ended_well_is_the_only_success() {
        let ended = |code: i32| json!({"terminated": {"exitCode": code, "reason": "Completed"}});
        let image = "probe@sha256:1".to_owned();
        assert_eq!(
            outcome(&pod(&ended(0)), "own"),
            Some(Outcome::Started { image })
        );
        assert_eq!(remedy(&ended(128)), Some(Remedy::CheckProbeVersion));
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        assert_eq!(remedy(&killed), Some(Remedy::SetProbeResources));
        assert_eq!(outcome(&pod(&json!({"running": {}})), "own"), None);
        assert!(runs(&pod(&json!({"running": {}}))) && !runs(&pod(&ended(0))));
        assert_eq!(outcome(&pod(&ended(0)), "another"), None);
    }

    #[test]
    fn what_ran_is_compared_with_the_planned_image() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let of = |image: &str, status: &str, id: &str| -> Pod {
            serde_json::from_value(json!({
                "spec": {"containers": [{"name": "own", "image": image}]},
                "status": {"containerStatuses": [{
                    "name": "own", "image": status, "imageID": id, "ready": false, "restartCount": 0,
                }]},
            }))
            .unwrap()
        };
        let planned = format!("probe@{digest}");
        let other = format!("probe@sha256:{}", "2".repeat(64));
        let as_planned = of(&planned, "sha256:5", &planned);
        assert_eq!(replaced(&as_planned, "own", &planned), None);
        let changed = of("evil\u{1b}:1", &planned, &planned);
        let now = replaced(&changed, "own", &planned);
        assert_eq!(now.as_deref(), Some("evil\\u{1b}:1"));
        assert!(replaced(&as_planned, "another", &planned).is_some());
        assert!(ran(&as_planned, "own", &digest));
        assert!(ran(&of(&planned, &planned, "sha256:5"), "own", &digest));
        assert!(!ran(&of(&planned, &other, &other), "own", &digest));
        assert!(!ran(&of(&planned, "", ""), "own", &digest));
    }

    #[test]
    fn what_waiting_does_not_mend_ends_the_trial_at_once() {
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "why"}});
        for (reason, meant) in [
            ("ErrImagePull", Remedy::PullProbeImage),
            ("ImagePullBackOff", Remedy::PullProbeImage),
            ("InvalidImageName", Remedy::CorrectProbeImage),
            ("ErrImageNeverPull", Remedy::LoadProbeImage),
            ("CreateContainerError", Remedy::CheckProbeVersion),
            ("RunContainerError", Remedy::CheckProbeVersion),
        ] {
            assert_eq!(remedy(&waiting(reason)), Some(meant), "{reason}");
        }
        assert_eq!(outcome(&pod(&waiting("ContainerCreating")), "own"), None);
    }

    #[test]
    fn a_pod_that_its_node_refuses_has_failed() {
        let refused: Pod = serde_json::from_value(json!({"status": {
            "phase": "Failed", "reason": "OutOfmemory", "message": "Node didn't have enough resource",
        }}))
        .unwrap();
        let Some(Outcome::Failed { reason, remedy, .. }) = outcome(&refused, "own") else {
            unreachable!("it failed");
        };
        assert_eq!(
            (reason.as_str(), remedy),
            ("OutOfmemory", Remedy::AllowImageTrial)
        );
    }

    #[test]
    fn only_a_pod_that_no_node_takes_is_unschedulable() {
        let of = |status: &str, reason: &str| -> Pod {
            let condition = json!({"type": "PodScheduled", "status": status, "reason": reason, "message": "0/1 nodes"});
            serde_json::from_value(json!({"status": {"conditions": [condition]}})).unwrap()
        };
        let Some(Outcome::Failed {
            message, remedy, ..
        }) = unschedulable(&of("False", "Unschedulable"))
        else {
            unreachable!("no node takes it");
        };
        assert_eq!(
            (message.as_str(), remedy),
            ("0/1 nodes", Remedy::AllowImageTrial)
        );
        assert_eq!(unschedulable(&of("True", "Unschedulable")), None);
        assert_eq!(unschedulable(&of("False", "SchedulingGated")), None);
        assert_eq!(unschedulable(&Pod::default()), None);
    }
}
