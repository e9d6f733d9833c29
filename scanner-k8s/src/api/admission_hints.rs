//! What to do when the server's admission refuses what a scan makes, or a node does not start it.

/// Reasons of a waiting container that do not pass by waiting.
pub(crate) const STUCK: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What to do when admission refuses an object, by the server's words; `None` when it was not
/// admission.
pub(crate) fn of(message: &str) -> Option<&'static str> {
    let has = |word: &str| message.contains(word);
    Some(if has("violates PodSecurity") {
        "the namespace's Pod Security level evaluates the whole pod anew when a probe is added; take secure-scan \
         sidecar --inert, which fits level restricted"
    } else if has("exceeded quota") || has("failed quota") {
        "the namespace's ResourceQuota has no room for what the scan makes: free some, or raise it"
    } else if has("usage per") || has("limit to request ratio") {
        "the namespace's LimitRange refuses the resources of what the scan makes"
    } else if has("admission webhook") || has("ValidatingAdmissionPolicy") {
        "an admission policy of this cluster refuses what the scan makes; exempt it there, by its label \
         secure-scan.io/scan or by its name"
    } else {
        return None;
    })
}

/// What to do when a node does not start the probe, by the reason and message of its waiting state.
pub(crate) fn of_waiting(reason: &str, message: &str) -> &'static str {
    match reason {
        "InvalidImageName" => "--probe-image is not the name of an image",
        "ErrImageNeverPull" => {
            "the node does not have --probe-image and may not pull it: load it there, or name one in a registry"
        }
        "CreateContainerConfigError" if message.contains("runAsNonRoot") => {
            "the pod's runAsNonRoot refuses the user that the probe needs; take secure-scan sidecar"
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            "see the events of the pod: the node's runtime refuses the probe's container; or take secure-scan sidecar"
        }
        _ => {
            "see that the node can pull --probe-image, and that the pod's imagePullSecrets allow it"
        }
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
                "jobs.batch \"x\" is forbidden: exceeded quota: q, requested: count/jobs.batch=1",
                "ResourceQuota",
            ),
            (
                "minimum cpu usage per Container is 1, but request is 25m",
                "LimitRange",
            ),
            ("admission webhook \"x\" denied the request", "exempt"),
            (
                "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no",
                "exempt",
            ),
        ] {
            assert!(of(message).is_some_and(|h| h.contains(word)), "{message}");
        }
        assert_eq!(of("User \"x\" cannot create resource \"jobs\""), None);
    }

    #[test]
    fn each_state_that_does_not_pass_says_what_to_do() {
        for reason in STUCK {
            assert!(of_waiting(reason, "").len() > 20, "{reason}");
        }
        assert!(of_waiting("InvalidImageName", "").contains("not the name"));
    }
}
