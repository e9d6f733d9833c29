//! Scans with an engine that hangs or panics while it takes files: its checks alone are errors, and nothing waits for it.

mod common;

use std::{future::IntoFuture as _, sync::Arc, thread, time::Duration};

use common::{fake, template, web};
use secure_scan::{
    Evaluation, FailureKind, Running, ScanEngine, Verdict, async_trait,
    engine::EntryEvaluator,
    engines::{EngineFault, EngineHost, Inline, Job},
    finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity},
    host::ThreadHost,
    inventory::{FileEntry, FileSelector, Inventory, InventoryRequest, Section, sink::FilesEnd},
};
use secure_scan_testing::FakeCluster;
use tokio::sync::Notify;

/// For ever, as far as these tests see; one that waits for it fails then.
const EVER: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Hang(&'static str),
    Panic(&'static str),
}

/// Takes files one by one.
#[derive(Clone)]
struct Acme {
    fault: Fault,
    reached: Arc<Notify>,
    files: usize,
}

impl Acme {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            reached: Arc::default(),
            files: 0,
        }
    }

    fn at(&self, step: &str) {
        match self.fault {
            Fault::Hang(at) if at == step => {
                self.reached.notify_one();
                thread::sleep(EVER);
            }
            Fault::Panic(at) => assert!(at != step, "a bug in {step}"),
            _ => (),
        }
    }
}

impl ScanEngine for Acme {
    fn reference(&self) -> EngineRef {
        let name = match self.fault {
            Fault::None => "acme-files",
            Fault::Hang(_) | Fault::Panic(_) => "acme-faulty",
        };
        EngineRef::new(name, "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![FileSelector::default()],
            ..InventoryRequest::default()
        }
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        unreachable!("it takes files one by one")
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(Box::new(self.clone()))
    }
}

impl EntryEvaluator for Acme {
    fn sections(&mut self, _: &Inventory) {}

    fn file(&mut self, _: &FileEntry) {
        if self.files == 0 {
            self.at("file");
        }
        self.files += 1;
    }

    fn finish(self: Box<Self>, _: &FilesEnd) -> Findings {
        self.at("finish");
        let check = CheckResult::new("acme-some", "There are files", Severity::Low);
        let result = if self.files > 0 {
            check.pass()
        } else {
            check.fail(Vec::new())
        };
        Findings::new(self.reference(), vec![result])
    }
}

/// Threads for the engine at fault alone, since virtual time does not wait for those of the others.
struct Split(ThreadHost);

#[async_trait]
impl EngineHost for Split {
    async fn run(&self, engine: &EngineRef, spent: Duration, job: Job) -> Result<(), EngineFault> {
        if engine.name == "acme-faulty" {
            self.0.run(engine, spent, job).await
        } else {
            Inline.run(engine, spent, job).await
        }
    }
}

async fn start(fake: &FakeCluster, engine: Acme, limit: Duration) -> Running {
    let scan = template()
        .engine(engine)
        .engine(Acme::new(Fault::None))
        .host(Split(ThreadHost::within(limit)));
    let cluster = fake.cluster().expect("a cluster");
    let prepared = scan.prepare(&cluster, web()).await;
    prepared.expect("a scan").spawn()
}

/// Until the engine hangs time is real, and from then on virtual.
async fn start_and_hang(fake: &FakeCluster, step: &'static str, limit: Duration) -> Running {
    let engine = Acme::new(Fault::Hang(step));
    let reached = Arc::clone(&engine.reached);
    let running = start(fake, engine, limit).await;
    reached.notified().await;
    tokio::time::pause();
    running
}

/// Why the engine at fault gave nothing; everything else is complete and gone.
fn assert_one_fault(report: &secure_scan::ScanReport, fake: &FakeCluster, why: &str) {
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(report.verdict, Verdict::Incomplete);
    let all: Option<&[_; 3]> = report.findings.as_array();
    let [profile, faulty, files] = all.expect("three engines");
    let errors = profile.count(CheckStatus::Error);
    assert!(!profile.results.is_empty() && errors == 0, "{profile:?}");
    assert_eq!(faulty.results[0].message, why);
    assert_eq!(files.results[0].status, CheckStatus::Pass);
    assert!(fake.left().is_empty(), "{:?}", fake.left());
}

async fn gives_up_at(step: &'static str) {
    let fake = fake();
    let running = start_and_hang(&fake, step, Duration::from_secs(30)).await;
    let begun = fake.elapsed();
    let report = running.into_future().await;
    assert_one_fault(&report, &fake, "the engine did not end within 30 s");
    let took = fake.elapsed().saturating_sub(begun);
    assert!(took < Duration::from_mins(1), "{took:?}");
}

#[tokio::test]
async fn an_engine_that_hangs_in_a_file_is_given_up() {
    gives_up_at("file").await;
}

#[tokio::test]
async fn an_engine_that_hangs_at_the_end_is_given_up() {
    gives_up_at("finish").await;
}

async fn stops_while_in(at: &'static str) {
    let fake = fake();
    let running = start_and_hang(&fake, at, Duration::from_hours(1)).await;
    let (_, stop, report) = running.split();
    let over = stop.within(Duration::from_secs(20), "SIGINT").await;
    assert_eq!(over, Ok(()), "{at}");
    let failure = report.await.failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    assert!(fake.tokens().iter().all(|token| !token.valid));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_engine_that_hangs_in_a_file() {
    stops_while_in("file").await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_engine_that_hangs_at_the_end() {
    stops_while_in("finish").await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_panics_in_a_file_is_an_error_of_its_own() {
    for step in ["file", "finish"] {
        let fake = fake();
        let engine = Acme::new(Fault::Panic(step));
        let cluster = fake.cluster().expect("a cluster");
        let scan = template().engine(engine).engine(Acme::new(Fault::None));
        let prepared = scan.host(Inline).prepare(&cluster, web()).await;
        let report = prepared.expect("a scan").run().await;
        let why = format!("the engine panicked: a bug in {step}");
        assert_one_fault(&report, &fake, &why);
    }
}
