//! Lease intact: nobody takes the lease away, changes it, or takes its objects from it, until the scan ends it itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
};

use crate::{
    api::object_watch::Watched,
    run::{
        background::Background,
        objects::changed::{LEASE_DISARMED, OBJECT_CHANGED, alerts},
        scope::ScanScope,
    },
};

/// Pause before a watch that the server refused is tried again.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct LeaseIntact {
    scope: Arc<ScanScope>,
    watching: Mutex<Vec<Background>>,
}

impl LeaseIntact {
    pub(super) fn new(scope: &Arc<ScanScope>) -> Self {
        Self {
            scope: Arc::clone(scope),
            watching: Mutex::default(),
        }
    }
}

#[async_trait]
impl SecurityControl for LeaseIntact {
    fn id(&self) -> &'static str {
        "lease-intact"
    }

    fn phase(&self) -> Phase {
        Phase::Lease
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "Nobody disarms the lease")
            .planning("the lease is watched until the scan ends it; who deletes or changes it is a security alert")
            .planning(
                "each object is deleted in the version that the scan made; one with other owners or contents is a security \
                 alert",
            )
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let watches = self.scope.leases().take();
        let names: Vec<String> = watches.iter().map(|w| w.last.name_any()).collect();
        let tasks = watches.into_iter().map(|watch| {
            let scope = Arc::clone(&self.scope);
            Background::spawn(async move { watch_lease(&scope, watch).await })
        });
        let tasks: Vec<Background> = tasks.collect();
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(Evidence::of(format!(
            "watching Job {}",
            names.join(" and ")
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of(
            "the watch goes on until the scan ends the lease",
        ))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let watching = {
            let mut held = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        for task in watching {
            task.stop().await;
        }
        let raised = self.scope.alerts().raised();
        if raised.iter().any(|alert| alert.id == LEASE_DISARMED) {
            return Ok(Evidence::of("the lease was disarmed: see the alert"));
        }
        if raised.iter().any(|alert| alert.id == OBJECT_CHANGED) {
            return Ok(Evidence::of(
                "nobody else changed the lease; what it owns was changed: see the alert",
            ));
        }
        Ok(Evidence::of(
            "nobody else changed the lease, or took an object from it, before the scan ended it",
        ))
    }
}

/// Looks at a lease until the scan ends it, or it is gone.
async fn watch_lease(scope: &ScanScope, mut watch: Watched<Job>) {
    loop {
        if watch.changed().await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        if scope.lease_is_over() {
            return;
        }
        // The scan deletes its lease in the version that it knows, so that the deletion notices other changes too.
        if scope.leases().is_ending()
            && (watch.gone || watch.last.metadata.deletion_timestamp.is_some())
        {
            return;
        }
        look(scope, &watch);
        if watch.gone {
            return;
        }
    }
}

/// Raises the alerts about a lease as it was just seen.
fn look(scope: &ScanScope, watch: &Watched<Job>) {
    let name = watch.last.name_any();
    let Some(made) = scope.ledger().made_of("Job", &name) else {
        return;
    };
    let mut found = alerts(
        scope.plan().scan_id.as_str(),
        None,
        &made,
        &watch.last,
        false,
    );
    if watch.gone && found.is_empty() {
        let message = format!("somebody else deleted Job {name}, the lease of this scan");
        found.push(SecurityAlert::new(LEASE_DISARMED, message));
    }
    if found.is_empty() {
        let version = watch.last.resource_version().unwrap_or_default();
        scope.ledger().note_version("Job", &name, &version);
    }
    for alert in found {
        scope.alerts().raise(alert);
    }
}
