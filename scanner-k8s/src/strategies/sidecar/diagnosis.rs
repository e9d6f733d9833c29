//! Why the scan's own pod is refused or does not start, and what to do about it.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::escape::visible;

use super::{pull, spec};
use crate::api::admission_hints;
use crate::names::GUARD_MARK;

/// What to do when the server refuses the pod, by its words.
pub(super) fn admission(message: &str) -> Option<&'static str> {
    let has = |word: &str| message.contains(word);
    Some(if has("PodSecurity") {
        "the namespace's Pod Security level refuses the pod; take --inert, which fits level restricted"
    } else if has("exceeded quota") || has("failed quota") {
        "the namespace's ResourceQuota has no room for the scan's pod: free some, or raise it"
    } else if has("usage per") || has("limit to request ratio") {
        "the namespace's LimitRange refuses the resources of the scan's pod (25m and 128Mi for the \
         probe, and for a clone those of the target)"
    } else if has("must specify a volume type") {
        OLD
    } else if has(GUARD_MARK) {
        "the cluster's admission guard refuses the pod (docs/guard.md); take --inert, which runs nothing of the target"
    } else if let Some(hint) = admission_hints::of(message) {
        hint
    } else if has("serviceaccount") || has("service account") {
        "the namespace has no default ServiceAccount yet; try again in a moment"
    } else {
        return None;
    })
}

/// What to do where there are no image volumes.
pub(super) const OLD: &str = "this cluster has no image volumes (on by default from Kubernetes 1.35, containerd 2.1); take the \
     clone (without --inert), secure-scan distroless, or secure-scan local --oci-archive";

/// Why the pod will not get further by waiting, and what to do.
pub(super) fn of(pod: &Pod, target: Option<&str>) -> Option<(String, &'static str)> {
    let status = pod.status.as_ref()?;
    let statuses = status.init_container_statuses.iter().flatten();
    for container in statuses.chain(status.container_statuses.iter().flatten()) {
        let Some(state) = &container.state else {
            continue;
        };
        let waiting = state.waiting.as_ref();
        let reason = waiting
            .and_then(|w| w.reason.as_deref())
            .unwrap_or_default();
        if admission_hints::STUCK.contains(&reason) {
            let message = waiting
                .and_then(|w| w.message.as_deref())
                .unwrap_or_default();
            let hint = match reason {
                "CreateContainerConfigError" if message.contains("runAsNonRoot") => {
                    "the pod's runAsNonRoot refuses the image's user"
                }
                "CreateContainerConfigError" => {
                    "a Secret or ConfigMap of the target does not exist any more"
                }
                "CreateContainerError" | "RunContainerError" => {
                    "see that the node's runtime has image volumes (containerd 2.1), or take the clone"
                }
                // The barrier is of the probe's image alone.
                _ if container.name.ends_with(spec::GATE) => {
                    admission_hints::of_waiting(reason, message)
                }
                _ => pull::PULL,
            };
            return Some((
                format!(
                    "container {} does not start: {reason}: {}",
                    visible(&container.name, 80),
                    visible(message, 400)
                ),
                hint,
            ));
        }
        if let (Some(ended), true) = (&state.terminated, Some(container.name.as_str()) == target) {
            let reason = ended.reason.as_deref().unwrap_or("ended");
            let message = ended.message.as_deref().unwrap_or_default();
            return Some((
                format!(
                    "the clone ended right after its start: {}, code {} {}",
                    visible(reason, 80),
                    ended.exit_code,
                    visible(message, 300)
                ),
                "isolated and without its volumes and secrets it does not run; take --inert, which \
                 runs nothing of it, or keep what it needs with --with-config or --with-secrets",
            ));
        }
    }
    if status.phase.as_deref() == Some("Failed") {
        let why = status.message.as_deref().or(status.reason.as_deref());
        return Some((
            format!(
                "the pod failed: {}",
                visible(why.unwrap_or("its barrier was not opened in time"), 300)
            ),
            "see the events of the pod's namespace; scan again with a longer --lease if it took too long",
        ));
    }
    None
}

/// Why the pod waits for a node, if it does.
fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(visible(found.message.as_deref().unwrap_or_default(), 300))
}

/// Who keeps a pod without trouble from coming to `what` in time, and what to do.
pub(super) fn slow(pod: &Pod, what: &str, seconds: u64) -> (String, &'static str) {
    let pinned = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.affinity.is_some());
    if let Some(why) = unschedulable(pod) {
        let hint = if pinned {
            "make room on the target's node, which alone may take it (--same-node, drift, or an image that only \
             this node has); nothing of the target was touched"
        } else {
            "make room on a node; nothing of the target was touched"
        };
        return (format!("no node takes the scan's pod: {why}"), hint);
    }
    let late = format!("the scan's pod did not come to {what} within {seconds} s");
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let started = pod.status.as_ref().and_then(|s| s.start_time.as_ref());
    match (node, started) {
        (None, _) => (
            format!("{late}: no scheduler has looked at it"),
            "see that the cluster's scheduler works; nothing of the target was touched",
        ),
        (Some(node), None) => (
            format!("{late}: node {} has not taken it up", visible(node, 253)),
            "see that this node is Ready (kubectl get nodes), and scan again",
        ),
        (Some(_), Some(_)) => (
            late,
            "see the events of its namespace; raise --lease if its images are large",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        for (message, word) in [
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"",
                "--inert",
            ),
            (
                "pods \"x\" is forbidden: exceeded quota: q, requested: cpu=1",
                "ResourceQuota",
            ),
            (
                "minimum cpu usage per Container is 1, but request is 25m",
                "LimitRange",
            ),
            (
                "spec.volumes[0]: Required value: must specify a volume type",
                "image volumes",
            ),
            ("admission webhook \"x\" denied the request", "exempt"),
            (
                "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: secure-scan guard: a clone has",
                "--inert",
            ),
        ] {
            assert!(
                admission(message).is_some_and(|h| h.contains(word)),
                "{message}"
            );
        }
        assert_eq!(admission("something else"), None);
    }

    #[test]
    fn a_pod_that_no_node_takes_is_told_of_a_node_it_needs_only_where_it_does() {
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
        let (_, anywhere) = slow(&waiting(serde_json::Value::Null), "run", 5);
        assert!(!anywhere.contains("--same-node"), "{anywhere}");
        let (_, pinned) = slow(&waiting(serde_json::json!({"nodeAffinity": {}})), "run", 5);
        assert!(pinned.contains("the target's node"), "{pinned}");
    }
}
