//! Tests of the control stage: whatever fails, whenever, everything is released in reverse order.

use std::{
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::FutureExt;

use super::*;
use crate::{
    AccessError, ControlError, EnforcedControls, Evaluation, Evidence, OpenContext, Phase,
    PreparedControls, ScanEngine, ScanPlan, ScanStrategy, SecurityControl, StrategyError, Subject,
    Target, TargetAccess, Verdict,
    alert::SecurityAlert,
    control::{ReleaseError, VerifyError},
    engines::Inline,
    event::{Event, Observer, Silent},
    evidence::AuditCheck,
    finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity, ThresholdOutcome},
    gate::{ExpectedDigest, Gate},
    inventory::{
        Inventory, InventoryRequest,
        sink::{InventorySink, deliver},
    },
    look::Look,
    plan::PlannedControl,
    report::ControlStage,
    target::TargetForm,
};

type Log = Arc<Mutex<Vec<String>>>;

mod alerts;
mod release;

/// What goes wrong, and at which call (`"verify b"`, `"open"`, `"collect"`).
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Error(&'static str),
    Panic(&'static str),
    Tolerated(&'static str),
    Absent(&'static str),
    Hang(&'static str),
    Invalid(&'static str),
}

#[derive(Clone)]
struct Script {
    log: Log,
    fault: Fault,
}

impl Script {
    fn new(fault: Fault) -> Self {
        Self {
            log: Log::default(),
            fault,
        }
    }

    async fn call(&self, name: String) -> Result<Evidence, ControlError> {
        self.log.lock().unwrap().push(name.clone());
        match self.fault {
            Fault::Panic(at) if at == name => panic!("fault at {name}"),
            Fault::Hang(at) if at == name => pending::<()>().await,
            _ => (),
        }
        let at = match self.fault {
            Fault::Error(at) | Fault::Tolerated(at) | Fault::Absent(at) | Fault::Invalid(at) => at,
            _ => "",
        };
        if at == name {
            return Err(ControlError::new(format!("fault at {name}")));
        }
        Ok(Evidence::of(name))
    }

    async fn verify(&self, name: String) -> Result<Evidence, VerifyError> {
        self.call(name).await.map_err(|error| match self.fault {
            Fault::Tolerated(_) => VerifyError::Tolerated(error),
            Fault::Absent(_) => VerifyError::Absent(error),
            Fault::Invalid(_) => VerifyError::Alert(SecurityAlert::new("fault", error.message)),
            _ => error.into(),
        })
    }

    async fn gone(&self, name: String) -> Result<Evidence, ReleaseError> {
        self.call(name).await.map_err(|error| match self.fault {
            Fault::Invalid(_) => ReleaseError::EvidenceInvalid(error),
            _ => error.into(),
        })
    }
}

/// Control `a` is the lease; control `b` gives access and is verified with it.
struct FakeControl(&'static str, Script);

#[async_trait]
impl SecurityControl for FakeControl {
    fn id(&self) -> &'static str {
        self.0
    }
    fn phase(&self) -> Phase {
        if self.0 == "a" {
            Phase::Lease
        } else {
            Phase::Identity
        }
    }
    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.0, self.0)
    }
    fn verifies_access(&self) -> bool {
        self.0 == "b"
    }
    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        self.1.call(format!("enforce {}", self.0)).await
    }
    async fn grant(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        if self.0 == "a" {
            return Ok(Evidence::none());
        }
        self.1.call(format!("grant {}", self.0)).await
    }
    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        self.1.verify(format!("verify {}", self.0)).await
    }
    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        self.1.call(format!("revoke {}", self.0)).await
    }
    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        self.1.call(format!("release {}", self.0)).await
    }
    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        self.1.gone(format!("gone {}", self.0)).await
    }
    fn post_scan(&self) -> Vec<AuditCheck> {
        assert!(self.1.fault != Fault::Panic("audit"), "fault at audit");
        vec![]
    }
}

struct FakeStrategy(Script);

#[async_trait]
impl ScanStrategy for FakeStrategy {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn trust(&self) -> &'static str {
        "none"
    }
    async fn prepare(
        &self,
        _: &OpenContext<'_>,
        controls: &PreparedControls,
    ) -> Result<(), StrategyError> {
        assert_eq!(controls.ids(), ["a"]);
        let prepared = self.0.call("prepare".into()).await;
        prepared.map(drop).map_err(failed)
    }
    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let tolerated = matches!(
            self.0.fault,
            Fault::Tolerated("verify b") | Fault::Absent("verify b")
        );
        let held = if tolerated { &["a"][..] } else { &["a", "b"] };
        assert_eq!(controls.ids(), held);
        let access = Box::new(FakeAccess(self.0.clone())) as Box<dyn TargetAccess>;
        let opened = self.0.call("open".into()).await;
        opened.map(|_| access).map_err(failed)
    }
}

fn failed(error: ControlError) -> StrategyError {
    StrategyError::new(FailureKind::Unknown, error.message)
}

struct FakeAccess(Script);

#[async_trait]
impl TargetAccess for FakeAccess {
    async fn stream(
        &mut self,
        _: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let collected = self.0.call("collect".into()).await;
        collected.map_err(|e| AccessError::new(FailureKind::Cut, e.message))?;
        deliver(Inventory::default(), sink).await;
        Ok(())
    }
    async fn close(self: Box<Self>) {
        self.0.log.lock().unwrap().push("close".into());
    }
}

#[derive(Clone)]
struct FakeEngine(Vec<(CheckStatus, Severity)>);

impl ScanEngine for FakeEngine {
    fn reference(&self) -> EngineRef {
        EngineRef::new("p", "1")
    }
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }
    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        let results = self.0.iter().map(|(status, severity)| {
            let check = CheckResult::new("check", "Check", *severity);
            match status {
                CheckStatus::Pass => check.pass(),
                CheckStatus::Fail => check.fail(vec![]),
                CheckStatus::Error => check.error("fault"),
                CheckStatus::NotApplicable => check.not_applicable("fault"),
            }
        });
        Findings::new(self.reference(), results.collect())
    }
}

fn plan() -> ScanPlan {
    ScanPlan {
        scan_id: "abcd1234".parse().unwrap(),
        target: Target {
            namespace: "shop".parse().unwrap(),
            pod: "web-0".parse().unwrap(),
            pod_uid: "uid".into(),
            container: "web".parse().unwrap(),
            container_id: "containerd://1".into(),
            image: "web:1".into(),
            image_id: "web@sha256:aa".into(),
            node: "node".into(),
            restarts: 0,
            form: TargetForm::Container,
        },
        image_of: None,
        strategy: "fake".into(),
        reason: None,
        profile: "p 1".into(),
        policy: None,
        gates: vec![],
        lease_seconds: 60,
        identity_namespace: None,
        object_metadata: crate::ObjectMetadata::default(),
        objects: vec![],
        rules: vec![],
        commands: vec![],
        differences: vec![],
        evidence: None,
        not_scanned: vec![],
        target_choice: vec![],
        connection: vec![],
        missing_rights: vec![],
        controls: vec![PlannedControl::new("a", "a"), PlannedControl::new("b", "b")],
        fallback: None,
    }
}

/// If control `b` is required, its failure ends the scan, although it would otherwise be tolerated.
#[test]
fn a_required_control_that_does_not_hold_ends_the_scan() {
    for fault in [Fault::Tolerated("verify b"), Fault::Absent("verify b")] {
        let pass = vec![(CheckStatus::Pass, Severity::High)];
        let required = vec!["b".into()];
        let (report, log) = watched(fault, pass, vec![], pending(), required, &Silent);
        assert_eq!(report.verdict, Verdict::Failed);
        assert!(!log.contains(&"open".to_owned()), "{log:?}");
        assert_eq!(log[log.len() - 4..], RELEASED);
    }
}

/// Findings that thresholds allow.
struct Lenient(FakeEngine);

impl ScanEngine for Lenient {
    fn reference(&self) -> EngineRef {
        self.0.reference()
    }
    fn request(&self) -> InventoryRequest {
        self.0.request()
    }
    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let mut findings = self.0.evaluate(inventory, context);
        findings.thresholds = Some(ThresholdOutcome::default());
        findings
    }
}

#[test]
fn a_report_names_the_severity_that_decided_and_none_where_thresholds_did() {
    let failed = || FakeEngine(vec![(CheckStatus::Fail, Severity::High)]);
    let engines: [(Arc<dyn ScanEngine>, _, _); 2] = [
        (Arc::new(failed()), Verdict::Findings, Some(Severity::High)),
        (Arc::new(Lenient(failed())), Verdict::Passed, None),
    ];
    for (engine, verdict, fail_on) in engines {
        let script = Script::new(Fault::None);
        let report = run(&script, engine, vec![], pending(), vec![], &Silent);
        assert_eq!((report.verdict, report.fail_on), (verdict, fail_on));
    }
}

fn controls(script: &Script) -> Vec<Box<dyn SecurityControl>> {
    vec![
        Box::new(FakeControl("a", script.clone())),
        Box::new(FakeControl("b", script.clone())),
    ]
}

fn run(
    script: &Script,
    engine: Arc<dyn ScanEngine>,
    gates: Vec<Box<dyn Gate>>,
    interrupt: impl Future<Output = String>,
    required: Vec<String>,
    observer: &dyn Observer,
) -> ScanReport {
    let mut setup = Setup::new(plan(), controls(script), observer);
    (setup.gates, setup.required) = (gates, required);
    let mut work = look(script, vec![engine]);
    guarded(setup, &mut work, interrupt)
        .now_or_never()
        .expect("nothing in this scan waits for ever")
}

fn look(script: &Script, engines: Vec<Arc<dyn ScanEngine>>) -> Look<'static> {
    Look::new(
        Subject::host("h"),
        Box::new(FakeStrategy(script.clone())),
        engines,
        Arc::new(Inline),
        Evaluation::on(jiff::civil::date(2026, 1, 1)),
    )
}

fn scan(
    fault: Fault,
    checks: Vec<(CheckStatus, Severity)>,
    gates: Vec<Box<dyn Gate>>,
    interrupt: impl Future<Output = String>,
) -> (ScanReport, Vec<String>) {
    watched(fault, checks, gates, interrupt, vec![], &Silent)
}

fn watched(
    fault: Fault,
    checks: Vec<(CheckStatus, Severity)>,
    gates: Vec<Box<dyn Gate>>,
    interrupt: impl Future<Output = String>,
    required: Vec<String>,
    observer: &dyn Observer,
) -> (ScanReport, Vec<String>) {
    let script = Script::new(fault);
    let engine = Arc::new(FakeEngine(checks));
    let report = run(&script, engine, gates, interrupt, required, observer);
    let log = script.log.lock().unwrap().clone();
    (report, log)
}

/// Whatever ends a scan, an open stream is closed first.
#[test]
fn a_stream_is_closed_on_every_way_out() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    for fault in [
        Fault::None,
        Fault::Error("collect"),
        Fault::Error("revoke a"),
    ] {
        let (_, log) = scan(fault, pass.clone(), vec![], pending());
        assert_eq!(log.iter().filter(|l| *l == "close").count(), 1, "{log:?}");
    }
    for step in ["revoke a", "collect"] {
        let interrupt = ready("SIGINT".into());
        let (_, log) = scan(Fault::Hang(step), pass.clone(), vec![], interrupt);
        assert_eq!(log[log.len() - 5], "close", "{log:?}");
    }
}

/// A pipeline without its controls must not pass.
#[test]
fn controls_that_are_not_those_of_the_plan_end_the_scan_before_it_begins() {
    let script = Script::new(Fault::None);
    let control = |id| Box::new(FakeControl(id, script.clone())) as Box<dyn SecurityControl>;
    let given: [Vec<Box<dyn SecurityControl>>; 4] = [
        vec![],
        vec![control("a")],
        vec![control("a"), control("c")],
        vec![control("a"), control("b"), control("b")],
    ];
    for controls in given {
        let pass = FakeEngine(vec![(CheckStatus::Pass, Severity::High)]);
        let mut work = look(&script, vec![Arc::new(pass)]);
        let setup = Setup::new(plan(), controls, &Silent);
        let report = guarded(setup, &mut work, pending()).now_or_never();
        let report = report.expect("it ends");
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(report.failure.unwrap().kind, FailureKind::Internal);
    }
    // The controls are those of the plan, but no lease is among them.
    let mut without = plan();
    without.controls.remove(0);
    let mut work = look(&script, vec![]);
    let setup = Setup::new(without, vec![control("b")], &Silent);
    let report = guarded(setup, &mut work, pending()).now_or_never().unwrap();
    assert_eq!(report.verdict, Verdict::Failed);
    // A control that is required and that nobody gave.
    let mut setup = Setup::new(plan(), controls(&script), &Silent);
    setup.required = vec!["c".into()];
    let report = guarded(setup, &mut work, pending()).now_or_never().unwrap();
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(script.log.lock().unwrap().is_empty(), "nothing was called");
}

/// A fault of one engine is an error of its own checks; the other's findings stand.
#[test]
fn an_engine_that_panics_spoils_no_other() {
    struct Clumsy;
    impl ScanEngine for Clumsy {
        fn reference(&self) -> EngineRef {
            EngineRef::new("clumsy", "2")
        }
        fn request(&self) -> InventoryRequest {
            InventoryRequest::default()
        }
        fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
            panic!("a bug of somebody else")
        }
    }
    let script = Script::new(Fault::None);
    let pass = FakeEngine(vec![(CheckStatus::Pass, Severity::High)]);
    let mut work = look(&script, vec![Arc::new(Clumsy), Arc::new(pass)]);
    let setup = Setup::new(plan(), controls(&script), &Silent);
    let report = guarded(setup, &mut work, pending()).now_or_never().unwrap();
    assert_eq!(report.verdict, Verdict::Incomplete);
    let failed = &report.findings[0];
    assert_eq!(failed.engine.name, "clumsy");
    assert_eq!(failed.results[0].status, CheckStatus::Error);
    assert!(failed.results[0].message.contains("a bug of somebody else"));
    assert_eq!(report.findings[1].results[0].status, CheckStatus::Pass);
}

const RELEASED: [&str; 4] = ["release b", "release a", "gone b", "gone a"];

#[test]
fn stages_run_in_order() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, log) = scan(Fault::None, pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Passed);
    assert_eq!(
        log[..10],
        [
            "enforce a",
            "verify a",
            "enforce b",
            "prepare",
            "grant b",
            "verify b",
            "open",
            "revoke a",
            "revoke b",
            "collect"
        ]
    );
    assert_eq!(log[10], "close");
    assert_eq!(log[11..], RELEASED);
}

#[test]
fn every_fault_releases_everything_and_is_never_a_pass() {
    let steps = [
        "enforce a",
        "enforce b",
        "verify a",
        "prepare",
        "grant b",
        "verify b",
        "open",
        "revoke a",
        "revoke b",
        "collect",
    ];
    for step in steps {
        for fault in [Fault::Error(step), Fault::Panic(step)] {
            let pass = vec![(CheckStatus::Pass, Severity::High)];
            let (report, log) = scan(fault, pass, vec![], pending());
            assert_eq!(report.verdict, Verdict::Failed, "{step}");
            assert!(report.findings.is_empty(), "{step}");
            assert!(
                report.failure.unwrap().message.raw().contains("fault at"),
                "{step}"
            );
            assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
        }
    }
}

#[test]
fn a_control_that_does_not_hold_is_reported_where_that_is_tolerated() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let fault = Fault::Tolerated("verify b");
    let (report, log) = scan(fault, pass.clone(), vec![], pending());
    assert_eq!(report.verdict, Verdict::Passed);
    let verified = &report.controls[1].verified;
    assert!(
        matches!(verified, ControlStage::NotHeld { reason } if reason.contains("fault at")),
        "{verified:?}"
    );
    assert_eq!(log[log.len() - 4..], RELEASED);
    // Nothing but verification may be tolerated.
    for step in ["enforce b", "revoke b", "gone b"] {
        let (report, _) = scan(Fault::Tolerated(step), pass.clone(), vec![], pending());
        assert_ne!(report.verdict, Verdict::Passed, "{step}");
    }
}

#[test]
fn what_a_cluster_does_not_have_is_reported_and_changes_nothing() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, _) = scan(Fault::Absent("verify b"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Passed);
    let reason = "fault at verify b".to_owned();
    let expected = ControlStage::NotInstalled { reason };
    assert_eq!(report.controls[1].verified, expected);
    assert_eq!(report.controls[1].verified.word(), "not installed");
}

#[test]
fn a_check_that_could_not_look_is_never_a_pass() {
    for (checks, verdict) in [
        (vec![], Verdict::Incomplete),
        (
            vec![(CheckStatus::Error, Severity::Info)],
            Verdict::Incomplete,
        ),
        (vec![(CheckStatus::Fail, Severity::Info)], Verdict::Passed),
        (vec![(CheckStatus::Fail, Severity::Medium)], Verdict::Passed),
        (vec![(CheckStatus::Fail, Severity::High)], Verdict::Findings),
        (
            vec![
                (CheckStatus::Error, Severity::Low),
                (CheckStatus::Fail, Severity::High),
            ],
            Verdict::Incomplete,
        ),
    ] {
        let (report, _) = scan(Fault::None, checks.clone(), vec![], pending());
        assert_eq!(report.verdict, verdict, "{checks:?}");
    }
}
