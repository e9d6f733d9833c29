//! Gives a program of this machine a short-lived kubeconfig for one pod: it may exec there, nothing else.
//!
//! The program is run while the credential holds, inside the same control stage as a scan: the same
//! controls surround it, and the same release, verification and audit follow it.

mod error;
mod tool;
mod tool_run;

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanPlan, ScanReport,
    audit::AuditLog,
    event::Observer,
    guarded::{Setup, guarded},
    plan::PlannedCommand,
    report::{ApiCalls, AuditSummary},
    target::TargetRequest,
};

use crate::{
    api::{connect::Cluster, segment::Segment},
    controls,
    names::LOAN_STRATEGY,
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        limits::{self, get_rule},
        manifest, preflight,
        resolve::{Resolved, resolve},
        scan_id::scan_id,
    },
    pod::snapshot::PodSnapshot,
    run::{
        logged::LoggedScan,
        scope::{ScanScope, ScopeOptions},
    },
};
use tool_run::ToolRun;

pub use error::LoanError;
pub use tool::{Tool, ToolError};

/// Which pod a program is given access to, and how far.
#[derive(Debug, Clone)]
pub struct LoanRequest {
    /// The pod; where it has several containers, one must be named.
    pub target: TargetRequest,
    /// Whether the program may also get this one pod, as kubectl does before it execs.
    pub get_pod: bool,
    /// Whether the admission guard, where the cluster has it, is to let it run anything in the container.
    pub run_anything: bool,
    /// Seconds after which the cluster itself removes everything.
    pub lease_seconds: u32,
}

/// A loan that was planned and has written nothing yet.
pub struct PreparedLoan {
    segment: Segment,
    scope: Arc<ScanScope>,
    plan: ScanPlan,
    tool: Arc<dyn Tool>,
}

impl PreparedLoan {
    /// Resolves the pod, asks whether the operator may do all of it, and plans.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a permission is missing, or an admission guard would
    /// refuse all that the program can do.
    pub async fn new(
        cluster: &Cluster,
        request: &LoanRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, LoanError> {
        Self::within(cluster.begin(), request, tool).await
    }

    /// The same in a segment that was begun before, such as one whose log is written to a file already.
    ///
    /// # Errors
    ///
    /// Fails as [`PreparedLoan::new`] does.
    pub async fn within(
        segment: Segment,
        request: &LoanRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, LoanError> {
        if !(MIN_LEASE..=MAX_LEASE).contains(&request.lease_seconds) {
            return Err(LoanError::Lease(request.lease_seconds));
        }
        let operator = segment.operator();
        let Resolved {
            target,
            pod,
            choice,
        } = resolve(operator, &request.target).await?;
        let allowed = preflight::ask(operator, target.namespace.as_str()).await?;
        let scan_id = scan_id();
        let mut rules = vec![manifest::exec_rule(target.pod.as_str())];
        if request.get_pod {
            rules.push(get_rule(target.pod.as_str()));
        }
        if request.run_anything && allowed.limits() {
            rules.push(limits::may_run_anything(&target));
        } else if limits::present(operator, target.namespace.as_str()).await? {
            return Err(LoanError::Guarded {
                asked: request.run_anything,
            });
        }
        let needed = preflight::Needed {
            target: &target,
            identity_namespace: None,
            more: &[],
            rules: &rules,
        };
        preflight::require(&allowed, None, &needed)?;
        let mut plan = ScanPlan {
            differences: vec![],
            evidence: None,
            not_scanned: vec![],
            target_choice: choice,
            missing_rights: vec![],
            objects: vec![],
            rules,
            commands: vec![PlannedCommand::new(
                "none: a program of this machine",
                vec![tool.name()],
                "its own",
                0,
            )],
            controls: vec![],
            fallback: None,
            scan_id,
            strategy: LOAN_STRATEGY.into(),
            reason: None,
            profile: "none".into(),
            policy: None,
            gates: vec![],
            lease_seconds: request.lease_seconds,
            identity_namespace: None,
            target,
        };
        plan.objects = manifest::planned(&plan, "the program's identity");
        let before = Some(PodSnapshot::of(&pod));
        // The program has seen the token, so that every server must have forgotten it.
        let options = ScopeOptions {
            prove_everywhere: true,
            ..ScopeOptions::default()
        };
        let scope = ScanScope::with_options(segment.clone(), plan.clone(), before, options);
        plan.controls = controls::all(&scope).iter().map(|c| c.plan()).collect();
        Ok(Self {
            segment,
            scope,
            plan,
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

    /// Runs the program, and gives the report and the exit code of the program, if it ended.
    pub async fn run(
        self,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> (ScanReport, Option<i32>) {
        let code = Arc::new(OnceLock::new());
        let mut work = ToolRun {
            scope: Arc::clone(&self.scope),
            tool: self.tool,
            code: Arc::clone(&code),
        };
        let observer = &LoggedScan::new(&self.scope, &self.plan, observer);
        let mut setup = Setup::new(self.plan, controls::all(&self.scope), observer);
        setup.alerts = self.scope.alerts().clone();
        let mut report = guarded(setup, &mut work, interrupt).await;
        let (operator, scan) = self.segment.calls();
        report.api_calls = ApiCalls::new(operator, scan);
        report.audit = Some(AuditSummary::of(self.segment.audit()));
        (report, code.get().copied())
    }
}
