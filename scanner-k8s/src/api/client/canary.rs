//! The scan's identity as it looks into the scan's own pod, before the controls are shown to hold.

use kube::Client;
use scanner_core::target::{ContainerName, Namespace, PodName};

use crate::api::exec::{self, ExecError, ExecStream, Place};

/// Can exec into one pod, which is the scan's own, and do nothing else.
pub struct CanaryClient {
    client: Client,
    namespace: Namespace,
    own_pod: PodName,
}

impl CanaryClient {
    pub(super) fn new(client: Client, namespace: Namespace, own_pod: PodName) -> Self {
        Self {
            client,
            namespace,
            own_pod,
        }
    }

    /// Opens an exec of `argv` in a container of the scan's own pod.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it.
    pub async fn exec(
        &self,
        container: &ContainerName,
        argv: &[&str],
    ) -> Result<ExecStream, ExecError> {
        let place = Place {
            namespace: self.namespace.as_str(),
            pod: self.own_pod.as_str(),
            container: container.as_str(),
        };
        let what = format!("exec into {}/{}/{container}", self.namespace, self.own_pod);
        exec::open(&self.client, what, place, argv).await
    }
}
