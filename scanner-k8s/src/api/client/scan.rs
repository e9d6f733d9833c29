//! The scan's identity as it touches a target.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use scanner_core::Target;
use secrecy::SecretString;

use crate::api::{
    call::{CallError, call},
    exec::{self, ExecError, ExecStream, Place},
};

/// The scan's own identity in the target's pod. The only type that can exec into a target.
#[derive(Clone)]
pub struct ScanClient {
    client: Client,
    #[expect(dead_code, reason = "its token is looked for as long as it is held")]
    needle: Arc<SecretString>,
}

impl ScanClient {
    pub(crate) fn new(client: Client, needle: Arc<SecretString>) -> Self {
        Self { client, needle }
    }

    /// Opens an exec of `argv` in `target`.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it. Does not fail when the command does not exist: the run does.
    pub async fn exec(&self, target: &Target, argv: &[&str]) -> Result<ExecStream, ExecError> {
        let place = Place {
            namespace: target.namespace.as_str(),
            pod: target.pod.as_str(),
            container: target.container.as_str(),
        };
        exec::open(&self.client, format!("exec into {target}"), place, argv).await
    }

    /// Adds an ephemeral container to `target`'s pod, and gives the pod as it then is.
    pub(crate) async fn add_ephemeral_container(
        &self,
        target: &Target,
        container: &serde_json::Value,
    ) -> Result<Pod, CallError> {
        let patch = serde_json::json!({"spec": {"ephemeralContainers": [container]}});
        let pods = Api::<Pod>::namespaced(self.client.clone(), target.namespace.as_str());
        call(
            format!("add an ephemeral container to {target}"),
            pods.patch_ephemeral_containers(
                target.pod.as_str(),
                &PatchParams::default(),
                &Patch::Strategic(&patch),
            ),
        )
        .await
    }
}
