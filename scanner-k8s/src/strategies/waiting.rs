//! Why a container will not start however long it waits, and what to do about it.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, FailureKind, Remedy,
    escape::{visible, visible_ends},
};

/// Why a pod of the scan's own will not get further by waiting.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) remedy: Remedy,
    /// What kind of failure of the scan it is.
    pub(crate) kind: FailureKind,
    /// The node's whole message; decisions use it, because `message` may be cut.
    pub(crate) words: String,
}

impl Diagnosis {
    /// A pod, or a container of it, that does not start.
    pub(crate) fn not_started(message: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            message: message.into(),
            remedy,
            kind: FailureKind::NotStarted,
            words: String::new(),
        }
    }

    /// The same, with the words of the node that explain it.
    pub(crate) fn with_words(mut self, words: &str) -> Self {
        words.clone_into(&mut self.words);
        self
    }
}

impl From<Diagnosis> for ControlError {
    fn from(diagnosis: Diagnosis) -> Self {
        Self::new(diagnosis.message)
            .with_kind(diagnosis.kind)
            .with_remedy(diagnosis.remedy)
    }
}

/// Reasons of a waiting container that do not go away by waiting.
pub(crate) const STUCK: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What to do when a node does not start the probe, by the reason of its waiting state.
pub(crate) fn probe_remedy(reason: &str) -> Remedy {
    match reason {
        "InvalidImageName" => Remedy::CorrectProbeImage,
        "ErrImageNeverPull" => Remedy::LoadProbeImage,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Remedy::UseSidecar
        }
        _ => Remedy::PullProbeImage,
    }
}

/// Why the pod waits for a node, if it does.
fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(visible(found.message.as_deref().unwrap_or_default(), 300))
}

/// What a pod that takes its time waits for; `last` is what its node did last, if that is known.
pub(crate) fn waits_for(pod: &Pod, last: Option<&str>) -> String {
    let name = visible(pod.metadata.name.as_deref().unwrap_or_default(), 253);
    if let Some(why) = unschedulable(pod) {
        return format!("pod {name} waits for a node: {why}");
    }
    let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) else {
        return format!("pod {name} waits for the scheduler");
    };
    let status = pod.status.iter();
    let mut reasons = status
        .flat_map(|status| {
            let init = status.init_container_statuses.iter().flatten();
            init.chain(status.container_statuses.iter().flatten())
        })
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    let starts = format!("pod {name} starts on node {}", visible(node, 253));
    match last.or_else(|| reasons.next()) {
        Some(words) => format!("{starts}: {}", visible_ends(words, 600)),
        None => starts,
    }
}

/// Why a pod without an error does not come to `what` in time.
pub(crate) fn slow(pod: &Pod, what: &str, seconds: u64) -> Diagnosis {
    let pinned = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.affinity.is_some());
    if let Some(why) = unschedulable(pod) {
        let remedy = if pinned {
            Remedy::FreeTargetNode
        } else {
            Remedy::advice("make room on a node; nothing of the target was touched")
        };
        return Diagnosis::not_started(format!("no node takes the scan's pod: {why}"), remedy);
    }
    let late = format!("the scan's pod did not come to {what} within {seconds} s");
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let started = pod.status.as_ref().and_then(|s| s.start_time.as_ref());
    match (node, started) {
        (None, _) => Diagnosis::not_started(
            format!("{late}: no scheduler has looked at it"),
            Remedy::advice(
                "check that the cluster's scheduler works; nothing of the target was touched",
            ),
        ),
        (Some(node), None) => {
            let node = visible(node, 253);
            Diagnosis::not_started(
                format!("{late}: node {node} has not taken it up"),
                Remedy::CheckNode { node: Some(node) },
            )
        }
        (Some(_), Some(_)) => Diagnosis::not_started(late, Remedy::ReadEventsOrRaiseLease),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_remedy() {
        let remedies = STUCK.map(probe_remedy);
        assert_eq!(
            remedies,
            [
                Remedy::PullProbeImage,
                Remedy::PullProbeImage,
                Remedy::CorrectProbeImage,
                Remedy::LoadProbeImage,
                Remedy::UseSidecar,
                Remedy::UseSidecar,
                Remedy::UseSidecar,
            ]
        );
    }

    #[test]
    fn what_a_pod_waits_for_is_in_the_words_of_its_node() {
        let of = |spec: serde_json::Value, status: serde_json::Value| -> Pod {
            serde_json::from_value(serde_json::json!({
                "metadata": {"name": "own"}, "spec": spec, "status": status,
            }))
            .unwrap()
        };
        let bound = serde_json::json!({"containers": [], "nodeName": "n1"});
        let creating = serde_json::json!({"containerStatuses": [{
            "name": "own", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}},
        }]});
        let condition = serde_json::json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "message": "0/3 nodes",
        }]});
        let free = serde_json::json!({"containers": []});
        let none = serde_json::Value::Null;
        for (spec, status, last, words) in [
            (
                &bound,
                &creating,
                None,
                "pod own starts on node n1: ContainerCreating",
            ),
            (
                &bound,
                &creating,
                Some("Pulling\u{1b}"),
                "pod own starts on node n1: Pulling\\u{1b}",
            ),
            (&bound, &none, None, "pod own starts on node n1"),
            (&free, &none, None, "pod own waits for the scheduler"),
            (
                &free,
                &condition,
                None,
                "pod own waits for a node: 0/3 nodes",
            ),
        ] {
            assert_eq!(waits_for(&of(spec.clone(), status.clone()), last), words);
        }
    }

    #[test]
    fn a_pod_that_must_run_on_one_node_names_it_as_the_remedy() {
        let waiting = |affinity: serde_json::Value| -> Pod {
            let condition = serde_json::json!({
                "type": "PodScheduled", "status": "False", "message": "0/3 nodes",
            });
            serde_json::from_value(serde_json::json!({
                "spec": {"containers": [], "affinity": affinity},
                "status": {"conditions": [condition]},
            }))
            .unwrap()
        };
        let anywhere = slow(&waiting(serde_json::Value::Null), "run", 5);
        assert!(
            matches!(anywhere.remedy, Remedy::Advice { .. }),
            "{anywhere:?}"
        );
        let pinned = slow(&waiting(serde_json::json!({"nodeAffinity": {}})), "run", 5);
        assert_eq!(pinned.remedy, Remedy::FreeTargetNode);
    }
}
