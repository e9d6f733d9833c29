//! Seam: the security controls that surround a scan, and the witness that they hold.

use async_trait::async_trait;

use crate::{evidence::AuditCheck, plan::PlannedControl};

pub use crate::evidence::Evidence;

/// Why a stage of a control failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// What went wrong, for a reader.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What the failure means for the scan.
    pub effect: ControlEffect,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the failure of a control means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlEffect {
    /// The control does not hold: the target is not touched, or cleanup is not proven.
    NotHeld,
    /// The control does not hold, or that cannot be seen, and the scan was told to go on without
    /// it: the report says so. Only [`SecurityControl::verify`] may say this.
    Tolerated,
    /// The cluster does not have what the control is about, as most do not, and it is an addition to the
    /// others: that is told as evidence, and the scan goes on unless the control is required. Only
    /// [`SecurityControl::verify`] may say this.
    Absent,
    /// The evidence that was gathered is about something else than the target: discard it.
    EvidenceInvalid,
}

/// Models one security control: planned, put in place, shown to hold, withdrawn, shown gone.
///
/// Stages run in the order of the methods. Each method may be called once per scan;
/// [`SecurityControl::release`] and [`SecurityControl::verify_release`] are called even when an
/// earlier stage failed or never ran, and must then release what may exist.
#[async_trait]
pub trait SecurityControl: Send + Sync {
    /// Stable identifier in kebab case.
    fn id(&self) -> &'static str;

    /// What it is and what it will do. Writes nothing.
    fn plan(&self) -> PlannedControl;

    /// Puts the control in place.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be put in place; everything is then released.
    async fn enforce(&self) -> Result<Evidence, ControlError>;

    /// Shows from the server's side that the control holds. Runs after all are enforced.
    ///
    /// # Errors
    ///
    /// Fails when it does not hold; the target is then not touched.
    async fn verify(&self) -> Result<Evidence, ControlError>;

    /// Withdraws what is not needed any more once all streams are open.
    ///
    /// # Errors
    ///
    /// Fails when it could not be withdrawn; the scan then stops.
    async fn seal(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }

    /// Removes what the control made. Does not fail when that is already gone.
    ///
    /// # Errors
    ///
    /// Fails when something may be left.
    async fn release(&self) -> Result<Evidence, ControlError>;

    /// Shows that everything the control made is gone.
    ///
    /// # Errors
    ///
    /// Fails when something is left, or when that could not be seen.
    async fn verify_release(&self) -> Result<Evidence, ControlError>;

    /// What this control can show once all are released, for the post-scan audit. Makes no calls.
    fn aftermath(&self) -> Vec<AuditCheck> {
        Vec::new()
    }
}

/// Witness that every control of a scan was enforced and verified.
///
/// Only the control stage of [`crate::Pipeline`] makes one, after all of
/// [`SecurityControl::enforce`] and [`SecurityControl::verify`] succeeded, or failed in a way that
/// the scan was told to tolerate.
#[derive(Debug)]
pub struct EnforcedControls {
    ids: Vec<&'static str>,
}

impl EnforcedControls {
    /// Identifiers of the controls that hold, in order of enforcement.
    pub fn ids(&self) -> &[&'static str] {
        &self.ids
    }

    /// Called by the control stage alone: `grep assertion` lists every place that claims it.
    pub(crate) fn assertion(ids: Vec<&'static str>) -> Self {
        Self { ids }
    }
}
