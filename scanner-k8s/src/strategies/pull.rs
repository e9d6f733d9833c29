//! What a node does with the images of a pod, by its events: the pod's status reports a failed pull one round of the
//! kubelet (10 s) later, and says nothing about a mounted image before.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{ResourceExt as _, api::ListParams};
use scanner_core::{Remedy, escape::visible_ends};

use crate::{
    api::call::{CallError, CallErrorKind, call},
    run::scope::ScanScope,
    strategies::waiting::{Diagnosis, probe_remedy},
};

/// Events of the pod that are read at most.
const EVENTS: u32 = 100;
/// How long a pod may take before its node's events are read.
const FIRST: Duration = Duration::from_secs(3);
/// How the kubelet's message on a failed pull begins.
const FAILED: &str = "Failed to pull image";

/// What the node reports of a pod that takes its time.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    /// Why it cannot pull an image.
    pub(crate) failed: Option<Diagnosis>,
    /// What it did last.
    pub(crate) last: Option<String>,
}

/// Looks at the node's events of a pod now and then, for as long as it takes its time.
pub(crate) struct SlowPod {
    pause: Duration,
    asks: bool,
}

impl SlowPod {
    /// A pod that was just created.
    pub(crate) fn new() -> Self {
        Self {
            pause: FIRST,
            asks: true,
        }
    }

    /// How long to wait for the pod itself before the next look.
    pub(crate) fn pause(&self) -> Duration {
        self.pause
    }

    /// What the node reports of `pod`; nothing where the operator may not read it. Then the pod's status will show it.
    pub(crate) async fn look(&mut self, scope: &ScanScope, pod: &Pod, probe: &str) -> Reported {
        self.pause = (self.pause * 2).min(FIRST * 5);
        if !self.asks {
            return Reported::default();
        }
        let reported = reported(scope, pod, probe).await;
        // A server that does not answer would hold up the wait for the pod each time.
        self.asks = reported.as_ref().map_or_else(is_passing, |_| true);
        reported.unwrap_or_default()
    }
}

/// Whether the server may well answer the next time.
fn is_passing(error: &CallError) -> bool {
    matches!(
        error.kind(),
        CallErrorKind::Busy | CallErrorKind::ServerFailed
    )
}

/// What the node reports of `pod`. One call, by a right that is used where it is there.
async fn reported(scope: &ScanScope, pod: &Pod, probe: &str) -> Result<Reported, CallError> {
    let of = format!("involvedObject.uid={}", pod.uid().unwrap_or_default());
    let params = ListParams::default().fields(&of).limit(EVENTS);
    let events = scope.operator_api::<Event>();
    let listed = call("list the events of the scan's pod", events.list(&params)).await?;
    Ok(read(&listed.items, probe))
}

fn read(events: &[Event], probe: &str) -> Reported {
    let message = |event: &Event| event.message.clone().unwrap_or_default();
    let mut messages = events.iter().map(message);
    let failed = messages.find(|message| message.starts_with(FAILED));
    // A scheduler and a node report within the same second, and the times have no fractions.
    let of_node = |event: &&Event| event.reason.as_deref() != Some("Scheduled");
    let time = |event: &&Event| {
        let last = event.last_timestamp.as_ref();
        last.or(event.metadata.creation_timestamp.as_ref()).cloned()
    };
    let last = events.iter().filter(of_node).max_by_key(time);
    Reported {
        failed: failed.map(|message| why(&message, probe)),
        last: last.map(message).filter(|words| !words.is_empty()),
    }
}

fn why(message: &str, probe: &str) -> Diagnosis {
    let of_probe = message.starts_with(&format!("{FAILED} \"{probe}\""));
    let remedy = if of_probe {
        probe_remedy("ErrImagePull")
    } else {
        Remedy::PullImage
    };
    Diagnosis::not_started(
        format!("the node reports: {}", visible_ends(message, 600)),
        remedy,
    )
    .with_words(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_node_did_last_is_found_among_its_events() {
        let event = |reason: &str, message: &str, second: u32| -> Event {
            let time = format!("2026-01-01T00:00:{second:02}Z");
            let mut event = json!({
                "involvedObject": {}, "metadata": {"creationTimestamp": time},
                "reason": reason, "message": message,
            });
            if reason != "Scheduled" {
                event["lastTimestamp"] = time.into();
            }
            serde_json::from_value(event).expect("an event")
        };
        let mut events = vec![
            event("Pulled", "an image was there", 4),
            event("Pulling", "Pulling image \"probe:1\"", 5),
            event("Scheduled", "assigned", 5),
        ];
        let reported = read(&events, "probe:1");
        assert_eq!(reported.last.as_deref(), Some("Pulling image \"probe:1\""));
        assert!(reported.failed.is_none());
        events.push(event("Failed", &format!("{FAILED} \"probe:1\": no"), 9));
        let failed = read(&events, "probe:1").failed.expect("a failure");
        assert_eq!(failed.remedy, Remedy::PullProbeImage);
        assert_eq!(read(&[], "probe:1").last, None);
    }

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
