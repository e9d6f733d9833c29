//! The lease: the cluster itself ends everything that a scan created, even without us.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::Job;
use scanner_core::{
    ControlError, Evidence, SecurityControl, plan::PlannedControl, report::AuditCheck,
};

use crate::{Session, aftermath, error::CallError, manifest, session::not_held, watch};

/// How long a Job may take to start.
const START: Duration = Duration::from_secs(20);

pub(super) struct Lease(pub(super) Arc<Session>);

#[async_trait]
impl SecurityControl for Lease {
    fn id(&self) -> &'static str {
        "lease"
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl {
            id: self.id().into(),
            title: "Everything ends by itself".into(),
            planned: vec![format!(
                "Job {} without pods owns everything else; the cluster deletes all of it {} s after its start",
                self.0.name(),
                self.0.plan.lease_seconds
            )],
        }
    }

    async fn enforce(&self) -> Result<Evidence, ControlError> {
        let plan = &self.0.plan;
        let job = manifest::lease(&plan.scan_id, self.0.namespace(), plan.lease_seconds);
        let uid = self.0.create::<Job>(job).await?;
        let _ = self.0.lease_uid.set(uid.clone());
        // A job queue may hold a Job: nothing is created before the deadline runs.
        let started = self.started().await?;
        let job = started.ok_or_else(|| {
            not_held(format!(
                "the lease did not start within {} s",
                START.as_secs()
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
            return Err(ControlError {
                hint: Some("an admission webhook may have changed the Job; exempt it".into()),
                ..not_held("the lease was changed by the cluster and may not end")
            });
        }
        Ok(Evidence::of(format!(
            "Job {} (uid {uid}) started; deadline {} s, read back unchanged",
            self.0.name(),
            plan.lease_seconds
        )))
    }

    async fn verify(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(
            "its start was read back before anything else was created",
        ))
    }

    async fn release(&self) -> Result<Evidence, ControlError> {
        if self.0.keeps_lease() {
            return Err(not_held(
                "kept: when it ends, the cluster removes what could not be removed now",
            ));
        }
        Ok(Evidence::of(self.0.delete::<Job>().await?))
    }

    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.0.gone::<Job>().await?))
    }

    fn aftermath(&self) -> Vec<AuditCheck> {
        [aftermath::objects(&self.0), aftermath::log(&self.0)].concat()
    }
}

impl Lease {
    /// The Job when it has started; nothing if it does not within [`START`].
    async fn started(&self) -> Result<Option<Job>, ControlError> {
        // From its creation on: a watch from "0" needs a storage feature that not every etcd has.
        let version = self
            .0
            .version
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let api = self.0.operator_api::<Job>();
        let name = self.0.name();
        let started = watch::until(
            &api,
            "watch the lease",
            (&name, &version),
            START,
            |job: &Job| {
                let status = job.status.as_ref()?;
                status.start_time.is_some().then(|| job.clone())
            },
        );
        started.await.map_err(CallError::of_control)
    }
}
