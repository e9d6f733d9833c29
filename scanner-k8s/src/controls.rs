//! The controls that surround every scan, in order of enforcement.

mod admission_guard;
pub mod catalogue;
mod credential;
mod everyones_rights;
mod identity_exclusive;
mod identity_watch;
mod lease;
mod lease_intact;
mod least_privilege;
mod rights;
mod target_agrees;
mod target_pin;
mod token_death;

use std::sync::Arc;

use scanner_core::SecurityControl;

use crate::{pod::agreement::Agreement, run::scope::ScanScope};

/// Every control of a scan: lease first, so that all else is owned by it from its creation.
pub fn all(scope: &Arc<ScanScope>) -> Vec<Box<dyn SecurityControl>> {
    let mut all: Vec<Box<dyn SecurityControl>> = vec![
        Box::new(lease::Lease(Arc::clone(scope))),
        Box::new(lease_intact::LeaseIntact::new(scope)),
        Box::new(identity_watch::IdentityWatch::new(scope)),
    ];
    if scope.plan().identity_namespace.is_some() {
        all.push(Box::new(identity_exclusive::IdentityExclusive(Arc::clone(
            scope,
        ))));
    }
    all.extend([
        least_privilege(scope, true),
        Box::new(credential::SingleUseCredential::new(scope)),
        Box::new(everyones_rights::EveryonesRights(Arc::clone(scope))),
        Box::new(admission_guard::AdmissionGuard::new(scope)),
        Box::new(target_pin::TargetPin(Arc::clone(scope))),
    ] as [Box<dyn SecurityControl>; 5]);
    all
}

/// The lease, and an identity with its credential, without any claim on what it may do.
pub(crate) fn identity(scope: &Arc<ScanScope>) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(lease::Lease(Arc::clone(scope))),
        least_privilege(scope, false),
        Box::new(credential::SingleUseCredential::new(scope)),
    ]
}

/// The control that compares the agent's answer with what the node and the specification state about the target.
pub(crate) fn target_agrees(agreement: &Arc<Agreement>) -> Box<dyn SecurityControl> {
    Box::new(target_agrees::TargetAgrees(Arc::clone(agreement)))
}

fn least_privilege(scope: &Arc<ScanScope>, exactly: bool) -> Box<dyn SecurityControl> {
    Box::new(least_privilege::LeastPrivilege {
        scope: Arc::clone(scope),
        exactly,
    })
}
