//! What is added to a pod template: one hardened container and what it needs, no more.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::PodSpec;

use super::edit::{Addition, Step};
use crate::names::PROBE_PROGRAM;
use crate::names::{SIDECAR_CONTAINER, SIDECAR_LABEL};
use crate::pod::{access_planner::ProbeContext, facts::TOKEN_MOUNT};

/// Name of the empty volume that keeps the service account's token from the sidecar.
pub(super) const NO_TOKEN: &str = "secure-scan-no-token";

/// What one pod template gets.
#[derive(Debug)]
pub(super) struct Sidecar<'a> {
    /// Container that it looks at.
    pub(super) target: &'a str,
    pub(super) image: &'a str,
    pub(super) context: &'a ProbeContext,
    /// The pod ends when its containers have ended: the sidecar must not keep it.
    pub(super) ends: bool,
}

/// A text as JSON, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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
        list(key, has(key), self.container(token));
        all
    }

    /// The container, as an item of a list.
    fn container(&self, token: bool) -> String {
        let mut text = format!(
            "- name: {SIDECAR_CONTAINER}\n  image: {}\n  imagePullPolicy: IfNotPresent\n  command: [{}, serve]\n",
            quoted(self.image),
            PROBE_PROGRAM
        );
        if self.ends {
            text.push_str("  restartPolicy: Always\n");
        }
        // Requests are limits, so that a pod of class Guaranteed stays one.
        text.push_str(
            "  resources:\n    requests: {cpu: 100m, memory: 64Mi}\n    limits: {cpu: 100m, memory: 64Mi}\n",
        );
        let ProbeContext { uid, gid, .. } = self.context;
        let lists = [
            ("drop", self.context.dropped()),
            ("add", self.context.add.clone()),
        ];
        let lists: Vec<String> = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(field, names)| format!("{field}: [{}]", names.join(", ")))
            .collect();
        let capabilities = match lists.as_slice() {
            [] => String::new(),
            lists => format!("    capabilities: {{{}}}\n", lists.join(", ")),
        };
        let _ = write!(
            text,
            "  securityContext:\n    runAsUser: {uid}\n    runAsGroup: {gid}\n    runAsNonRoot: {}\n\
             {capabilities}    allowPrivilegeEscalation: false\n    readOnlyRootFilesystem: true\n    \
             seccompProfile: {{type: RuntimeDefault}}\n",
            *uid != 0
        );
        if token {
            let _ = write!(
                text,
                "  volumeMounts:\n  - name: {NO_TOKEN}\n    mountPath: {TOKEN_MOUNT}\n    readOnly: true\n"
            );
        }
        text
    }
}
