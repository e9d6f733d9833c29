//! Errors of calls to the API server, with what to do next.

use std::time::Duration;

use scanner_core::{ControlError, cause::chain, control::ControlEffect, escape::visible};

use crate::api::admission_hints;

/// Longest time that one call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A call to the API server that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct CallError {
    /// What was tried, such as `create Job secure-scan-ab12`.
    pub what: String,
    /// Why it failed.
    #[source]
    pub cause: CallCause,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallCause {
    /// No answer in time.
    #[error("no answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// The server answered with a failure, or could not be reached.
    #[error("{0}")]
    Server(String, Option<u16>),
}

impl CallError {
    /// HTTP status code of the server's answer, if it gave one.
    pub fn code(&self) -> Option<u16> {
        match &self.cause {
            CallCause::Server(_, code) => *code,
            CallCause::Timeout => None,
        }
    }

    /// Whether the same call may well succeed a moment later.
    fn passes(&self) -> bool {
        matches!(self.cause, CallCause::Server(_, None | Some(429 | 500..)))
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        if let (CallCause::Server(message, _), Some(400 | 403 | 422)) = (&self.cause, self.code())
            && let Some(hint) = admission_hints::of(message)
        {
            return Some(hint.to_owned());
        }
        // The API server passes it on to the kubelet of the pod's node.
        let by_node = self.what.starts_with("exec into");
        let text = match self.code() {
            None | Some(500..) if by_node => {
                "the pod's node did not answer the API server: see that it is Ready (kubectl get nodes), and try again"
            }
            Some(401) => "the credentials are expired or unknown to this cluster: log in again",
            Some(403) => {
                "ask an administrator for the verb and resource named above, in this namespace"
            }
            Some(404) => "check the name and the namespace",
            Some(429 | 500..) => "the API server is busy or failing: try again",
            Some(_) => {
                "try again; if it stays so, look for an admission webhook or a proxy that answers"
            }
            None => "check that the API server of this context is running and reachable",
        };
        Some(text.to_owned())
    }

    /// This failure as the failure of a control.
    pub fn of_control(self) -> ControlError {
        ControlError {
            message: "the API server refused or failed".into(),
            hint: self.hint(),
            effect: ControlEffect::NotHeld,
            source: Some(Box::new(self)),
        }
    }
}

/// Waits for one call, at most [`CALL_TIMEOUT`].
///
/// # Errors
///
/// Fails when the server refuses, fails, or does not answer in time.
pub async fn call<T>(
    what: impl Into<String>,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, CallError> {
    let cause = match tokio::time::timeout(CALL_TIMEOUT, request).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(kube::Error::Api(status))) => {
            CallCause::Server(visible(&status.message, 600), Some(status.code))
        }
        Ok(Err(error)) => CallCause::Server(visible(&chain(&error), 600), None),
        Err(_) => CallCause::Timeout,
    };
    Err(CallError {
        what: what.into(),
        cause,
    })
}

/// The same for reading and deleting, which do no harm a second time: a server that is busy or
/// failing is asked up to three times.
///
/// # Errors
///
/// Fails as [`call`] does. One that does not answer in time is not asked again.
pub(crate) async fn insist<T, R>(
    what: String,
    mut request: impl FnMut() -> R,
) -> Result<T, CallError>
where
    R: Future<Output = kube::Result<T>>,
{
    for pause in [500, 1000] {
        match call(what.clone(), request()).await {
            Err(error) if error.passes() => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            settled => return settled,
        }
    }
    call(what, request()).await
}
