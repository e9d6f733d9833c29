//! Tests of the pipeline: whatever fails, whenever, everything is released in reverse order.

use std::{
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::FutureExt;

use super::*;
use crate::{
    AccessError, ControlError, EnforcedControls, Evidence, ScanEngine, ScanPlan, ScanStrategy,
    SecurityControl, StrategyError, Target, TargetAccess,
    control::ControlEffect,
    event::{Event, Observer, Silent},
    finding::{CheckResult, CheckStatus, Findings, ProfileRef, Severity, ThresholdOutcome},
    gate::{ExpectedDigest, Gate},
    inventory::{Inventory, InventoryRequest, PodFacts},
    plan::{PlannedCommand, PlannedControl},
    report::{AuditCheck, ControlStage, Verdict},
    target::TargetForm,
};

type Log = Arc<Mutex<Vec<String>>>;

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
    async fn call(&self, name: String) -> Result<Evidence, ControlError> {
        self.log.lock().unwrap().push(name.clone());
        match self.fault {
            Fault::Panic(at) if at == name => panic!("fault at {name}"),
            Fault::Hang(at) if at == name => pending::<()>().await,
            _ => (),
        }
        let error = |effect| ControlError {
            message: format!("fault at {name}"),
            hint: None,
            effect,
            source: None,
        };
        match self.fault {
            Fault::Error(at) if at == name => Err(error(ControlEffect::NotHeld)),
            Fault::Tolerated(at) if at == name => Err(error(ControlEffect::Tolerated)),
            Fault::Absent(at) if at == name => Err(error(ControlEffect::Absent)),
            Fault::Invalid(at) if at == name => Err(error(ControlEffect::EvidenceInvalid)),
            _ => Ok(Evidence::of(name)),
        }
    }
}

struct FakeControl(&'static str, Script);

#[async_trait]
impl SecurityControl for FakeControl {
    fn id(&self) -> &'static str {
        self.0
    }
    fn plan(&self) -> PlannedControl {
        PlannedControl {
            id: self.0.into(),
            title: self.0.into(),
            planned: vec![],
        }
    }
    async fn enforce(&self) -> Result<Evidence, ControlError> {
        self.1.call(format!("enforce {}", self.0)).await
    }
    async fn verify(&self) -> Result<Evidence, ControlError> {
        self.1.call(format!("verify {}", self.0)).await
    }
    async fn seal(&self) -> Result<Evidence, ControlError> {
        self.1.call(format!("seal {}", self.0)).await
    }
    async fn release(&self) -> Result<Evidence, ControlError> {
        self.1.call(format!("release {}", self.0)).await
    }
    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        self.1.call(format!("gone {}", self.0)).await
    }
    fn aftermath(&self) -> Vec<AuditCheck> {
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
    fn commands(&self, _: &Target, _: &InventoryRequest) -> Vec<PlannedCommand> {
        vec![]
    }
    async fn open(
        &self,
        _: &ScanPlan,
        controls: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let tolerated = matches!(
            self.0.fault,
            Fault::Tolerated("verify b") | Fault::Absent("verify b")
        );
        let held = if tolerated { &["a"][..] } else { &["a", "b"] };
        assert_eq!(controls.ids(), held);
        let access = Box::new(FakeAccess(self.0.clone())) as Box<dyn TargetAccess>;
        let opened = self.0.call("open".into()).await;
        opened.map(|_| access).map_err(|e| StrategyError {
            message: e.message,
            hint: None,
            source: None,
        })
    }
}

struct FakeAccess(Script);

#[async_trait]
impl TargetAccess for FakeAccess {
    async fn inventory(&mut self, _: &InventoryRequest) -> Result<Inventory, AccessError> {
        let collected = self.0.call("collect".into()).await;
        collected
            .map(|_| Inventory::default())
            .map_err(|e| AccessError {
                message: e.message,
                hint: None,
                source: None,
            })
    }
    async fn close(self: Box<Self>) {
        self.0.log.lock().unwrap().push("close".into());
    }
}

struct FakeEngine(Vec<(CheckStatus, Severity)>);

impl ScanEngine for FakeEngine {
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }
    fn evaluate(&self, _: &Inventory) -> Findings {
        let results = self.0.iter().map(|(status, severity)| CheckResult {
            id: "check".into(),
            title: "Check".into(),
            severity: *severity,
            status: *status,
            message: String::new(),
            evidence: vec![],
            evidence_total: 0,
            rationale: "because".into(),
            fix: "do".into(),
            limits: vec![],
            tags: Vec::new(),
            references: Vec::new(),
            waiver: None,
        });
        Findings {
            profile: ProfileRef {
                name: "p".into(),
                version: "1".into(),
                title: "P".into(),
                digest: String::new(),
                inputs: std::collections::BTreeMap::default(),
                selection: Vec::new(),
            },
            results: results.collect(),
            waivers: None,
            thresholds: None,
        }
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
        strategy: "fake".into(),
        reason: None,
        profile: "p 1".into(),
        policy: None,
        gates: vec![],
        lease_seconds: 60,
        objects: vec![],
        rules: vec![],
        commands: vec![],
        differences: vec![],
        controls: vec![],
        otherwise: None,
    }
}

/// Where control `b` must hold, that its failure is tolerated elsewhere changes nothing.
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
    fn request(&self) -> InventoryRequest {
        self.0.request()
    }
    fn evaluate(&self, inventory: &Inventory) -> Findings {
        let mut findings = self.0.evaluate(inventory);
        findings.thresholds = Some(ThresholdOutcome::default());
        findings
    }
}

#[test]
fn a_report_names_the_severity_that_decided_and_none_where_thresholds_did() {
    let failed = || FakeEngine(vec![(CheckStatus::Fail, Severity::High)]);
    let (plain, lenient) = (failed(), Lenient(failed()));
    let engines: [(&dyn ScanEngine, _, _); 2] = [
        (&plain, Verdict::Findings, Some(Severity::Low)),
        (&lenient, Verdict::Passed, None),
    ];
    for (engine, verdict, fail_on) in engines {
        let script = Script {
            log: Log::default(),
            fault: Fault::None,
        };
        let pipeline = Pipeline {
            plan: plan(),
            gates: vec![],
            controls: vec![
                Box::new(FakeControl("a", script.clone())),
                Box::new(FakeControl("b", script.clone())),
            ],
            strategy: Box::new(FakeStrategy(script)),
            engine,
            pod: PodFacts::default(),
            required: vec![],
            threshold: Severity::Low,
            observer: &Silent,
        };
        let report = pipeline.run(pending()).now_or_never().expect("it ends");
        assert_eq!((report.verdict, report.fail_on), (verdict, fail_on));
    }
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
    let script = Script {
        log: Log::default(),
        fault,
    };
    let engine = FakeEngine(checks);
    let pipeline = Pipeline {
        plan: plan(),
        gates,
        controls: vec![
            Box::new(FakeControl("a", script.clone())),
            Box::new(FakeControl("b", script.clone())),
        ],
        strategy: Box::new(FakeStrategy(script.clone())),
        engine: &engine,
        pod: PodFacts::default(),
        required,
        threshold: Severity::Low,
        observer,
    };
    let report = pipeline
        .run(interrupt)
        .now_or_never()
        .expect("nothing in this scan waits for ever");
    let log = script.log.lock().unwrap().clone();
    (report, log)
}

const RELEASED: [&str; 4] = ["release b", "release a", "gone b", "gone a"];

#[test]
fn stages_run_in_order() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, log) = scan(Fault::None, pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Passed);
    assert_eq!(
        log[..8],
        [
            "enforce a",
            "enforce b",
            "verify a",
            "verify b",
            "open",
            "seal a",
            "seal b",
            "collect"
        ]
    );
    assert_eq!(log[8], "close");
    assert_eq!(log[9..], RELEASED);
}

#[test]
fn every_fault_releases_everything_and_is_never_a_pass() {
    let steps = [
        "enforce a",
        "enforce b",
        "verify a",
        "verify b",
        "open",
        "seal a",
        "seal b",
        "collect",
    ];
    for step in steps {
        for fault in [Fault::Error(step), Fault::Panic(step)] {
            let pass = vec![(CheckStatus::Pass, Severity::High)];
            let (report, log) = scan(fault, pass, vec![], pending());
            assert_eq!(report.verdict, Verdict::Failed, "{step}");
            assert!(report.findings.is_none(), "{step}");
            assert!(
                report.failure.unwrap().message.contains("fault at"),
                "{step}"
            );
            assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
        }
    }
}

#[test]
fn a_control_that_does_not_hold_is_told_where_that_is_tolerated() {
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
    for step in ["enforce b", "seal b", "gone b"] {
        let (report, _) = scan(Fault::Tolerated(step), pass.clone(), vec![], pending());
        assert_ne!(report.verdict, Verdict::Passed, "{step}");
    }
}

#[test]
fn what_a_cluster_does_not_have_is_told_and_changes_nothing() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, _) = scan(Fault::Absent("verify b"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Passed);
    let told = Evidence::of("fault at verify b");
    let expected = ControlStage::Done { evidence: told };
    assert_eq!(report.controls[1].verified, expected);
}

#[test]
fn a_panic_while_releasing_stops_no_other_release() {
    for step in ["release b", "gone b", "audit"] {
        let pass = vec![(CheckStatus::Pass, Severity::High)];
        let (report, log) = scan(Fault::Panic(step), pass, vec![], pending());
        assert_eq!(report.verdict, Verdict::CleanupUnverified, "{step}");
        assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
    }
}

/// Panics when the release begins to show something.
struct Clumsy;

impl Observer for Clumsy {
    fn event(&self, event: &Event) {
        let released = matches!(event, Event::ControlReleased { .. } | Event::Failed { .. });
        assert!(!released, "fault at the observer");
    }
}

#[test]
fn an_observer_that_panics_stops_no_release() {
    for fault in [Fault::None, Fault::Error("open")] {
        let pass = vec![(CheckStatus::Pass, Severity::High)];
        let (report, log) = watched(fault, pass, vec![], pending(), vec![], &Clumsy);
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(log[log.len() - 4..], RELEASED);
    }
}

#[test]
fn an_interrupt_at_any_step_releases_everything() {
    for step in ["enforce b", "verify a", "open", "seal a", "collect"] {
        let (report, log) = scan(Fault::Hang(step), vec![], vec![], ready("SIGINT".into()));
        assert_eq!(report.verdict, Verdict::Failed, "{step}");
        assert!(report.failure.unwrap().interrupted, "{step}");
        assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
    }
}

#[test]
fn one_failed_release_does_not_stop_the_others() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, log) = scan(Fault::Error("release b"), pass.clone(), vec![], pending());
    assert_eq!(log[log.len() - 4..], RELEASED);
    assert_eq!(
        report.verdict,
        Verdict::Passed,
        "its absence was verified after all"
    );
    let (report, _) = scan(Fault::Error("gone b"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::CleanupUnverified);
}

#[test]
fn evidence_about_something_else_is_discarded() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, _) = scan(Fault::Invalid("gone a"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.findings.is_none());
}

#[test]
fn a_gate_that_aborts_leaves_the_cluster_untouched() {
    let gates: Vec<Box<dyn Gate>> = vec![Box::new(ExpectedDigest("sha256:bb".into()))];
    let (report, log) = scan(Fault::None, vec![], gates, pending());
    assert_eq!(report.verdict, Verdict::GateAborted);
    assert!(log.is_empty(), "{log:?}");
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
        (vec![(CheckStatus::Fail, Severity::Low)], Verdict::Findings),
        (
            vec![
                (CheckStatus::Error, Severity::Low),
                (CheckStatus::Fail, Severity::High),
            ],
            Verdict::Findings,
        ),
    ] {
        let (report, _) = scan(Fault::None, checks.clone(), vec![], pending());
        assert_eq!(report.verdict, verdict, "{checks:?}");
    }
}
