//! The lease: the cluster itself removes everything that a scan created, even if this program is gone.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use scanner_core::{
    ControlError, Evidence, FailureKind, Remedy, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};

use crate::{
    api::{
        call::{CallError, CallErrorKind},
        object_watch::Watched,
    },
    plan::{manifest, resolve::namespace_exists},
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
        let (plan, name) = (self.0.plan(), self.0.name());
        let seconds = plan.lease_seconds;
        let planned = PlannedControl::new(self.id(), "Everything ends by itself");
        match self.0.identity_lease() {
            None => planned.planning(format!(
                "Job {name} without pods owns everything else; the cluster deletes all of it {seconds} s after its start"
            )),
            Some(identity) => planned
                .planning(format!(
                    "Job {name} without pods owns everything in namespace {}, Job {identity} all in namespace {}; the \
                     cluster deletes both {seconds} s after their start",
                    self.0.namespace(),
                    self.0.identity_namespace()
                ))
                .planning("the end of either alone ends the access"),
        }
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let (plan, scope) = (self.0.plan(), &self.0);
        let seconds = plan.lease_seconds;
        scope.note_started();
        let own = start(
            scope,
            manifest::lease(&plan.scan_id, scope.namespace(), seconds),
        );
        if plan.identity_namespace.is_none() {
            return Ok(Evidence::of(own.await?));
        }
        let there = scope.identity_namespace();
        let identity = start(
            scope,
            manifest::identity_lease(&plan.scan_id, there, seconds),
        );
        let (own, identity) = tokio::join!(own, identity);
        Ok(Evidence(vec![own?, identity?]))
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
        // From here on the scan ends its leases itself.
        self.0.leases().end();
        let own = self.0.delete::<Job>();
        let Some(identity) = self.0.identity_lease() else {
            return Ok(Evidence::of(own.await?));
        };
        let (own, identity) = tokio::join!(own, self.0.delete_named::<Job>(&identity));
        Ok(Evidence(vec![own?, identity?]))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        Ok(Evidence::of(self.0.gone::<Job>().await?))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        [post_scan::objects(&self.0), post_scan::log(&self.0)].concat()
    }
}

/// The error of a lease that cannot be made: the first object of a scan, so it finds out that a named namespace does not exist.
async fn without_namespace(
    scope: &ScanScope,
    namespace: &str,
    error: ControlError,
) -> ControlError {
    let source = std::error::Error::source(&error);
    let call = source.and_then(|source| source.downcast_ref::<CallError>());
    if call.is_none_or(|call| call.kind() != CallErrorKind::NotFound) {
        return error;
    }
    match namespace_exists(scope.segment().operator(), namespace).await {
        Err(missing) => ControlError::new(missing.to_string())
            .with_kind(FailureKind::NoNamespace)
            .with_remedy(missing.remedy()),
        Ok(()) => error,
    }
}

/// Makes a lease and waits until its deadline runs; gives the evidence.
async fn start(scope: &ScanScope, manifest: serde_json::Value) -> Result<String, ControlError> {
    let seconds = scope.plan().lease_seconds;
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let name = name.to_owned();
    let namespace = manifest["metadata"]["namespace"].as_str();
    let namespace = namespace.unwrap_or_default().to_owned();
    let api = scope.operator_api_for::<Job>(&name);
    let creation = scope.create_object::<Job>(manifest);
    // A job queue may hold a Job: nothing else is created before the deadline runs.
    let made = Watched::while_made(api, "watch the lease", &name, creation).await;
    let mut watch = match made {
        Ok(watch) => watch,
        Err(error) => return Err(without_namespace(scope, &namespace, error).await),
    };
    let uid = watch.last.uid().unwrap_or_default();
    let started = watch.until(START, |seen| {
        seen.last.status.as_ref()?.start_time.as_ref()?;
        Some(seen.last.clone())
    });
    let started = started.await.map_err(CallError::of_control)?;
    let job = started.ok_or_else(|| {
        let seconds = START.as_secs();
        ControlError::new(format!("the lease did not start within {seconds} s")).with_remedy(
            Remedy::advice(
                "a Job of this namespace must start: see that the cluster's Job controller works, and that no job queue \
                 (such as Kueue) holds Jobs that it does not know",
            ),
        )
    })?;
    let started = job.status.and_then(|status| status.start_time);
    scope.ledger().note_lease_start(&name, started);
    let spec = job.spec.unwrap_or_default();
    let held = job.metadata.uid.as_deref() == Some(uid.as_str())
        && spec.suspend != Some(true)
        && spec.parallelism == Some(0)
        && spec.completions.is_none()
        && spec.active_deadline_seconds == Some(i64::from(seconds))
        && spec.ttl_seconds_after_finished == Some(0)
        && spec.managed_by.is_none();
    if !held {
        return Err(
            ControlError::new("the lease was changed by the cluster and may not end").with_remedy(
                Remedy::advice("an admission webhook may have changed the Job; exempt it"),
            ),
        );
    }
    let version = watch.last.metadata.resource_version.clone();
    scope
        .ledger()
        .note_version("Job", &name, &version.unwrap_or_default());
    scope.leases().keep(watch);
    Ok(format!(
        "Job {name} (uid {uid}) started; deadline {seconds} s, read back unchanged"
    ))
}
