//! What is planned for a trial.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use scanner_core::{Target, plan::PlannedCommand, target::Namespace};
use serde_json::{Value, json};

use super::request::{Attempt, at, attempt, built};
use crate::plan::limits::exec_request;

type Http = http::Request<Vec<u8>>;

/// What is planned for a trial: one command and one probe.
pub(in crate::guard) struct Planned {
    pub(in crate::guard) target: Target,
    /// Namespace of the identity.
    pub(in crate::guard) home: Namespace,
    /// Name of the identity.
    pub(in crate::guard) account: String,
    pub(in crate::guard) command: PlannedCommand,
    pub(in crate::guard) probe: Value,
    /// A volume that the pod has.
    pub(in crate::guard) volume: String,
}

impl Planned {
    pub(super) fn argv(&self) -> Vec<&str> {
        self.command.argv.iter().map(String::as_str).collect()
    }

    pub(super) fn exec(&self, container: &str, argv: &[&str]) -> kube::Result<Http> {
        exec_request(&self.target, container, argv, false)
    }

    pub(super) fn ephemeral(&self, entries: &[Value]) -> kube::Result<Http> {
        let patch = json!({"spec": {"ephemeralContainers": entries}});
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let request = at::<Pod>(&self.target.namespace);
        let pod = self.target.pod.as_str();
        built(request.patch_subresource(
            "ephemeralcontainers",
            pod,
            &params,
            &Patch::Strategic(patch),
        ))
    }

    /// The planned probe with another value at `pointer`.
    pub(super) fn other(&self, pointer: &[&str], value: Value) -> kube::Result<Http> {
        let mut probe = self.probe.clone();
        let mut place = &mut probe;
        for key in pointer {
            place = &mut place[*key];
        }
        *place = value;
        self.ephemeral(&[probe])
    }

    /// What must be allowed.
    pub(in crate::guard) fn allowed(&self) -> [Attempt; 2] {
        [
            attempt(
                "the planned command",
                self.exec(&self.command.container, &self.argv()),
            ),
            attempt(
                "the planned probe",
                self.ephemeral(std::slice::from_ref(&self.probe)),
            ),
        ]
    }
}
