//! The controls that surround every scan, in order of enforcement.

mod admission_guard;
mod credential;
mod lease;
mod least_privilege;
mod target_pin;

use std::sync::Arc;

use scanner_core::SecurityControl;

use crate::run::session::Session;

/// Every control of a scan: lease first, so that all else is owned by it from its creation.
pub fn all(session: &Arc<Session>) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(lease::Lease(Arc::clone(session))),
        Box::new(least_privilege::LeastPrivilege(Arc::clone(session))),
        Box::new(credential::SingleUseCredential(Arc::clone(session))),
        Box::new(admission_guard::AdmissionGuard(Arc::clone(session))),
        Box::new(target_pin::TargetPin(Arc::clone(session))),
    ]
}

/// The lease, and an identity with its credential, without any claim on what it may do.
pub(crate) fn identity(session: &Arc<Session>) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(lease::Lease(Arc::clone(session))),
        Box::new(least_privilege::LeastPrivilege(Arc::clone(session))),
        Box::new(credential::SingleUseCredential(Arc::clone(session))),
    ]
}
