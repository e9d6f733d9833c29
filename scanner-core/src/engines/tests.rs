//! Tests of several engines over one inventory: one that hangs or panics, at whatever step, costs its own checks alone.

use std::{
    future::{pending, poll_fn},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::Poll,
    thread,
};

use futures_util::FutureExt as _;
use scanner_inventory::{
    Coverage, EnvVar, InventoryRequest,
    sink::{InventorySink, deliver},
};

use super::*;
use crate::{
    AccessError, EnforcedControls, FailureKind, OpenContext, ScanStrategy, StrategyError, Subject,
    TargetAccess, Verdict,
    finding::{CheckResult, CheckStatus, Severity},
    local,
    look::Look,
    report::LocalReport,
};

mod list;

/// Not a multiple of a batch: the last one is short.
const FILES: usize = 3 * BATCH + 7;
const HOUR: Duration = Duration::from_hours(1);
/// For ever, as far as these tests can see: a test that waits this long fails.
const EVER: Duration = Duration::from_secs(20);
const STEPS: [&str; 4] = ["by_entry", "sections", "file", "finish"];

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Hang(&'static str),
    Panic(&'static str),
    Slow(Duration),
}

impl Fault {
    fn at(self, step: &str) {
        match self {
            Self::Hang(at) if at == step => thread::sleep(EVER),
            Self::Panic(at) if at == step => panic!("a bug in {step}"),
            Self::Slow(time) => thread::sleep(time),
            _ => (),
        }
    }
}

/// Counts files entry by entry.
struct Streaming(Fault);

struct Count(Fault, usize);

impl ScanEngine for Streaming {
    fn reference(&self) -> EngineRef {
        let name = match self.0 {
            Fault::None => "streams",
            _ => "faulty",
        };
        EngineRef::new(name, "1")
    }
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }
    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        unreachable!("it takes entry by entry")
    }
    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        self.0.at("by_entry");
        Some(Box::new(Count(self.0, 0)))
    }
}

impl EntryEvaluator for Count {
    fn sections(&mut self, inventory: &Inventory) {
        self.0.at("sections");
        assert_eq!(inventory.agent.name, "fake");
        assert!(matches!(inventory.pod, Collected::Unavailable { .. }));
        let variables = inventory.env.data().expect("an environment");
        assert_eq!(variables.len(), 1, "what the first process exports");
    }
    fn file(&mut self, file: &FileEntry) {
        assert_eq!(file.path, path(self.1));
        if self.1.is_multiple_of(BATCH) {
            self.0.at("file");
        }
        self.1 += 1;
    }
    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings {
        self.0.at("finish");
        assert_eq!(files.coverage, Coverage::Complete);
        counted(self.1)
    }
}

/// Counts files in a list.
struct Listing;

impl ScanEngine for Listing {
    fn reference(&self) -> EngineRef {
        EngineRef::new("lists", "1")
    }
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }
    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        let Collected::Complete { data } = &inventory.files else {
            panic!("{:?}", inventory.files.coverage());
        };
        let mut all = data.iter().enumerate();
        assert!(inventory.files_listed && all.all(|(n, file)| file.path == path(n)));
        counted(data.len())
    }
}

fn path(n: usize) -> scanner_inventory::FilePath {
    format!("/{n}").as_str().into()
}

fn counted(files: usize) -> Findings {
    let check = CheckResult::new("count", "All files came", Severity::Low);
    let result = if files == FILES {
        check.pass()
    } else {
        check.fail(vec![files.to_string()])
    };
    Findings::new(
        EngineRef::new("a name that does not count", "1"),
        vec![result],
    )
}

/// Runs steps in threads, and waits for them in the thread of the test.
struct Threads {
    limit: Duration,
    steps: Mutex<Vec<String>>,
}

impl Threads {
    fn within(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            steps: Mutex::default(),
        })
    }

    fn steps(&self, of: &str) -> usize {
        let steps = self.steps.lock().unwrap();
        steps.iter().filter(|one| *one == of).count()
    }
}

#[async_trait]
impl EngineHost for Threads {
    async fn run(&self, engine: &EngineRef, spent: Duration, job: Job) -> Result<(), EngineFault> {
        self.steps.lock().unwrap().push(engine.name.clone());
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            job();
            let _ = send.send(());
        });
        let done = receive.recv_timeout(self.limit.saturating_sub(spent));
        done.map_err(|_| EngineFault::TooLate(self.limit.as_secs()))
    }
}

struct Files;

#[async_trait]
impl ScanStrategy for Files {
    fn name(&self) -> &'static str {
        "files"
    }
    fn trust(&self) -> &'static str {
        "none"
    }
    async fn open(
        &self,
        _: &OpenContext<'_>,
        _: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl TargetAccess for Files {
    async fn stream(
        &mut self,
        _: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        deliver(inventory(), sink).await;
        Ok(())
    }
    async fn close(self: Box<Self>) {}
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    let file = |n| FileEntry {
        path: path(n),
        ..FileEntry::default()
    };
    let data = (0..FILES).map(file).collect();
    inventory.agent.name = "fake".into();
    inventory.files = Collected::Complete { data };
    inventory.env = Collected::Complete { data: vec![] };
    inventory.process_env = Collected::Complete {
        data: vec![EnvVar::default()],
    };
    inventory.files_listed = true;
    inventory
}

fn day() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 1))
}

fn scan(
    faults: &[Fault],
    host: Arc<dyn EngineHost>,
    interrupt: impl Future<Output = String>,
) -> LocalReport {
    let mut engines: Vec<Arc<dyn ScanEngine>> = Vec::new();
    for &fault in faults {
        engines.push(Arc::new(Streaming(fault)));
    }
    engines.push(Arc::new(Streaming(Fault::None)));
    engines.push(Arc::new(Listing));
    let look = Look::new(Subject::host("h"), Box::new(Files), engines, host, day());
    local::look(look, Severity::Low, interrupt)
        .now_or_never()
        .expect("nothing in this scan waits for ever")
}

/// What became of the engine that is at fault, where the other two are complete.
fn message(report: &LocalReport) -> &str {
    let names = report.findings.iter().map(|one| one.engine.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["faulty", "streams", "lists"]);
    assert_eq!(report.verdict, Verdict::Incomplete);
    for whole in &report.findings[1..] {
        assert_eq!(whole.results[0].status, CheckStatus::Pass, "{whole:?}");
    }
    let result = &report.findings[0].results[0];
    assert_eq!(result.status, CheckStatus::Error);
    &result.message
}

#[test]
fn engines_get_everything_in_batches_whatever_runs_them() {
    let threads = Threads::within(HOUR);
    let hosts: [Arc<dyn EngineHost>; 2] = [threads.clone(), Arc::new(Inline)];
    for host in hosts {
        let report = scan(&[], host, pending());
        assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.findings);
    }
    // How it evaluates, the sections, the batches, the findings; and a list at once.
    assert_eq!(threads.steps("streams"), 1 + 1 + FILES.div_ceil(BATCH) + 1);
    assert_eq!(threads.steps("lists"), 1 + 1);
}

#[test]
fn an_engine_that_hangs_is_given_up_and_gets_nothing_more() {
    for (n, step) in STEPS.into_iter().enumerate() {
        let host = Threads::within(Duration::from_secs(1));
        let begun = Instant::now();
        let report = scan(&[Fault::Hang(step)], host.clone(), pending());
        let why = message(&report);
        assert_eq!(why, "the engine did not end within 1 s", "{step}");
        // The host in these tests waits for one engine after the other.
        assert!(begun.elapsed() < EVER, "{step}");
        if step != "finish" {
            assert_eq!(host.steps("faulty"), n + 1, "{step}");
        }
    }
}

#[test]
fn an_engine_that_panics_is_named_with_its_own_words() {
    for step in STEPS {
        let hosts: [Arc<dyn EngineHost>; 2] = [Threads::within(HOUR), Arc::new(Inline)];
        for host in hosts {
            let report = scan(&[Fault::Panic(step)], host, pending());
            let why = format!("the engine panicked: a bug in {step}");
            assert_eq!(message(&report), why);
        }
    }
}

#[test]
fn the_limit_is_one_for_all_steps_of_an_engine() {
    // Each step alone is within it.
    let slow = Fault::Slow(Duration::from_millis(400));
    let host = Threads::within(Duration::from_secs(1));
    let report = scan(&[slow], host.clone(), pending());
    assert_eq!(message(&report), "the engine did not end within 1 s");
    assert!(host.steps("faulty") <= 3);
}

/// Never says how a step of the engine at fault ended.
struct Silent(AtomicBool);

#[async_trait]
impl EngineHost for Silent {
    async fn run(&self, engine: &EngineRef, _: Duration, job: Job) -> Result<(), EngineFault> {
        if engine.name == "faulty" {
            self.0.store(true, Ordering::SeqCst);
            pending::<()>().await;
        }
        job();
        Ok(())
    }
}

#[test]
fn an_interrupt_does_not_wait_for_an_engine() {
    let host = Arc::new(Silent(AtomicBool::new(false)));
    let seen = Arc::clone(&host);
    let interrupt = poll_fn(move |_| {
        if seen.0.load(Ordering::SeqCst) {
            Poll::Ready("SIGINT".to_owned())
        } else {
            Poll::Pending
        }
    });
    let report = scan(&[Fault::Slow(Duration::ZERO)], host, interrupt);
    let failure = report.failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::Interrupted);
}

/// Runs nothing, and says that it did.
struct Forgets;

#[async_trait]
impl EngineHost for Forgets {
    async fn run(&self, _: &EngineRef, _: Duration, _: Job) -> Result<(), EngineFault> {
        Ok(())
    }
}

#[test]
fn a_step_that_a_host_did_not_run_is_an_error() {
    let report = scan(&[], Arc::new(Forgets), pending());
    assert_eq!(report.verdict, Verdict::Incomplete);
    for found in &report.findings {
        let why = &found.results[0].message;
        assert!(why.starts_with("the engine could not be run"), "{why}");
    }
}

/// Never says that the first batch was taken.
struct Late(AtomicUsize);

#[async_trait]
impl EngineHost for Late {
    async fn run(&self, engine: &EngineRef, _: Duration, job: Job) -> Result<(), EngineFault> {
        job();
        // Before it are the question how the engine evaluates, and the sections.
        if engine.name == "streams" && self.0.fetch_add(1, Ordering::SeqCst) == 2 {
            pending::<()>().await;
        }
        Ok(())
    }
}

/// A strategy that does not wait for the sink must not make an engine pass on half of the files.
#[test]
fn an_engine_that_lost_a_batch_says_so() {
    let engines: [Arc<dyn ScanEngine>; 2] = [Arc::new(Streaming(Fault::None)), Arc::new(Listing)];
    let (host, day) = (Late(AtomicUsize::new(0)), day());
    let pod = Collected::Unavailable { reason: "x".into() };
    let run = async {
        let mut sink = Engines::start(&engines, &host, &day, &pod).await;
        let mut whole = inventory();
        let files = mem::take(&mut whole.files);
        sink.sections(whole).await;
        for file in files.data().into_iter().flatten() {
            // As if by a limit of the strategy's own.
            let _ = sink.file(file.clone()).now_or_never();
        }
        sink.end(FilesEnd::new(Coverage::Complete, true)).await;
        sink.finish().await
    };
    let (findings, _) = run.now_or_never().expect("an end");
    let messages: Vec<&str> = findings
        .iter()
        .map(|found| found.results[0].message.as_str())
        .collect();
    assert_eq!(messages, [EngineFault::Cut.to_string().as_str(), ""]);
    assert_eq!(findings[1].results[0].status, CheckStatus::Pass);
}
