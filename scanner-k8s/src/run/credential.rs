//! The scan's own identity while it lives: which use of it needs which witness, and whether the server refused it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use scanner_core::{
    ControlError, EnforcedControls,
    plan::ScanId,
    target::{Namespace, PodName},
};
use tokio::time::Instant;

use crate::api::client::{CanaryClient, ReviewClient, ScanClient, ScanIdentity};

/// The identity of one scan. Each use of it is a client of its own type; the one that touches the target needs
/// [`EnforcedControls`] of this scan.
pub struct Credential {
    scan: ScanId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    identity: Option<ScanIdentity>,
    /// When the token was last sent, in whatever spelling.
    used: Option<Instant>,
    /// How the server was seen to refuse the token.
    refused: Option<String>,
}

impl Credential {
    pub(super) fn new(scan: ScanId) -> Self {
        Self {
            scan,
            state: Mutex::default(),
        }
    }

    /// Keeps the identity that the credential control made.
    pub(crate) fn set(&self, identity: ScanIdentity) {
        self.state().identity = Some(identity);
    }

    /// Whether there ever was a token.
    pub(crate) fn exists(&self) -> bool {
        self.state().identity.is_some()
    }

    /// Notes that the token may have been sent until now.
    pub(crate) fn note_used(&self) {
        self.state().used = Some(Instant::now());
    }

    /// When the token was last sent.
    pub(crate) fn used(&self) -> Option<Instant> {
        self.state().used
    }

    /// Notes how the server was seen to refuse the token.
    pub(crate) fn note_refused(&self, how: &str) {
        self.state().refused = Some(how.to_owned());
    }

    /// How the server was seen to refuse the token, if it was.
    pub(crate) fn refused(&self) -> Option<String> {
        self.state().refused.clone()
    }

    /// Reviews in spellings of the token that the server has not seen; none where it does not take them.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential.
    pub(crate) fn fresh(&self) -> Result<Vec<ReviewClient>, ControlError> {
        Ok(self.identity()?.fresh())
    }

    /// A review with the token as it came.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential.
    pub(crate) fn original(&self) -> Result<ReviewClient, ControlError> {
        Ok(self.identity()?.original())
    }

    /// The identity as it asks what it may do, and tries what must be refused.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential yet.
    pub fn review(&self) -> Result<ReviewClient, ControlError> {
        self.note_used();
        Ok(self.identity()?.review())
    }

    /// The identity as it looks into the scan's own pod, before that runs anything else.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential yet.
    pub(crate) fn canary(
        &self,
        namespace: Namespace,
        own_pod: PodName,
    ) -> Result<CanaryClient, ControlError> {
        Ok(self.identity()?.canary(namespace, own_pod))
    }

    /// The identity as it touches the target: needs the witness that every control of this scan holds.
    ///
    /// # Errors
    ///
    /// Fails when the controls are those of another scan, or when there is no credential.
    pub fn scan_client(&self, controls: &EnforcedControls) -> Result<ScanClient, ControlError> {
        self.check(controls)?;
        self.note_used();
        Ok(self.identity()?.scan())
    }

    fn check(&self, controls: &EnforcedControls) -> Result<(), ControlError> {
        if controls.is_of(&self.scan) {
            return Ok(());
        }
        let scan = &self.scan;
        Err(ControlError::new(format!(
            "these controls do not surround scan {scan}"
        )))
    }

    fn identity(&self) -> Result<ScanIdentity, ControlError> {
        let identity = self.state().identity.clone();
        identity.ok_or_else(|| ControlError::new("the scan has no credential"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
