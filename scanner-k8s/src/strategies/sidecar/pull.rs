//! A pull that failed, in the words of the node's events: a pod's status tells of it one round of its kubelet
//! (10 s) later, and of an image that is mounted only then.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{ResourceExt as _, api::ListParams};
use scanner_core::escape::visible;

use crate::api::admission_hints;
use crate::{
    api::call::{CallError, call},
    run::scope::ScanScope,
};

/// Events of the pod that are read at most.
const EVENTS: u32 = 100;
/// How the kubelet begins what it says of a pull that failed.
const FAILED: &str = "Failed to pull image";

/// Why the node cannot pull an image of `pod`, and what to do, if it said so. One call, by a right that is
/// used where it is there.
pub(super) async fn failed(
    session: &ScanScope,
    pod: &Pod,
    probe: &str,
) -> Result<Option<(String, &'static str)>, CallError> {
    let of = format!("involvedObject.uid={}", pod.uid().unwrap_or_default());
    let params = ListParams::default().fields(&of).limit(EVENTS);
    let events = session.operator_api::<Event>();
    let listed = call("list the events of the scan's pod", events.list(&params)).await?;
    let mut said = listed.items.into_iter().filter_map(|event| event.message);
    let said = said.find(|message| message.starts_with(FAILED));
    Ok(said.map(|message| why(&message, probe)))
}

fn why(message: &str, probe: &str) -> (String, &'static str) {
    let of_probe = message.starts_with(&format!("{FAILED} \"{probe}\""));
    let hint = if of_probe {
        admission_hints::of_waiting("ErrImagePull", message)
    } else {
        PULL
    };
    (format!("the node says: {}", visible(message, 600)), hint)
}

/// What to do about an image that the node cannot pull.
pub(super) const PULL: &str = "check the registry, name and tag; see that the node can pull the image, and that the pod's \
     imagePullSecrets (--pull-secret for secure-scan image) allow it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_that_cannot_be_pulled_is_told_from_the_probe_s() {
        let of = |image: &str| format!("{FAILED} \"{image}\": no such host\u{1b}");
        let (message, hint) = why(&of("web:1"), "probe:1");
        assert!(message.contains("no such host\\u{1b}"), "{message}");
        assert!(hint.contains("can pull the image"), "{hint}");
        let (_, hint) = why(&of("probe:1"), "probe:1");
        assert!(hint.contains("--probe-image"), "{hint}");
    }
}
