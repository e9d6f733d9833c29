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

    /// Puts every control in place and gives the scan identity its rights.
    ///
    /// # Errors
    ///
    /// Fails as the first control that fails.
    pub async fn enforce(&self) -> Result<(), ControlError> {
        for control in &self.controls {
            control.enforce(&self.scope()).await?;
        }
        for control in &self.controls {
            control.grant(&self.scope()).await?;
        }
        Ok(())
    }

    /// Verifies every control. The lab has no admission guard, which is no failure of the others.
    ///
    /// # Errors
    ///
    /// Fails as the first control that does not hold.
    pub async fn verify(&self) -> Result<(), VerifyError> {
        for control in &self.controls {
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
