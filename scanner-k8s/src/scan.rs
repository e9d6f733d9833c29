//! One scan from request to report: resolve, plan, run. This is what programs embed.

mod auto;
mod logged;

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use futures_util::FutureExt as _;
use scanner_core::{
    Pipeline, ScanEngine, ScanPlan, ScanReport, ScanStrategy, SecurityControl, Target,
    audit::AuditLog,
    event::Observer,
    finding::Severity,
    gate::{ExpectedDigest, Gate},
    inventory::PodFacts,
    plan::{InvalidScanId, PlannedObject, ScanId},
    report::{ApiCalls, AuditSummary, Verdict},
    target::TargetRequest,
};
use uuid::Uuid;

pub(crate) use logged::LoggedScan;

use crate::{
    Connection, Session,
    aftermath::PodSnapshot,
    container::{self, ContainerExec},
    control,
    distroless::{self, Distroless, context, planner, planner::ProbeContext, probe::ProbeEnds},
    facts, guard, manifest, preflight,
    resolve::{ResolveError, resolve},
};

/// Shortest lease in seconds: a scan that proves its cleanup takes longer than 10 s.
pub const MIN_LEASE: u32 = 30;
/// Longest lease in seconds.
pub const MAX_LEASE: u32 = 3600;

/// How the target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// One exec into it; needs a shell in the target.
    Container,
    /// An ephemeral container beside it; its entry stays in the pod's specification.
    Distroless {
        /// Image of the probe, best named by digest.
        image: String,
    },
    /// The least intrusive one that works: `Container`, which leaves nothing in the pod, and where
    /// the target turns out to have no shell, `Distroless`.
    Auto {
        /// Image of the probe; without one only `Container` can be taken.
        image: Option<String>,
    },
}

/// What to scan and how.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// How the target is reached.
    pub strategy: Strategy,
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
    before: PodSnapshot,
    gates: Vec<Box<dyn Gate>>,
    threshold: Severity,
    reach: Reach,
    calls_before: (u64, u64),
    /// What to do when the target has no shell, where the strategy was left to choose.
    otherwise: Option<ScanRequest>,
}

/// How the target is reached, decided.
enum Reach {
    Container,
    Distroless {
        image: String,
        context: ProbeContext,
        /// Part of the probe's arguments, and so of the plan.
        nonce: String,
    },
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
        let otherwise = request.otherwise();
        let (target, pod) = resolve(connection, &request.target).await?;
        let reach = match request.strategy {
            Strategy::Container | Strategy::Auto { .. } => Reach::Container,
            Strategy::Distroless { image } => {
                let level = context::level(connection, target.namespace.as_str()).await;
                let context = planner::plan(&context::of(&pod, &target), level)?;
                let nonce = Uuid::new_v4().simple().to_string();
                Reach::Distroless {
                    image,
                    context,
                    nonce,
                }
            }
        };
        let limits = may_limit(connection, &target).await?;
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
        let lease_seconds = request.lease_seconds.clamp(MIN_LEASE, MAX_LEASE);
        let (strategy, mut rules, commands) = match &reach {
            Reach::Container => (
                "container",
                vec![manifest::exec_rule(target.pod.as_str())],
                container::commands(&target, &engine.request()),
            ),
            Reach::Distroless { nonce, .. } => (
                "distroless",
                distroless::rules(target.pod.as_str()),
                distroless::commands(&name, &target, &engine.request(), nonce, lease_seconds),
            ),
        };
        if limits {
            rules.extend(commands.iter().map(|c| guard::may_run(&target, c)));
        }
        let mut objects = vec![
            object(
                "batch/v1",
                "Job",
                "the lease: owns the rest, never has a pod",
            ),
            object("v1", "ServiceAccount", "the scan's own identity"),
            object(rbac, "Role", "what the identity may do"),
            object(rbac, "RoleBinding", "gives the role to the identity"),
            object("v1", "Secret", "empty; the token dies with it"),
        ];
        if let Reach::Distroless { image, context, .. } = &reach {
            let spec = distroless::container(&name, &target, image, context, lease_seconds);
            let purpose = format!("added to pod {}; {}: {spec}", target.pod, context.why);
            objects.push(object("v1", "ephemeral container", &purpose));
            if limits {
                rules.push(guard::may_add(&target, &spec));
            }
        }
        let mut plan = ScanPlan {
            objects,
            rules,
            commands,
            controls: vec![],
            scan_id,
            strategy: strategy.into(),
            reason: otherwise.as_ref().map(|_| auto::FIRST.into()),
            profile: request.profile,
            policy: None,
            gates: vec![],
            lease_seconds,
            target,
        };
        let session = Session::new(connection.clone(), plan.clone());
        plan.controls = controls(&session, &reach)
            .iter()
            .map(|c| c.plan())
            .collect();
        let gates = request.expected_digest.into_iter();
        Ok(Self {
            before: PodSnapshot::of(&pod),
            pod: facts::of(&pod, &plan.target),
            gates: gates
                .map(|d| Box::new(ExpectedDigest(d)) as Box<dyn Gate>)
                .collect(),
            connection: connection.clone(),
            plan,
            threshold: request.threshold,
            reach,
            calls_before,
            otherwise,
        })
    }

    /// Everything that [`PreparedScan::run`] would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The log of what this scan decides and does. It is still open: [`AuditLog::close`] it after the
    /// last scan of the connection.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.connection.audit())
    }

    /// Runs the scan. When `interrupt` resolves, with its reason, what was made is released first.
    ///
    /// Does not fail: whatever happens is in the report.
    pub async fn run(
        mut self,
        engine: &dyn ScanEngine,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> ScanReport {
        let interrupt = interrupt.shared();
        let (connection, otherwise) = (self.connection.clone(), self.otherwise.take());
        let (report, no_shell) = self.run_once(engine, observer, interrupt.clone()).await;
        match otherwise {
            // Only from a clean slate: what the first strategy made is shown to be gone.
            Some(next) if no_shell && report.verdict == Verdict::Failed => {
                Box::pin(auto::second(
                    &connection,
                    report,
                    next,
                    engine,
                    observer,
                    interrupt,
                ))
                .await
            }
            _ => report,
        }
    }

    /// Runs one strategy, and tells whether the target turned out to have no shell.
    async fn run_once(
        self,
        engine: &dyn ScanEngine,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> (ScanReport, bool) {
        let session = Session::new(self.connection.clone(), self.plan.clone());
        let _ = session.before.set(self.before);
        let observer = &LoggedScan::new(&session, observer);
        let controls = controls(&session, &self.reach);
        let exec = ContainerExec::new(&session);
        let no_shell = exec.no_shell();
        let strategy: Box<dyn ScanStrategy> = match &self.reach {
            Reach::Container => Box::new(exec),
            Reach::Distroless {
                image,
                context,
                nonce,
            } => Box::new(Distroless::new(&session, image, context, nonce)),
        };
        let pipeline = Pipeline {
            plan: self.plan,
            gates: self.gates,
            controls,
            strategy,
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
        report.audit = Some(AuditSummary::of(self.connection.audit()));
        (report, no_shell.load(Ordering::Relaxed))
    }
}

/// Whether the operator may give the scan limits for the admission guard.
///
/// # Errors
///
/// Fails when the operator may not do all that a scan needs.
async fn may_limit(connection: &Connection, target: &Target) -> Result<bool, ResolveError> {
    let may = preflight::review(connection, target.namespace.as_str()).await?;
    if may.missing.is_empty() {
        return Ok(may.limits);
    }
    let namespace = target.namespace.to_string();
    Err(ResolveError::Forbidden(namespace, may.missing))
}

fn controls(session: &Arc<Session>, reach: &Reach) -> Vec<Box<dyn SecurityControl>> {
    let mut all = control::all(session);
    if matches!(reach, Reach::Distroless { .. }) {
        all.push(Box::new(ProbeEnds(Arc::clone(session))));
    }
    all
}

/// A new id: ten hexadecimal digits, so that the admission guard knows the identity by its name.
///
/// # Errors
///
/// Does not fail.
pub fn scan_id() -> Result<ScanId, InvalidScanId> {
    let id = Uuid::new_v4().simple().to_string();
    id[..10].parse()
}
