//! The scan's identity, and the narrow views of it.

use std::sync::Arc;

use kube::Client;
use scanner_core::target::{Namespace, PodName};
use secrecy::SecretString;

use super::{CanaryClient, ReviewClient, ScanClient};

/// A client with the scan's own token and nothing else. Does nothing itself: see its views.
#[derive(Clone)]
pub struct ScanIdentity {
    client: Client,
    /// Its token is looked for as long as this is held.
    needle: Arc<SecretString>,
}

impl ScanIdentity {
    pub(in crate::api) fn new(client: Client, needle: Arc<SecretString>) -> Self {
        Self { client, needle }
    }

    /// What may be asked before anything is shown to hold.
    pub(crate) fn review(&self) -> ReviewClient {
        ReviewClient::new(self.client.clone())
    }

    /// What may be asked of the scan's own pod before anything else runs there.
    pub(crate) fn canary(&self, namespace: Namespace, own_pod: PodName) -> CanaryClient {
        CanaryClient::new(self.client.clone(), namespace, own_pod)
    }

    /// The client that touches the target. Its one caller checks the witness that all controls hold.
    pub(crate) fn scan(&self) -> ScanClient {
        ScanClient::new(self.client.clone(), Arc::clone(&self.needle))
    }
}
