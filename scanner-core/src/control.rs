//! Seam: the security controls that surround a scan.
//!
//! A control is planned, put in place, shown to hold, withdrawn when the streams are open, released and shown to be
//! gone. [`guarded`](crate::guarded) calls it; a third party implements it and gives it to a scan beside the shipped
//! ones:
//!
//! ```
//! use async_trait::async_trait;
//! use scanner_core::{
//!     control::{ControlError, ControlScope, Phase, ReleaseError, SecurityControl, VerifyError},
//!     evidence::Evidence,
//!     plan::PlannedControl,
//! };
//!
//! /// Refuses to scan outside of office hours.
//! struct OfficeHours;
//!
//! #[async_trait]
//! impl SecurityControl for OfficeHours {
//!     fn id(&self) -> &str {
//!         "acme-office-hours"
//!     }
//!     fn phase(&self) -> Phase {
//!         Phase::BeforeIdentity
//!     }
//!     fn plan(&self) -> PlannedControl {
//!         PlannedControl::new("acme-office-hours", "Scans run in office hours")
//!     }
//!     async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
//!         Ok(Evidence::of("it is Tuesday, 10:00"))
//!     }
//! }
//! ```

pub(crate) mod error;

use async_trait::async_trait;

use crate::{
    evidence::{AuditCheck, Evidence},
    plan::{Need, PlannedControl, PlannedObject},
};

pub use crate::scope::{ControlScope, CreatedObjects, ObjectRef, ScopeObjects};
pub use error::{ControlError, ReleaseError, VerifyError};

/// Where a control stands in the order of a scan.
///
/// `before_identity -> identity -> around_access -> [the operator adds a probe or a pod] -> access is granted
/// -> around_target -> the target is opened`. Within a phase, controls run in the order in which they were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The lease, which owns everything else. Only shipped controls have this phase.
    Lease,
    /// After the lease and before the scan has an identity: a ticket, a freeze window.
    BeforeIdentity,
    /// The identity and its credential. Only shipped controls have this phase.
    Identity,
    /// Once the identity exists and before it has any rights.
    #[default]
    AroundAccess,
    /// After the identity got its rights and before the target is opened.
    AroundTarget,
}

/// Models one security control.
///
/// Every method may be called once per scan. [`SecurityControl::release`] and
/// [`SecurityControl::verify_release`] are called even when an earlier stage failed or never ran, and must then release
/// what may exist. What a control creates through its [`ControlScope`] is deleted for it, and that is verified.
#[async_trait]
pub trait SecurityControl: Send + Sync {
    /// Stable identifier in kebab case. Identifiers of shipped controls are reserved; equal ones are refused.
    fn id(&self) -> &str;

    /// Where it stands in the order of a scan.
    fn phase(&self) -> Phase {
        Phase::default()
    }

    /// What it is and what it will do. Writes nothing.
    fn plan(&self) -> PlannedControl;

    /// What the operator must be allowed to do for it, beyond creating and deleting its objects. A missing right
    /// refuses the scan before anything is created.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Objects that it will create through its scope; they are part of the plan.
    fn objects(&self) -> Vec<PlannedObject> {
        Vec::new()
    }

    /// Puts the control in place, in its phase.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be put in place; everything is then released.
    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let _ = scope;
        Ok(Evidence::none())
    }

    /// Gives the scan identity the access that this control limits: the last thing made before the target is touched.
    /// Only the control of the identity makes anything here; another may begin what it verifies later.
    ///
    /// # Errors
    ///
    /// Fails when access cannot be given; everything is then released.
    async fn grant(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let _ = scope;
        Ok(Evidence::none())
    }

    /// Whether [`SecurityControl::verify`] needs the scan identity to have its access. Such a control is verified after
    /// the grant, every other one before it.
    fn verifies_access(&self) -> bool {
        self.phase() == Phase::AroundTarget
    }

    /// Shows that the control holds.
    ///
    /// # Errors
    ///
    /// Fails when it does not hold; the target is then not touched, unless the error says that the scan may go on
    /// without it.
    async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError>;

    /// Withdraws what is not needed any more once all streams are open.
    ///
    /// # Errors
    ///
    /// Fails when it could not be withdrawn; the scan then stops.
    async fn revoke(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let _ = scope;
        Ok(Evidence::none())
    }

    /// Removes what the control made beside the objects of its scope. Does not fail when that is already gone.
    ///
    /// # Errors
    ///
    /// Fails when something may be left.
    async fn release(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let _ = scope;
        Ok(Evidence::none())
    }

    /// Shows that everything that the control made is gone.
    ///
    /// # Errors
    ///
    /// Fails when something is left, or when that could not be seen.
    async fn verify_release(&self, scope: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let _ = scope;
        Ok(Evidence::none())
    }

    /// What this control can show once all controls are released, for the post-scan audit. Makes no calls.
    fn post_scan(&self) -> Vec<AuditCheck> {
        Vec::new()
    }
}

macro_rules! delegate {
    ($($type:ty),*) => {$(
        #[async_trait]
        impl<T: SecurityControl + ?Sized> SecurityControl for $type {
            fn id(&self) -> &str {
                (**self).id()
            }
            fn phase(&self) -> Phase {
                (**self).phase()
            }
            fn plan(&self) -> PlannedControl {
                (**self).plan()
            }
            fn needs(&self) -> Vec<Need> {
                (**self).needs()
            }
            fn objects(&self) -> Vec<PlannedObject> {
                (**self).objects()
            }
            async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
                (**self).enforce(scope).await
            }
            async fn grant(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
                (**self).grant(scope).await
            }
            fn verifies_access(&self) -> bool {
                (**self).verifies_access()
            }
            async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
                (**self).verify(scope).await
            }
            async fn revoke(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
                (**self).revoke(scope).await
            }
            async fn release(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
                (**self).release(scope).await
            }
            async fn verify_release(&self, scope: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
                (**self).verify_release(scope).await
            }
            fn post_scan(&self) -> Vec<AuditCheck> {
                (**self).post_scan()
            }
        }
    )*};
}

delegate!(std::sync::Arc<T>, Box<T>);
