//! Attacks the guard from a real scan identity whose Role allows all of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, EnforcedControls, Failure, ObjectMetadata, ScanPlan, ScanReport, Target, Verdict,
    cause::chain,
    event::Silent,
    evidence::AuditOutcome,
    guarded::{Outcome, Setup, Work, guarded},
    plan::{PlannedCommand, ScanId},
    report::ControlStage,
    stage::Stage,
    target::Namespace,
    work::Progress,
};

use super::attempts::{Attempt, Planned, rules};
use crate::plan::limits::{self, may_add, may_run};
use crate::{
    api::{
        call::{CallError, CallErrorKind, ForbiddenBy, call},
        client::{OperatorClient, ReviewClient},
        segment::Segment,
    },
    controls,
    names::object_name,
    pod::access_planner::ProbeContext,
    run::scope::ScanScope,
    strategies::distroless,
};

/// Requests whose time is taken.
const ROUNDS: usize = 20;

/// One attempt and its outcome.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempted {
    /// What was tried.
    pub what: &'static str,
    /// Whether it had the right outcome: refused by the guard, or allowed if it was planned.
    pub held: bool,
    /// What the server answered.
    pub answer: String,
    /// Whether the guard refused it.
    answered: bool,
}

/// The result of a trial of the guard.
#[derive(Debug)]
#[non_exhaustive]
pub struct GuardTrial {
    /// Every attempt; first the planned ones.
    pub attempts: Vec<Attempted>,
    /// Median time of an exec that the guard evaluated.
    pub decided: Duration,
    /// Median time of the same exec by the operator, whom the guard lets pass.
    pub passed: Duration,
    /// The trial's own objects that are not confirmed deleted.
    pub left: Vec<String>,
    /// The namespaces of the target and of the identity where there is no guard; nothing was tried then.
    pub unguarded: Vec<Namespace>,
}

/// Why the trial could not be made, or only in part.
#[derive(Debug, thiserror::Error)]
#[error("the guard could not be tried")]
pub struct FailedTrial {
    /// What went wrong.
    #[source]
    pub error: ControlError,
    /// The trial's own objects that are not confirmed deleted.
    pub left: Vec<String>,
}

impl GuardTrial {
    /// Whether a guard answered at all.
    pub fn answered(&self) -> bool {
        self.attempts.iter().any(|a| a.answered)
    }

    /// Whether every attempt had the right outcome. If nothing was tried, nothing held.
    pub fn held(&self) -> bool {
        !self.attempts.is_empty() && self.attempts.iter().all(|a| a.held)
    }
}

/// What is not confirmed deleted.
fn unverified(report: &ScanReport) -> Vec<String> {
    let controls = report.controls.iter();
    let controls = controls.filter_map(|control| match &control.release_verified {
        ControlStage::Failed { reason } => Some(reason.clone()),
        _ => None,
    });
    let checks = report.post_scan.iter().flat_map(|audit| &audit.checks);
    let checks = checks
        .filter(|check| check.outcome == AuditOutcome::NotVerified)
        .map(|check| format!("{}: {}", check.id, check.evidence.join("; ")));
    let mut left: Vec<String> = controls.chain(checks).collect();
    if left.is_empty() && report.verdict == Verdict::CleanupUnverified {
        left.push("its release was not verified".into());
    }
    left
}

/// Makes an identity in the target's namespace or in `home` that may do everything that the trial tries, makes all
/// attempts, and removes the identity.
///
/// All objects get `metadata` beside their own labels. When `stop` resolves, nothing more is tried, and the identity is
/// removed.
///
/// # Errors
///
/// Fails when the identity cannot be made, and when it was stopped. Its objects are removed then too.
pub async fn trial(
    segment: &Segment,
    target: &Target,
    home: Option<&Namespace>,
    metadata: ObjectMetadata,
    id: ScanId,
    stop: impl Future<Output = String>,
) -> Result<GuardTrial, FailedTrial> {
    let pods = segment.operator().api::<Pod>(target.namespace.as_str());
    let pod = call("get the pod", pods.get(target.pod.as_str())).await;
    let pod = pod.map_err(|error| FailedTrial {
        error: error.of_control(),
        left: vec![],
    })?;
    let apart = home.filter(|home| **home != target.namespace).cloned();
    let unguarded = unguarded(
        segment.operator(),
        [Some(&target.namespace), apart.as_ref()],
    )
    .await;
    let unguarded = unguarded.map_err(|error| FailedTrial {
        error: error.of_control(),
        left: vec![],
    })?;
    if !unguarded.is_empty() {
        return Ok(GuardTrial {
            attempts: vec![],
            decided: Duration::ZERO,
            passed: Duration::ZERO,
            left: vec![],
            unguarded,
        });
    }
    let volumes = pod.spec.and_then(|s| s.volumes).unwrap_or_default();
    let account = object_name(&id);
    // This command does not exist: if the guard fails, nothing of the target runs.
    let argv = vec!["/secure-scan-guard-test".into(), id.to_string()];
    let command = PlannedCommand::new(target.container.as_str(), argv, "", 0);
    let image = "registry.invalid/probe:1";
    let probe = distroless::container(
        &account,
        target,
        image,
        &ProbeContext::nobody("a dry run"),
        30,
    );
    let home = apart.clone().unwrap_or_else(|| target.namespace.clone());
    let mut rules = rules(target, &home, &account);
    rules.extend([may_run(target, &command), may_add(target, &probe)]);
    let mut plan = ScanPlan {
        lease_seconds: 300,
        identity_namespace: apart,
        object_metadata: metadata,
        connection: segment.connection().to_vec(),
        rules,
        commands: vec![command.clone()],
        ..ScanPlan::new(id, target.clone(), "guard test", "")
    };
    let planned = Planned {
        target: target.clone(),
        home,
        account,
        command,
        probe,
        volume: volumes
            .into_iter()
            .next()
            .map(|v| v.name)
            .unwrap_or_default(),
    };
    let scope = ScanScope::new(segment.clone(), plan.clone(), None);
    let controls = controls::identity(&scope);
    plan.controls = controls.iter().map(|control| control.plan()).collect();
    let mut work = Trial {
        scope: Arc::clone(&scope),
        planned,
        tried: None,
    };
    let mut setup = Setup::new(plan, controls, &Silent);
    setup.alerts = scope.alerts().clone();
    let report = guarded(setup, &mut work, stop).await;
    let left = unverified(&report);
    match (work.tried, report.failure) {
        (Some((attempts, decided, passed)), None) => Ok(GuardTrial {
            attempts,
            decided,
            passed,
            left,
            unguarded,
        }),
        (_, failure) => {
            let message = failure
                .as_ref()
                .map(|failure| failure.message.raw().to_owned());
            let remedy = failure.and_then(|failure| failure.remedy);
            let error = ControlError::new(message.unwrap_or_default()).with_remedy(remedy);
            Err(FailedTrial { error, left })
        }
    }
}

/// The namespaces without a guard. There, whoever may create Secrets could get hold of an identity that may do everything
/// that the trial tries.
async fn unguarded<const N: usize>(
    operator: &OperatorClient,
    namespaces: [Option<&Namespace>; N],
) -> Result<Vec<Namespace>, CallError> {
    let mut unguarded = Vec::new();
    for namespace in namespaces.into_iter().flatten() {
        if !limits::present(operator, namespace.as_str()).await? {
            unguarded.push(namespace.clone());
        }
    }
    Ok(unguarded)
}

/// What was tried, and the median times of an exec that the guard decides on and of one that it lets pass.
type Tried = (Vec<Attempted>, Duration, Duration);

/// The attacks, as work that controls surround.
struct Trial {
    scope: Arc<ScanScope>,
    planned: Planned,
    tried: Option<Tried>,
}

#[async_trait]
impl Work for Trial {
    fn trust(&self) -> String {
        "nothing is looked at".into()
    }

    async fn open(&mut self, _: &ScanPlan, _: &EnforcedControls) -> Result<(), Failure> {
        let tried = attack(&self.scope, &self.planned).await;
        self.tried = Some(tried.map_err(|error| {
            Failure::new(Stage::Open, error.kind.clone(), chain(&error)).with_remedy(error.remedy)
        })?);
        Ok(())
    }

    async fn look(&mut self, _: &ScanPlan, _: &mut dyn Progress) -> Result<Outcome, Failure> {
        Ok(Outcome::default())
    }

    async fn close(&mut self) {}
}

async fn attack(scope: &ScanScope, planned: &Planned) -> Result<Tried, ControlError> {
    let (own, operator) = (&scope.credential().review()?, scope.segment().operator());
    // The authorizer learns of a new binding a moment after it was written.
    for _ in 0..100 {
        let [exec, _] = planned.allowed();
        if as_scan(own, exec, true).await.held {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut done = Vec::new();
    for attempt in planned.allowed() {
        done.push(as_scan(own, attempt, true).await);
    }
    let sets = [
        planned.execs(),
        planned.spelt(),
        planned.ways(),
        planned.probes(),
        planned.writes(),
    ];
    for attempt in sets.into_iter().flatten() {
        done.push(as_scan(own, attempt, false).await);
    }
    for attempt in planned.by_others() {
        done.push(as_operator(operator, attempt, false).await);
    }
    let (mut decided, mut passed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [exec, _] = planned.allowed();
        let started = Instant::now();
        as_scan(own, exec, true).await;
        decided.push(started.elapsed());
        let [exec, _] = planned.allowed();
        let started = Instant::now();
        as_operator(operator, exec, true).await;
        passed.push(started.elapsed());
    }
    Ok((done, median(decided), median(passed)))
}

/// Sends one attempt as the scan's identity; `allowed` says which outcome is right.
async fn as_scan(client: &ReviewClient, attempt: Attempt, allowed: bool) -> Attempted {
    let Attempt { what, request } = attempt;
    let answer = call(what, async { client.attempt(request?).await }).await;
    classify(what, answer, allowed)
}

/// The same as the operator.
async fn as_operator(client: &OperatorClient, attempt: Attempt, allowed: bool) -> Attempted {
    let Attempt { what, request } = attempt;
    let answer = call(what, async { client.attempt(request?).await }).await;
    classify(what, answer, allowed)
}

fn classify(what: &'static str, answer: Result<String, CallError>, allowed: bool) -> Attempted {
    let refused = CallErrorKind::Forbidden {
        by: ForbiddenBy::Guard,
    };
    let passed = match &answer {
        Ok(_) => Some(true),
        Err(error) if error.kind() == refused => Some(false),
        // How the server answers an exec that it would have started.
        Err(error) => (error.kind() == CallErrorKind::NotUpgraded).then_some(true),
    };
    Attempted {
        what,
        held: passed == Some(allowed),
        answered: passed == Some(false),
        answer: answer.map_or_else(|error| chain(&error), |_| "allowed".to_owned()),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
