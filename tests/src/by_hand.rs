//! The controls of a scan, driven stage by stage, for what a test does while they are in place.

use std::sync::Arc;

use scanner_core::{
    ControlScope, SecurityControl,
    alert::Alerts,
    control::{ControlError, VerifyError},
};
use scanner_k8s::{ScanScope, controls};

/// The controls of one scan, in the order of the control stage and without a look into the target. They give no
/// witness, so nothing can exec into the target by them.
pub struct ByHand {
    scan: Arc<ScanScope>,
    controls: Vec<Box<dyn SecurityControl>>,
    alerts: Alerts,
}

impl ByHand {
    /// The shipped controls of that scan; nothing is created yet.
    pub fn new(scan: &Arc<ScanScope>) -> Self {
        Self {
            scan: Arc::clone(scan),
            controls: controls::all(scan),
            alerts: Alerts::default(),
        }
    }

    fn scope(&self) -> ControlScope<'_> {
        ControlScope::new(self.scan.plan(), None, &self.alerts)
    }

    /// Puts every control in place, verifies those that can be before the scan identity has its rights, and gives it
    /// these.
    ///
    /// # Errors
    ///
    /// Fails as the first control that fails.
    pub async fn enforce(&self) -> Result<(), VerifyError> {
        for control in &self.controls {
            control.enforce(&self.scope()).await?;
        }
        self.verify_those(|control| !control.verifies_access())
            .await?;
        for control in &self.controls {
            control.grant(&self.scope()).await?;
        }
        Ok(())
    }

    /// Verifies the controls that need the scan identity to have its rights. The lab has no admission guard, which is no
    /// failure of the others.
    ///
    /// # Errors
    ///
    /// Fails as the first control that does not hold.
    pub async fn verify(&self) -> Result<(), VerifyError> {
        self.verify_those(|control| control.verifies_access()).await
    }

    async fn verify_those(
        &self,
        which: impl Fn(&dyn SecurityControl) -> bool,
    ) -> Result<(), VerifyError> {
        let controls = self.controls.iter().map(AsRef::as_ref);
        for control in controls.filter(|control| which(*control)) {
            match control.verify(&self.scope()).await {
                Ok(_) | Err(VerifyError::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Releases every control, the last first.
    ///
    /// # Errors
    ///
    /// Fails as the first control that fails.
    pub async fn release(&self) -> Result<(), ControlError> {
        for control in self.controls.iter().rev() {
            control.release(&self.scope()).await?;
        }
        Ok(())
    }
}
