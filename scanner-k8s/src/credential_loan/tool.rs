//! Seam: a program that is given access.

use async_trait::async_trait;
use secrecy::SecretString;

/// A program that accepts a kubeconfig.
#[async_trait]
pub trait Tool: Send + Sync {
    /// How a reader knows it; no secrets.
    fn name(&self) -> String;

    /// Runs it with the kubeconfig of its proxy, which has no token, and gives its exit code. Dropping the future ends it;
    /// whatever goes on running nevertheless has no access any more.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be run.
    async fn run(&self, kubeconfig: SecretString) -> Result<i32, ToolError>;
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ToolError {
    /// What went wrong, for a reader.
    pub message: String,
}

impl ToolError {
    /// A program that could not be run.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}
