//! The controls that surround every scan, in order of enforcement.

mod admission_guard;
mod credential;
mod lease;
mod least_privilege;
mod target_agrees;
mod target_pin;

use std::sync::Arc;

use scanner_core::SecurityControl;

use crate::{pod::agreement::Agreement, run::scope::ScanScope};

/// Every control of a scan: lease first, so that all else is owned by it from its creation.
pub fn all(scope: &Arc<ScanScope>) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(lease::Lease(Arc::clone(scope))),
        least_privilege(scope, true),
        Box::new(credential::SingleUseCredential::new(scope)),
        Box::new(admission_guard::AdmissionGuard(Arc::clone(scope))),
        Box::new(target_pin::TargetPin(Arc::clone(scope))),
    ]
}

/// The lease, and an identity with its credential, without any claim on what it may do.
pub(crate) fn identity(scope: &Arc<ScanScope>) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(lease::Lease(Arc::clone(scope))),
        least_privilege(scope, false),
        Box::new(credential::SingleUseCredential::new(scope)),
    ]
}

/// What answers agrees with what is stated of the target.
pub(crate) fn target_agrees(agreement: &Arc<Agreement>) -> Box<dyn SecurityControl> {
    Box::new(target_agrees::TargetAgrees(Arc::clone(agreement)))
}

fn least_privilege(scope: &Arc<ScanScope>, exactly: bool) -> Box<dyn SecurityControl> {
    Box::new(least_privilege::LeastPrivilege {
        scope: Arc::clone(scope),
        exactly,
    })
}
