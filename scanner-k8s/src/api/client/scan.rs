//! The scan's identity as it touches a target.

use std::{sync::Arc, time::Duration};

use kube::Client;
use scanner_core::Target;
use secrecy::SecretString;
use tokio::time::sleep;

use crate::api::{
    call::{CallError, CallErrorKind, ForbiddenBy},
    exec::{self, ExecError, ExecErrorKind, ExecStream, Place},
    tunnel::{self, ExecAsked, Tunnel},
};

/// Pauses before an exec that was refused is asked for again, in milliseconds.
const PAUSES: [u64; 4] = [100, 400, 1000, 2000];

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
        let place = place(target);
        let open = || exec::open(&self.client, format!("exec into {target}"), place, argv);
        patiently(open, is_refused).await
    }

    /// Opens an exec in `target` as another program asks for it, whose bytes are then handed on as they are.
    ///
    /// # Errors
    ///
    /// Fails as [`ScanClient::exec`] does.
    pub(crate) async fn tunnel(
        &self,
        target: &Target,
        asked: &ExecAsked,
    ) -> Result<Tunnel, CallError> {
        let place = place(target);
        let open = || tunnel::open(&self.client, format!("exec into {target}"), place, asked);
        patiently(open, is_unknown).await
    }
}

/// Tries again while `is_early`: another API server than the one that listed the rights may answer, which learns of the
/// binding a moment later. Nothing ran.
async fn patiently<T, E, F: Future<Output = Result<T, E>>>(
    mut open: impl FnMut() -> F,
    is_early: fn(&E) -> bool,
) -> Result<T, E> {
    for pause in PAUSES {
        match open().await {
            Err(error) if is_early(&error) => sleep(Duration::from_millis(pause)).await,
            opened => return opened,
        }
    }
    open().await
}

fn place(target: &Target) -> Place<'_> {
    Place {
        namespace: target.namespace.as_str(),
        pod: target.pod.as_str(),
        container: target.container.as_str(),
    }
}

/// Whether the server does not know the identity or its rights yet, as opposed to a refusal by admission.
fn is_unknown(error: &CallError) -> bool {
    matches!(
        error.kind(),
        CallErrorKind::Unauthorized
            | CallErrorKind::Forbidden {
                by: ForbiddenBy::Rbac
            }
    )
}

/// The same for an exec of the scan itself.
fn is_refused(error: &ExecError) -> bool {
    matches!(
        error.kind(),
        ExecErrorKind::NotOpened(CallErrorKind::Unauthorized)
            | ExecErrorKind::Forbidden {
                by: ForbiddenBy::Rbac
            }
    )
}
