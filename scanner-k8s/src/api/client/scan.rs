//! The scan's identity as it touches a target.

use std::sync::Arc;

use kube::Client;
use scanner_core::Target;
use secrecy::SecretString;

use crate::api::exec::{self, ExecError, ExecStream, Place};

/// The scan's own identity in the target's pod. The only type that can exec into a target.
#[derive(Clone)]
pub struct ScanClient {
    client: Client,
    #[expect(dead_code, reason = "its token is looked for as long as it is held")]
    needle: Arc<SecretString>,
}

impl ScanClient {
    pub(super) fn new(client: Client, needle: Arc<SecretString>) -> Self {
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
}
