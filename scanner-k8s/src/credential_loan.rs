//! Lets a program of this machine exec into one pod, as planned and no further, without a token of the cluster.
//!
//! The program gets a kubeconfig of a proxy in this process, which holds the token, lets planned execs through and logs
//! every call. The program runs while the credential is valid, inside the same control stage as a scan: the same controls
//! surround it, and the same release, verification and audit follow it.

mod error;
mod proxy;
mod terms;
mod tool;
mod tool_run;

use std::sync::{Arc, OnceLock};

use scanner_core::{
    ScanPlan, ScanReport, Target,
    audit::AuditLog,
    event::Observer,
    guarded::{Setup, guarded},
    plan::{PlannedCommand, PlannedRule},
    report::{ApiCalls, AuditSummary},
};

use crate::{
    api::{connect::Cluster, segment::Segment},
    controls,
    names::LOAN_STRATEGY,
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        limits, manifest, preflight,
        resolve::{Resolved, resolve},
        scan_id::scan_id,
    },
    pod::snapshot::PodSnapshot,
    run::{logged::LoggedScan, scope::ScanScope},
};
use proxy::Answers;
use terms::MAX_EXECS;
use tool_run::ToolRun;

pub use error::LoanError;
pub use terms::{AllowedCommand, LoanRequest, LoanTerms};
pub use tool::{Tool, ToolError};

/// A loan that was planned and has written nothing yet.
pub struct PreparedLoan {
    segment: Segment,
    scope: Arc<ScanScope>,
    plan: ScanPlan,
    terms: LoanTerms,
    answers: Answers,
    tool: Arc<dyn Tool>,
}

impl PreparedLoan {
    /// Resolves the pod, asks whether the operator may do all of it, and plans.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a permission is missing, the terms allow nothing, or an admission
    /// guard would refuse what they allow.
    pub async fn new(
        cluster: &Cluster,
        request: &LoanRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, LoanError> {
        Self::within(cluster.begin(), request, tool).await
    }

    /// The same, in an existing segment, such as one whose log is already written to a file.
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
        let terms = request.terms.clone().merged();
        match terms.execs() {
            0 => return Err(LoanError::NothingAllowed),
            execs if execs > MAX_EXECS.into() => return Err(LoanError::TooManyExecs(execs)),
            _ => {}
        }
        let operator = segment.operator();
        let Resolved {
            target,
            pod,
            choice,
        } = resolve(operator, &request.target).await?;
        let apart = request.identity_namespace.as_ref();
        if let Some(same) = apart.filter(|namespace| **namespace == target.namespace) {
            return Err(LoanError::IdentityNamespace(same.clone()));
        }
        let here = preflight::ask(operator, target.namespace.as_str());
        let there = async {
            match apart {
                Some(namespace) => preflight::ask(operator, namespace.as_str()).await.map(Some),
                None => Ok(None),
            }
        };
        let (mut allowed, mut there) = tokio::try_join!(here, there)?;
        let scan_id = scan_id();
        let commands = commands(&target, &terms);
        let mut rules = vec![manifest::exec_rule(target.pod.as_str())];
        let may_limit = allowed.limits();
        // Without limits, and for a terminal, the guard would refuse the execs.
        if (terms.terminal || !may_limit)
            && limits::present(operator, target.namespace.as_str()).await?
        {
            return Err(if may_limit {
                LoanError::GuardedTerminal
            } else {
                LoanError::Guarded
            });
        }
        if may_limit {
            rules.extend(limits_of(&target, &terms));
        }
        let needed = preflight::Needed {
            target: &target,
            identity_namespace: apart,
            more: &[],
            optional: &[],
            rules: &rules,
        };
        preflight::settle(operator, &mut allowed, there.as_mut(), &needed).await?;
        preflight::require(&allowed, there.as_ref(), &needed)?;
        let mut plan = ScanPlan {
            differences: vec![],
            evidence: None,
            not_scanned: vec![],
            target_choice: choice,
            connection: segment.connection().to_vec(),
            missing_rights: vec![],
            objects: vec![],
            rules,
            commands,
            controls: vec![],
            fallback: None,
            scan_id,
            image_of: None,
            strategy: LOAN_STRATEGY.into(),
            reason: None,
            profile: "none".into(),
            policy: None,
            gates: vec![],
            lease_seconds: request.lease_seconds,
            identity_namespace: request.identity_namespace.clone(),
            object_metadata: request.object_metadata.clone(),
            target,
        };
        plan.objects = manifest::planned(&plan, "the program's identity");
        let before = Some(PodSnapshot::of(&pod));
        let answers = Answers::new(&plan.target, &pod, terms.whole_pod);
        let scope = ScanScope::new(segment.clone(), plan.clone(), before);
        plan.controls = controls::all(&scope).iter().map(|c| c.plan()).collect();
        Ok(Self {
            segment,
            scope,
            plan,
            terms,
            answers,
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
            terms: self.terms,
            answers: Some(self.answers),
            code: Arc::clone(&code),
            started: None,
        };
        let observer = &LoggedScan::new(&self.scope, &self.plan, observer);
        let mut setup = Setup::new(self.plan, controls::all(&self.scope), observer);
        setup.alerts = self.scope.alerts().clone();
        let mut report = guarded(setup, &mut work, interrupt).await;
        let (operator, scan) = self.segment.calls();
        report.api_calls = ApiCalls::new(operator, scan);
        report.audit = Some(AuditSummary::of(self.segment.audit()));
        report.origin = Some(self.segment.origin().clone());
        (report, code.get().copied())
    }
}

/// What the container is planned to run.
fn commands(target: &Target, terms: &LoanTerms) -> Vec<PlannedCommand> {
    let any = vec!["any command".to_owned()];
    let any = (terms.any_command > 0).then(|| planned(target, any, terms.any_command));
    let commands = terms.commands.iter();
    let commands = commands.map(|c| planned(target, c.argv.clone(), c.times));
    commands.chain(any).collect()
}

fn planned(target: &Target, argv: Vec<String>, times: u32) -> PlannedCommand {
    let input = format!("what the program sends; at most {times} times");
    PlannedCommand::new(target.container.as_str(), argv, input, 0)
}

/// What the admission guard is to let through, if the cluster has one.
fn limits_of(target: &Target, terms: &LoanTerms) -> Vec<PlannedRule> {
    let any = (terms.any_command > 0).then(|| limits::may_run_anything(target));
    let commands = terms.commands.iter();
    let commands =
        commands.map(|c| limits::may_run(target, &planned(target, c.argv.clone(), c.times)));
    commands.chain(any).collect()
}
