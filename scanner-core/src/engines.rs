//! Several engines over one inventory: each gets the stream or a list, and a fault of one is an error of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_trait::async_trait;
use scanner_inventory::{
    Collected, FileEntry, Inventory, PodFacts,
    sink::{FilesEnd, Gather, InventorySink},
};

use crate::{
    engine::{EntryEvaluator, Evaluation, ScanEngine},
    finding::{EngineRef, Findings},
    guarded::panic_text,
};

/// One evaluation that a host runs.
pub type Job = Box<dyn FnOnce() -> Findings + Send>;

/// Where evaluations run: a program that must not be blocked gives a host with threads and a limit.
#[async_trait]
pub trait EngineHost: Send + Sync {
    /// Runs one evaluation to its end.
    ///
    /// # Errors
    ///
    /// Fails when it panicked or did not end in time.
    async fn run(&self, engine: &EngineRef, job: Job) -> Result<Findings, EngineFault>;
}

/// Why an engine gave no findings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineFault {
    /// It panicked.
    #[error("the engine panicked: {0}")]
    Panicked(String),
    /// It did not end in time.
    #[error("the engine did not end within {0} s")]
    TooLate(u64),
}

/// Runs evaluations where they are asked for. A panic is caught; an evaluation that does not end is not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

#[async_trait]
impl EngineHost for Inline {
    async fn run(&self, _: &EngineRef, job: Job) -> Result<Findings, EngineFault> {
        caught(job)
    }
}

/// Runs `job`; a panic becomes a fault.
///
/// # Errors
///
/// Fails when it panicked.
pub fn caught<T>(job: impl FnOnce() -> T) -> Result<T, EngineFault> {
    catch_unwind(AssertUnwindSafe(job))
        .map_err(|panic| EngineFault::Panicked(panic_text(panic.as_ref()).to_owned()))
}

/// Every engine of a scan while the inventory comes.
pub(crate) struct Engines<'a> {
    all: Vec<Running<'a>>,
    evaluation: &'a Evaluation,
    pod: &'a Collected<PodFacts>,
    /// Whether an engine needs the files as a list.
    list: bool,
    gather: Gather,
    end: Option<FilesEnd>,
}

struct Running<'a> {
    engine: &'a Arc<dyn ScanEngine>,
    reference: EngineRef,
    state: State<'a>,
}

enum State<'a> {
    Streams(Box<dyn EntryEvaluator + 'a>),
    WantsList,
    Failed(EngineFault),
}

impl<'a> Engines<'a> {
    pub(crate) fn new(
        engines: &'a [Arc<dyn ScanEngine>],
        evaluation: &'a Evaluation,
        pod: &'a Collected<PodFacts>,
    ) -> Self {
        let all: Vec<Running<'a>> = engines
            .iter()
            .map(|engine| Running {
                reference: engine.reference(),
                state: match caught(|| engine.by_entry(evaluation)) {
                    Ok(Some(evaluator)) => State::Streams(evaluator),
                    Ok(None) => State::WantsList,
                    Err(fault) => State::Failed(fault),
                },
                engine,
            })
            .collect();
        Self {
            list: all.iter().any(|one| matches!(one.state, State::WantsList)),
            all,
            evaluation,
            pod,
            gather: Gather::default(),
            end: None,
        }
    }

    fn each(&mut self, mut step: impl FnMut(&mut dyn EntryEvaluator)) {
        for one in &mut self.all {
            if let State::Streams(evaluator) = &mut one.state
                && let Err(fault) = caught(|| step(evaluator.as_mut()))
            {
                one.state = State::Failed(fault);
            }
        }
    }

    /// The findings of each engine, in order, and the inventory without what only streamed through.
    pub(crate) async fn finish(self, host: &dyn EngineHost) -> (Vec<Findings>, Arc<Inventory>) {
        let inventory = Arc::new(self.gather.into_inventory());
        let end = self
            .end
            .unwrap_or_else(|| FilesEnd::new(inventory.files.coverage(), inventory.files_listed));
        let mut findings = Vec::new();
        for one in self.all {
            let result = match one.state {
                State::Failed(fault) => Err(fault),
                State::Streams(evaluator) => caught(|| evaluator.finish(&end)),
                State::WantsList => {
                    let engine = Arc::clone(one.engine);
                    let (inventory, context) = (Arc::clone(&inventory), self.evaluation.clone());
                    let job = Box::new(move || engine.evaluate(&inventory, &context));
                    host.run(&one.reference, job).await
                }
            };
            findings.push(match result {
                Ok(mut found) => {
                    // Whatever it says of itself, these are the findings of the engine that was asked.
                    found.engine.name.clone_from(&one.reference.name);
                    found.engine.version.clone_from(&one.reference.version);
                    found
                }
                Err(fault) => Findings::failed(one.reference, &fault.to_string()),
            });
        }
        (findings, inventory)
    }
}

impl InventorySink for Engines<'_> {
    fn sections(&mut self, mut inventory: Inventory) {
        inventory.pod = self.pod.clone();
        self.each(|evaluator| evaluator.sections(&inventory));
        self.gather.sections(inventory);
    }

    fn file(&mut self, file: FileEntry) {
        self.each(|evaluator| evaluator.file(&file));
        if self.list {
            self.gather.file(file);
        }
    }

    fn end(&mut self, end: FilesEnd) {
        self.gather.end(end.clone());
        self.end = Some(end);
    }
}
