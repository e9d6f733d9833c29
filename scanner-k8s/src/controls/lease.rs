//! The lease: the cluster itself ends everything that a scan created, even without us.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};

use crate::{
    api::{call::CallError, object_watch::Watched},
    plan::manifest,
    post_scan,
    run::scope::ScanScope,
};

/// How long a Job may take to start.
const START: Duration = Duration::from_secs(20);

pub(super) struct Lease(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for Lease {
    fn id(&self) -> &'static str {
        "lease"
    }

    fn phase(&self) -> Phase {
        Phase::Lease
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "Everything ends by itself").planning(format!(
                "Job {} without pods owns everything else; the cluster deletes all of it {} s after its start",
                self.0.name(),
                self.0.plan().lease_seconds
            ))
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let plan = self.0.plan();
        let job = manifest::lease(&plan.scan_id, self.0.namespace(), plan.lease_seconds);
        let made = self.0.create_object::<Job>(job).await?;
        let uid = made.uid().unwrap_or_default();
        // A job queue may hold a Job: nothing is created before the deadline runs.
        // From its creation on: a watch from "0" needs a storage feature that not every etcd has.
        let mut watch = Watched::new(self.0.operator_api(), "watch the lease", made);
        let started = watch.until(START, |seen| {
            seen.last.status.as_ref()?.start_time.as_ref()?;
            Some(seen.last.clone())
        });
        let started = started.await.map_err(CallError::of_control)?;
        let job = started.ok_or_else(|| {
            let seconds = START.as_secs();
            ControlError::new(format!("the lease did not start within {seconds} s")).with_remedy(Remedy::advice("a Job of this namespace must start: see that the cluster's Job controller works, and \
                     that no job queue (such as Kueue) holds Jobs that it does not know"
                        ))
        })?;
        let spec = job.spec.unwrap_or_default();
        let held = job.metadata.uid.as_deref() == Some(uid.as_str())
            && spec.suspend != Some(true)
            && spec.parallelism == Some(0)
            && spec.completions.is_none()
            && spec.active_deadline_seconds == Some(i64::from(plan.lease_seconds))
            && spec.ttl_seconds_after_finished == Some(0)
            && spec.managed_by.is_none();
        if !held {
            return Err(
                ControlError::new("the lease was changed by the cluster and may not end")
                    .with_remedy(Remedy::advice(
                        "an admission webhook may have changed the Job; exempt it",
                    )),
            );
        }
        Ok(Evidence::of(format!(
            "Job {} (uid {uid}) started; deadline {} s, read back unchanged",
            self.0.name(),
            plan.lease_seconds
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of(
            "its start was read back before anything else was created",
        ))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        if self.0.ledger().keeps_lease() {
            return Err(ControlError::new(
                "kept: when it ends, the cluster removes what could not be removed now",
            ));
        }
        Ok(Evidence::of(self.0.delete::<Job>().await?))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        Ok(Evidence::of(self.0.gone::<Job>().await?))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        [post_scan::objects(&self.0), post_scan::log(&self.0)].concat()
    }
}
