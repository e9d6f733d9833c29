//! The lease: the cluster itself ends everything that a scan created, even without us.

use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{WatchEvent, WatchParams};
use scanner_core::{
    ControlError, Evidence, SecurityControl, escape::visible, plan::PlannedControl,
    report::AuditCheck,
};

use crate::{Session, aftermath, error::CallError, error::call, manifest, session::not_held};

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
        let started = tokio::time::timeout(Duration::from_secs(20), self.started()).await;
        let job = started.map_err(|_| not_held("the lease did not start within 20 s"))??;
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
    async fn started(&self) -> Result<Job, ControlError> {
        let api = self.0.operator_api::<Job>();
        // From its creation on: a watch from "0" needs a storage feature that not every etcd has.
        let version = self
            .0
            .version
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let params = WatchParams::default()
            .fields(&format!("metadata.name={}", self.0.name()))
            .timeout(20);
        let watch = call("watch the lease", api.watch(&params, &version)).await;
        let mut events = pin!(watch.map_err(CallError::of_control)?);
        let mut last = String::from("no event");
        while let Some(event) = events.next().await {
            match event {
                Ok(WatchEvent::Added(job) | WatchEvent::Modified(job)) => {
                    if job.status.as_ref().is_some_and(|s| s.start_time.is_some()) {
                        return Ok(job);
                    }
                    last = "the Job without a start time".into();
                }
                other => last = visible(&format!("{other:?}"), 300),
            }
        }
        Err(not_held(format!(
            "the watch of the lease ended before it started; last seen: {last}"
        )))
    }
}
