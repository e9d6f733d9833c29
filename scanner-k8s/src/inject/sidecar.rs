//! What is added to a pod template: one hardened container and what it needs, no more.

use k8s_openapi::api::core::v1::PodSpec;

use super::edit::{Addition, Step};
use crate::names::SIDECAR_LABEL;
use crate::pod::access_planner::ProbeContext;
use crate::pod::injected::{Injected, NO_TOKEN, quoted};

/// What one pod template gets.
#[derive(Debug)]
pub(super) struct Sidecar<'a> {
    /// Container that it looks at.
    pub(super) target: &'a str,
    pub(super) image: &'a str,
    pub(super) context: &'a ProbeContext,
    /// Whether the pod ends when its containers have ended: the sidecar must not keep it running.
    pub(super) ends: bool,
}

impl Sidecar<'_> {
    /// Everything that is added to the template at `path` of a document.
    pub(super) fn additions(
        &self,
        document: usize,
        path: &[Step],
        template: &serde_json::Value,
        spec: &PodSpec,
    ) -> Vec<Addition> {
        let mut all = Vec::new();
        let mut add = |below: &[&'static str], text: String| {
            let mut path = path.to_vec();
            path.extend(below.iter().map(|key| Step::Key(key)));
            all.push(Addition {
                document,
                path,
                text,
            });
        };
        let label = format!("{SIDECAR_LABEL}: {}\n", quoted(self.target));
        match (&template["metadata"], &template["metadata"]["labels"]) {
            (_, serde_json::Value::Object(_)) => add(&["metadata", "labels"], label),
            (serde_json::Value::Object(_), _) => {
                add(&["metadata"], format!("labels:\n  {label}"));
            }
            _ => add(&[], format!("metadata:\n  labels:\n    {label}")),
        }
        if spec.share_process_namespace.is_none() {
            add(&["spec"], "shareProcessNamespace: true\n".into());
        }
        // The server mounts a token in every container that has no mount at its place.
        let token = spec.automount_service_account_token != Some(false);
        let mut list = |key: &'static str, there: bool, item: String| {
            if there {
                add(&["spec", key], item);
            } else {
                add(&["spec"], format!("{key}:\n{item}"));
            }
        };
        let has = |key: &str| template["spec"].get(key).is_some();
        if token {
            let volume = format!("- name: {NO_TOKEN}\n  emptyDir:\n    sizeLimit: 1Mi\n");
            list("volumes", has("volumes"), volume);
        }
        let key = if self.ends {
            "initContainers"
        } else {
            "containers"
        };
        let container = Injected {
            image: self.image,
            context: self.context,
            ends: self.ends,
            token,
        };
        list(key, has(key), container.text());
        all
    }
}
