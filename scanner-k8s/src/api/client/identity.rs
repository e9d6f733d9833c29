//! The scan's identity, and the narrow views of it.

use std::sync::Arc;

use kube::Client;
use scanner_core::target::{Namespace, PodName};
use secrecy::SecretString;

use super::{CanaryClient, ReviewClient, ScanClient, review::Spelling};

/// A client with the scan's own token and nothing else. Does nothing itself: see its views.
#[derive(Clone)]
pub struct ScanIdentity {
    client: Client,
    /// Sends the token in another spelling, where it has one.
    review: Option<Spelling>,
    /// Clients that each send the token in a spelling that the server has not seen.
    fresh: Vec<Client>,
    /// Its token is looked for as long as this is held.
    needle: Arc<SecretString>,
}

impl ScanIdentity {
    /// An identity that sends its token as it was issued through `client`, and in its other spellings through `others`.
    pub(in crate::api) fn new(
        client: Client,
        mut others: Vec<Client>,
        needle: Arc<SecretString>,
    ) -> Self {
        let review = others.pop().map(Spelling::new);
        Self {
            client,
            review,
            fresh: others,
            needle,
        }
    }

    /// The reviews that are allowed before any control was verified.
    pub(crate) fn review(&self) -> ReviewClient {
        ReviewClient::new(self.client.clone(), self.review.clone())
    }

    /// The same with the token as it was issued, which the server may remember.
    pub(crate) fn original(&self) -> ReviewClient {
        ReviewClient::new(self.client.clone(), None)
    }

    /// Reviews in spellings that the server has not seen; none where it did not accept the one that was tried.
    pub(crate) fn fresh(&self) -> Vec<ReviewClient> {
        if !self.review.as_ref().is_some_and(Spelling::was_accepted) {
            return Vec::new();
        }
        let fresh = self.fresh.iter().cloned();
        fresh
            .map(|client| ReviewClient::new(client, None))
            .collect()
    }

    /// The client for the scan's own pod before anything else runs there.
    pub(crate) fn canary(&self, namespace: Namespace, own_pod: PodName) -> CanaryClient {
        CanaryClient::new(self.client.clone(), namespace, own_pod)
    }

    /// The client that touches the target. Its one caller checks the witness that all controls hold.
    pub(crate) fn scan(&self) -> ScanClient {
        ScanClient::new(self.client.clone(), Arc::clone(&self.needle))
    }
}
