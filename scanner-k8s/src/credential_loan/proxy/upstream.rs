//! The way of a proxy to the API server.

use async_trait::async_trait;
use scanner_core::Target;

use crate::api::{
    call::CallError,
    client::ScanClient,
    tunnel::{ExecAsked, Tunnel},
};

/// Opens execs in the container of the loan.
#[async_trait]
pub(in crate::credential_loan) trait Upstream: Send + Sync {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it or does not answer.
    async fn open(&self, asked: &ExecAsked) -> Result<Tunnel, CallError>;
}

/// Asks the API server as the identity of the loan. No program gets that identity.
pub(in crate::credential_loan) struct ApiServer {
    pub(in crate::credential_loan) client: ScanClient,
    pub(in crate::credential_loan) target: Target,
}

#[async_trait]
impl Upstream for ApiServer {
    async fn open(&self, asked: &ExecAsked) -> Result<Tunnel, CallError> {
        self.client.tunnel(&self.target, asked).await
    }
}
