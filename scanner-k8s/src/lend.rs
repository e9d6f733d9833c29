//! Lends a single-use credential to a program of this machine: it may exec into one pod, nothing else.
//!
//! The program is run while the credential holds, inside the same pipeline as a scan: the same
//! controls surround it, and the same release, verification and audit follow it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, Pipeline, ScanEngine, ScanPlan, ScanReport, ScanStrategy,
    StrategyError, Target, TargetAccess,
    audit::{AuditLog, Entry},
    event::Observer,
    finding::{CheckResult, CheckStatus, Findings, ProfileRef, Severity},
    inventory::{Inventory, InventoryRequest, PodFacts},
    plan::{PlannedCommand, PlannedObject, PlannedRule},
    report::{ApiCalls, AuditSummary},
    target::TargetRequest,
};
use secrecy::SecretString;

use crate::{
    Connection, Session,
    aftermath::PodSnapshot,
    control, guard, manifest, preflight,
    resolve::{ResolveError, resolve},
    scan::{LoggedScan, MAX_LEASE, MIN_LEASE, scan_id},
};

/// Name of the strategy in plan and report.
pub const STRATEGY: &str = "tool";

/// What is created: API version, kind, what for.
const OBJECTS: [(&str, &str, &str); 5] = [
    (
        "batch/v1",
        "Job",
        "the lease: owns the rest, never has a pod",
    ),
    ("v1", "ServiceAccount", "the program's identity"),
    (
        "rbac.authorization.k8s.io/v1",
        "Role",
        "what the identity may do",
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "gives the role to the identity",
    ),
    ("v1", "Secret", "empty; the token dies with it"),
];

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
    connection: Connection,
    plan: ScanPlan,
    before: PodSnapshot,
    tool: Arc<dyn Tool>,
    calls_before: (u64, u64),
}

impl PreparedLending {
    /// Resolves the pod, asks whether the operator may do all of it, and plans.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a permission is missing, or an admission guard would
    /// refuse all that the program can do.
    pub async fn new(
        connection: &Connection,
        request: &LendRequest,
        tool: Arc<dyn Tool>,
    ) -> Result<Self, ResolveError> {
        let calls_before = connection.calls();
        let (target, pod) = resolve(connection, &request.target).await?;
        let allowed = preflight::ask(connection, target.namespace.as_str()).await?;
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
            rules.push(guard::may_run_anything(&target));
        } else if guard::present(connection, target.namespace.as_str()).await? {
            return Err(ResolveError::Guarded(request.run_anything));
        }
        let name = manifest::object_name(&scan_id);
        let objects = OBJECTS.map(|(api_version, kind, purpose)| PlannedObject {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: target.namespace.to_string(),
            name: name.clone(),
            purpose: purpose.into(),
        });
        let mut plan = ScanPlan {
            differences: vec![],
            objects: objects.to_vec(),
            rules,
            commands: vec![PlannedCommand {
                container: "none: a program of this machine".into(),
                argv: vec![tool.name()],
                stdin: "its own".into(),
                stdin_bytes: 0,
            }],
            controls: vec![],
            scan_id,
            strategy: STRATEGY.into(),
            reason: None,
            profile: "none".into(),
            policy: None,
            gates: vec![],
            lease_seconds: request.lease_seconds.clamp(MIN_LEASE, MAX_LEASE),
            target,
        };
        let session = Session::new(connection.clone(), plan.clone());
        plan.controls = control::all(&session).iter().map(|c| c.plan()).collect();
        Ok(Self {
            connection: connection.clone(),
            plan,
            before: PodSnapshot::of(&pod),
            tool,
            calls_before,
        })
    }

    /// Everything that would be created, granted and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The log of what is decided and done.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.connection.audit())
    }

    /// Lends, and gives the report and the exit code of the program, if it ended.
    pub async fn run(
        self,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> (ScanReport, Option<i32>) {
        let session = Session::new(self.connection.clone(), self.plan.clone());
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
            controls: control::all(&session),
            strategy: Box::new(strategy),
            engine: &ToolRan,
            pod: PodFacts::default(),
            required: vec![],
            threshold: Severity::Low,
            observer: &LoggedScan::new(&session, observer),
        };
        let mut report = pipeline.run(interrupt).await;
        let now = self.connection.calls();
        report.api_calls = ApiCalls {
            operator: now.0 - self.calls_before.0,
            scan: now.1 - self.calls_before.1,
        };
        report.audit = Some(AuditSummary::of(self.connection.audit()));
        (report, code.get().copied())
    }
}

/// Getting one pod by name.
pub(crate) fn get_rule(pod: &str) -> PlannedRule {
    PlannedRule {
        api_groups: vec![String::new()],
        resources: vec!["pods".into()],
        resource_names: vec![pod.to_owned()],
        verbs: vec!["get".into()],
    }
}

struct Lend {
    session: Arc<Session>,
    tool: Arc<dyn Tool>,
    code: Arc<OnceLock<i32>>,
}

#[async_trait]
impl ScanStrategy for Lend {
    fn name(&self) -> &'static str {
        STRATEGY
    }

    fn trust(&self) -> &'static str {
        "what the program does with the pod is its own"
    }

    fn commands(&self, _: &Target, _: &InventoryRequest) -> Vec<PlannedCommand> {
        vec![]
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let failed = |message: String| StrategyError {
            message,
            hint: None,
            source: None,
        };
        let token = self.session.take_lent();
        let token = token.ok_or_else(|| failed("there is no credential to lend".into()))?;
        let namespace = plan.target.namespace.as_str();
        let kubeconfig = self.session.connection.kubeconfig(&token, namespace);
        drop(token);
        let log = self.session.connection.audit();
        log.record(Entry::Lent {
            account: self.session.account(),
            namespace: namespace.to_owned(),
            pod: plan.target.pod.to_string(),
            get_pod: plan.rules.contains(&get_rule(plan.target.pod.as_str())),
            tool: self.tool.name(),
        });
        let limit = std::time::Duration::from_secs(plan.lease_seconds.into());
        let ran = tokio::time::timeout(limit, self.tool.run(kubeconfig)).await;
        let code = ran
            .map_err(|_| StrategyError {
                hint: Some("raise --lease".into()),
                ..failed("the program was ended: it ran longer than the lease".into())
            })?
            .map_err(failed)?;
        log.record(Entry::Done {
            what: format!("{} ended with code {code}", self.tool.name()),
        });
        let _ = self.code.set(code);
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

#[async_trait]
impl TargetAccess for Nothing {
    async fn inventory(&mut self, _: &InventoryRequest) -> Result<Inventory, AccessError> {
        Ok(Inventory::default())
    }

    async fn close(self: Box<Self>) {}
}

/// Says that the program was run; what it found is in its own output.
struct ToolRan;

impl ScanEngine for ToolRan {
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory) -> Findings {
        Findings {
            profile: ProfileRef {
                name: "none".into(),
                version: String::new(),
                title: "A program with a lent credential".into(),
                digest: String::new(),
                inputs: std::collections::BTreeMap::default(),
                selection: Vec::new(),
            },
            thresholds: None,
            waivers: None,
            results: vec![CheckResult {
                id: "tool-ran".into(),
                title: "The program was run to its end".into(),
                severity: Severity::Info,
                status: CheckStatus::Pass,
                message: String::new(),
                evidence: vec![],
                evidence_total: 0,
                rationale: String::new(),
                fix: String::new(),
                limits: vec![],
                tags: vec![],
                references: vec![],
                waiver: None,
            }],
        }
    }
}
