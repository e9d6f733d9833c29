//! One scan from request to report: resolve, plan, run. This is what programs embed.

use std::{future::Future, sync::Arc};

use scanner_core::{
    Pipeline, ScanEngine, ScanPlan, ScanReport, SecurityControl,
    event::Observer,
    finding::Severity,
    gate::{ExpectedDigest, Gate},
    inventory::PodFacts,
    plan::{InvalidScanId, PlannedObject, ScanId},
    report::ApiCalls,
    target::TargetRequest,
};
use uuid::Uuid;

use crate::{
    Connection, Session,
    container::{self, ContainerExec},
    control, facts, manifest, preflight,
    resolve::{ResolveError, resolve},
};

/// Shortest lease in seconds: a scan that proves its cleanup takes longer than 10 s.
pub const MIN_LEASE: u32 = 30;
/// Longest lease in seconds.
pub const MAX_LEASE: u32 = 3600;

/// What to scan and how.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// Which container.
    pub target: TargetRequest,
    /// Name and version of the profile, for plan and report.
    pub profile: String,
    /// Seconds after which the cluster itself removes everything, [`MIN_LEASE`] to [`MAX_LEASE`];
    /// values outside are moved to the nearest bound.
    pub lease_seconds: u32,
    /// Digest (`sha256:...`) that the node must run; the scan aborts before it touches another.
    pub expected_digest: Option<String>,
    /// Severity from which a failed check makes the verdict `findings`.
    pub threshold: Severity,
}

/// A scan that was planned and has written nothing yet.
pub struct PreparedScan {
    connection: Connection,
    plan: ScanPlan,
    pod: PodFacts,
    gates: Vec<Box<dyn Gate>>,
    threshold: Severity,
    calls_before: (u64, u64),
}

impl PreparedScan {
    /// Resolves the target, asks whether the operator may do all that a scan needs, and plans it.
    /// Two calls that read; nothing is written.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, or more than one, or a permission is missing.
    pub async fn new(
        connection: &Connection,
        engine: &dyn ScanEngine,
        request: ScanRequest,
    ) -> Result<Self, ResolveError> {
        let calls_before = connection.calls();
        let (target, pod) = resolve(connection, &request.target).await?;
        let missing = preflight::missing(connection, target.namespace.as_str()).await?;
        if !missing.is_empty() {
            return Err(ResolveError::Forbidden(
                target.namespace.to_string(),
                missing,
            ));
        }
        let scan_id = scan_id().map_err(|_| ResolveError::Malformed("a scan id"))?;
        let name = manifest::object_name(&scan_id);
        let object = |api_version: &str, kind: &str, purpose: &str| PlannedObject {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: target.namespace.to_string(),
            name: name.clone(),
            purpose: purpose.into(),
        };
        let rbac = "rbac.authorization.k8s.io/v1";
        let mut plan = ScanPlan {
            objects: vec![
                object(
                    "batch/v1",
                    "Job",
                    "the lease: owns the rest, never has a pod",
                ),
                object("v1", "ServiceAccount", "the scan's own identity"),
                object(rbac, "Role", "what the identity may do"),
                object(rbac, "RoleBinding", "gives the role to the identity"),
                object("v1", "Secret", "empty; the token dies with it"),
            ],
            rules: vec![manifest::exec_rule(target.pod.as_str())],
            commands: container::commands(&target, &engine.request()),
            controls: vec![],
            scan_id,
            strategy: "container".into(),
            profile: request.profile,
            lease_seconds: request.lease_seconds.clamp(MIN_LEASE, MAX_LEASE),
            target,
        };
        let session = Session::new(connection.clone(), plan.clone());
        plan.controls = control::all(&session).iter().map(|c| c.plan()).collect();
        let gates = request.expected_digest.into_iter();
        Ok(Self {
            pod: facts::of(&pod, &plan.target),
            gates: gates
                .map(|d| Box::new(ExpectedDigest(d)) as Box<dyn Gate>)
                .collect(),
            connection: connection.clone(),
            plan,
            threshold: request.threshold,
            calls_before,
        })
    }

    /// Everything that [`PreparedScan::run`] would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// Runs the scan. When `interrupt` resolves, with its reason, what was made is released first.
    ///
    /// Does not fail: whatever happens is in the report.
    pub async fn run(
        self,
        engine: &dyn ScanEngine,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> ScanReport {
        let session = Session::new(self.connection.clone(), self.plan.clone());
        let controls: Vec<Box<dyn SecurityControl>> = control::all(&session);
        let pipeline = Pipeline {
            plan: self.plan,
            gates: self.gates,
            controls,
            strategy: Box::new(ContainerExec::new(&Arc::clone(&session))),
            engine,
            pod: self.pod,
            threshold: self.threshold,
            observer,
        };
        let mut report = pipeline.run(interrupt).await;
        let now = self.connection.calls();
        report.api_calls = ApiCalls {
            operator: now.0 - self.calls_before.0,
            scan: now.1 - self.calls_before.1,
        };
        report
    }
}

fn scan_id() -> Result<ScanId, InvalidScanId> {
    let id = Uuid::new_v4().simple().to_string();
    id[..10].parse()
}
