//! A failed pull, in the words of the node's events: the pod's status reports it one round of the kubelet (10 s)
//! later, and reports an image that is mounted only then.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{ResourceExt as _, api::ListParams};
use scanner_core::{Remedy, escape::visible};

use crate::{
    api::call::{CallError, call},
    run::scope::ScanScope,
    strategies::waiting::{Diagnosis, probe_remedy},
};

/// Events of the pod that are read at most.
const EVENTS: u32 = 100;
/// How the kubelet's message on a failed pull begins.
const FAILED: &str = "Failed to pull image";

/// Why the node cannot pull an image of `pod`, if it reported that. One call, by a right that is used where it is there.
pub(crate) async fn failed(
    scope: &ScanScope,
    pod: &Pod,
    probe: &str,
) -> Result<Option<Diagnosis>, CallError> {
    let of = format!("involvedObject.uid={}", pod.uid().unwrap_or_default());
    let params = ListParams::default().fields(&of).limit(EVENTS);
    let events = scope.operator_api::<Event>();
    let listed = call("list the events of the scan's pod", events.list(&params)).await?;
    let mut messages = listed.items.into_iter().filter_map(|event| event.message);
    let message = messages.find(|message| message.starts_with(FAILED));
    Ok(message.map(|message| why(&message, probe)))
}

fn why(message: &str, probe: &str) -> Diagnosis {
    let of_probe = message.starts_with(&format!("{FAILED} \"{probe}\""));
    let remedy = if of_probe {
        probe_remedy("ErrImagePull")
    } else {
        Remedy::PullImage
    };
    Diagnosis::not_started(
        format!("the node reports: {}", visible(message, 600)),
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_pull_of_the_probe_has_another_remedy_than_one_of_the_image() {
        let of = |image: &str| format!("{FAILED} \"{image}\": no such host\u{1b}");
        let image = why(&of("web:1"), "probe:1");
        assert!(
            image.message.contains("no such host\\u{1b}"),
            "{}",
            image.message
        );
        assert_eq!(image.remedy, Remedy::PullImage);
        assert_eq!(
            why(&of("probe:1"), "probe:1").remedy,
            Remedy::PullProbeImage
        );
    }
}
