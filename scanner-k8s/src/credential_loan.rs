//! Lends a single-use credential to a program of this machine: it may exec into one pod, nothing else.
//!
//! The program is run while the credential holds, inside the same pipeline as a scan: the same
//! controls surround it, and the same release, verification and audit follow it.

mod strategy;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use scanner_core::{
    Pipeline, ScanPlan, ScanReport,
    audit::AuditLog,
    event::Observer,
    finding::Severity,
    inventory::PodFacts,
    plan::PlannedCommand,
    report::{ApiCalls, AuditSummary},
    target::TargetRequest,
};
use secrecy::SecretString;

use crate::names::LOAN_STRATEGY;
use crate::names::object_name;
use crate::plan::limits;
use crate::plan::limits::get_rule;
use crate::{
    api::{connect::Cluster, segment::Segment},
    controls,
    plan::{
        manifest, preflight,
        request::{MAX_LEASE, MIN_LEASE},
        resolve::{ResolveError, resolve},
        scan_id::scan_id,
    },
    pod::snapshot::PodSnapshot,
    run::{logged::LoggedScan, session::Session},
};
use strategy::{Lend, ToolRan};

/// A program that speaks kubeconfig.
#[async_trait]
pub trait Tool: Send + Sync {
    /// How a reader knows it; no secrets.
    fn name(&self) -> String;

    /// Runs it with that kubeconfig, and gives its exit code. Dropping the future ends it.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be run.
    async fn run(&self, kubeconfig: SecretString) -> Result<i32, String>;
}

/// For what a credential is lent.
#[derive(Debug, Clone)]
pub struct LendRequest {
    /// The pod; where it has several containers, one must be named.
    pub target: TargetRequest,
    /// Whether the program may also get this one pod, as kubectl does before it execs.
    pub get_pod: bool,
    /// Whether the admission guard, where the cluster has it, is told to let it run anything in the container.
    pub run_anything: bool,
    /// Seconds after which the cluster itself removes everything.
    pub lease_seconds: u32,
}

/// A lending that was planned and has written nothing yet.
pub struct PreparedLending {
    segment: Segment,
    plan: ScanPlan,
    before: PodSnapshot,
    tool: Arc<dyn Tool>,
}

impl PreparedLending {
    /// Resolves the pod, asks whether the operator may do all of it, and plans.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a permission is missing, or an admission guard would
    /// refuse all that the program can do.
    pub async fn new(
        cluster: &Cluster,
        request: &LendRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, ResolveError> {
        Self::within(cluster.begin(), request, tool).await
    }

    /// The same in a segment that was begun before, such as one whose log is written to a file already.
    ///
    /// # Errors
    ///
    /// Fails as [`PreparedLending::new`] does.
    pub async fn within(
        segment: Segment,
        request: &LendRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, ResolveError> {
        let operator = segment.operator();
        let (target, pod) = resolve(operator, &request.target).await?;
        let allowed = preflight::ask(operator, target.namespace.as_str()).await?;
        let missing = allowed.missing(&[]);
        if !missing.is_empty() {
            let namespace = target.namespace.to_string();
            return Err(ResolveError::Forbidden(namespace, missing));
        }
        let scan_id = scan_id().map_err(|_| ResolveError::Malformed("a scan id"))?;
        let mut rules = vec![manifest::exec_rule(target.pod.as_str())];
        if request.get_pod {
            rules.push(get_rule(target.pod.as_str()));
        }
        if request.run_anything && allowed.limits() {
            rules.push(limits::may_run_anything(&target));
        } else if limits::present(operator, target.namespace.as_str()).await? {
            return Err(ResolveError::Guarded(request.run_anything));
        }
        let name = object_name(&scan_id);
        let mut plan = ScanPlan {
            differences: vec![],
            objects: manifest::planned(&target.namespace, &name, "the program's identity"),
            rules,
            commands: vec![PlannedCommand {
                container: "none: a program of this machine".into(),
                argv: vec![tool.name()],
                stdin: "its own".into(),
                stdin_bytes: 0,
            }],
            controls: vec![],
            otherwise: None,
            scan_id,
            strategy: LOAN_STRATEGY.into(),
            reason: None,
            profile: "none".into(),
            policy: None,
            gates: vec![],
            lease_seconds: request.lease_seconds.clamp(MIN_LEASE, MAX_LEASE),
            target,
        };
        let session = Session::new(segment.clone(), plan.clone());
        plan.controls = controls::all(&session).iter().map(|c| c.plan()).collect();
        Ok(Self {
            segment,
            plan,
            before: PodSnapshot::of(&pod),
            tool,
        })
    }

    /// Everything that would be created, granted and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The log of what is decided and done.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.segment.audit())
    }

    /// Lends, and gives the report and the exit code of the program, if it ended.
    pub async fn run(
        self,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> (ScanReport, Option<i32>) {
        let session = Session::new(self.segment.clone(), self.plan.clone());
        let _ = session.before.set(self.before);
        let code = Arc::new(OnceLock::new());
        let strategy = Lend {
            session: Arc::clone(&session),
            tool: self.tool,
            code: Arc::clone(&code),
        };
        let pipeline = Pipeline {
            plan: self.plan,
            gates: vec![],
            controls: controls::all(&session),
            strategy: Box::new(strategy),
            engine: &ToolRan,
            pod: PodFacts::default(),
            required: vec![],
            threshold: Severity::Low,
            observer: &LoggedScan::new(&session, observer),
        };
        let mut report = pipeline.run(interrupt).await;
        let (operator, scan) = self.segment.calls();
        report.api_calls = ApiCalls { operator, scan };
        report.audit = Some(AuditSummary::of(self.segment.audit()));
        (report, code.get().copied())
    }
}
