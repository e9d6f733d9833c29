//! Several engines over one inventory: each gets the stream or a list, and a fault of one is an error of its own.
//!
//! No engine evaluates in the task of the scan. Each evaluation is made of steps, and an [`EngineHost`] runs each step: a
//! whole list is one, a batch of a stream is one. The scan waits for each step and gathers no files meanwhile, so that an
//! engine that is slower than the target does not make memory grow.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc::sync_channel},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use scanner_inventory::{
    Collected, FileEntry, Inventory, PodFacts,
    sink::{FilesEnd, InventorySink, Taken},
};

use crate::{
    engine::{EntryEvaluator, Evaluation, ScanEngine},
    finding::{EngineRef, Findings},
    guarded::panic_text,
};

/// Files that an engine gets in one step: enough that steps cost nothing, few enough that memory stays bounded.
const BATCH: usize = 512;
/// Most files in the list for engines that do not evaluate entry by entry.
pub const MAX_LISTED: usize = 200_000;
/// Most bytes of that list; it exceeds them by one batch at most.
pub const MAX_LISTED_BYTES: usize = 128 << 20;

/// One step of an evaluation. It catches panics of the engine. The host does not see what the engine answered.
pub type Job = Box<dyn FnOnce() + Send>;

/// Where engines evaluate: a program that must not be blocked gives a host with threads and a time limit.
///
/// The first step asks an engine how it evaluates. If it takes a list, one more step evaluates that. If it evaluates entry
/// by entry, there is a step for the sections, one for each batch of files and one for the findings. The steps of one
/// engine come one after the other and may run in different threads; steps of different engines run at the same time. If a
/// step fails, the engine's checks are errors, and it gets no further step.
#[async_trait]
pub trait EngineHost: Send + Sync {
    /// Runs one step to its end. `spent` is the time that the earlier steps of the same engine took in this scan, so that
    /// a limit can be one for all of them. Dropping what this returns must not wait for the step.
    ///
    /// # Errors
    ///
    /// Fails when the step could not be run or did not end in time.
    async fn run(&self, engine: &EngineRef, spent: Duration, job: Job) -> Result<(), EngineFault>;
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
    /// Its host did not run it.
    #[error("the engine could not be run: {0}")]
    NotRun(String),
    /// The strategy went on before the engine had taken what it was given.
    #[error("the engine was not given everything that was collected")]
    Cut,
}

/// Runs evaluations where they are asked for. An evaluation that does not end holds up the task of the scan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

#[async_trait]
impl EngineHost for Inline {
    async fn run(&self, _: &EngineRef, _: Duration, job: Job) -> Result<(), EngineFault> {
        job();
        Ok(())
    }
}

/// All engines of a scan while the inventory comes in.
pub(crate) struct Engines<'a> {
    all: Vec<Running>,
    host: &'a dyn EngineHost,
    evaluation: &'a Evaluation,
    pod: &'a Collected<PodFacts>,
    /// Variables that the agent cannot see.
    unseen_env: &'a [String],
    /// Every section but the files.
    sections: Arc<Inventory>,
    batch: Vec<FileEntry>,
    /// The files, where an engine needs them as a list.
    list: Option<Vec<Arc<Vec<FileEntry>>>>,
    /// Bytes of that list.
    listed: usize,
    /// Files that came.
    files: u64,
    end: Option<FilesEnd>,
}

impl<'a> Engines<'a> {
    /// Asks every engine how it evaluates.
    pub(crate) async fn start(
        engines: &'a [Arc<dyn ScanEngine>],
        host: &'a dyn EngineHost,
        evaluation: &'a Evaluation,
        pod: &'a Collected<PodFacts>,
    ) -> Self {
        let all = engines.iter().map(|engine| {
            let engine = Running::new(Arc::clone(engine));
            engine.start(host, evaluation.clone())
        });
        let all = join_all(all).await;
        let wants_list = all.iter().any(|one| matches!(one.state, State::WantsList));
        Self {
            all,
            host,
            evaluation,
            pod,
            unseen_env: &[],
            sections: Arc::default(),
            batch: Vec::new(),
            list: wants_list.then(Vec::new),
            listed: 0,
            files: 0,
            end: None,
        }
    }

    /// The same where the agent cannot see these variables.
    pub(crate) const fn without_env(mut self, unseen: &'a [String]) -> Self {
        self.unseen_env = unseen;
        self
    }

    /// Runs the same step in every engine that evaluates entry by entry, all at once.
    async fn each(&mut self, step: impl Fn(&mut dyn EntryEvaluator) + Clone + Send + 'static) {
        let host = self.host;
        join_all(self.all.iter_mut().map(|one| one.take(host, step.clone()))).await;
    }

    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = Arc::new(mem::take(&mut self.batch));
        let taken = self.files;
        self.files += batch.len() as u64;
        if let Some(list) = &mut self.list
            && taken < MAX_LISTED as u64
            && self.listed < MAX_LISTED_BYTES
        {
            self.listed += batch.iter().map(FileEntry::weight).sum::<usize>();
            list.push(Arc::clone(&batch));
        }
        let step = move |evaluator: &mut dyn EntryEvaluator| {
            batch.iter().for_each(|file| evaluator.file(file));
        };
        self.each(step).await;
    }

    /// The findings of each engine, in order, and the inventory without what only streamed through.
    pub(crate) async fn finish(mut self) -> (Vec<Findings>, Arc<Inventory>) {
        self.flush().await;
        let mut inventory = Arc::unwrap_or_clone(self.sections);
        let end = if let Some(end) = self.end {
            let listing = self.list.is_some();
            let batches = self.list.into_iter().flatten();
            let files = batches.flat_map(Arc::unwrap_or_clone).take(MAX_LISTED);
            let files: Vec<FileEntry> = files.collect();
            let left_out = if listing {
                self.files - files.len() as u64
            } else {
                0
            };
            end.clone().cut(left_out).complete(&mut inventory, files);
            end
        } else {
            FilesEnd::new(inventory.files.coverage(), inventory.files_listed)
        };
        let inventory = Arc::new(inventory);
        let all = self.all.into_iter();
        let all = all.map(|one| one.finish(self.host, self.evaluation, &end, &inventory));
        (join_all(all).await, inventory)
    }
}

impl InventorySink for Engines<'_> {
    fn sections(&mut self, mut inventory: Inventory) -> Taken<'_> {
        inventory.pod = self.pod.clone();
        inventory.reconcile_env();
        inventory.leave_out_of_env(self.unseen_env);
        inventory.join_process_env();
        let inventory = Arc::new(inventory);
        self.sections = Arc::clone(&inventory);
        Box::pin(self.each(move |evaluator| evaluator.sections(&inventory)))
    }

    fn file(&mut self, file: FileEntry) -> Taken<'_> {
        self.batch.push(file);
        if self.batch.len() < BATCH {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(self.flush())
    }

    fn end(&mut self, end: FilesEnd) -> Taken<'_> {
        self.end = Some(end);
        Box::pin(std::future::ready(()))
    }
}

/// One engine.
struct Running {
    engine: Arc<dyn ScanEngine>,
    reference: EngineRef,
    /// Time that it took so far.
    spent: Duration,
    state: State,
}

enum State {
    Streams(Box<dyn EntryEvaluator>),
    WantsList,
    Failed(EngineFault),
}

impl Running {
    fn new(engine: Arc<dyn ScanEngine>) -> Self {
        Self {
            reference: engine.reference(),
            engine,
            spent: Duration::ZERO,
            state: State::WantsList,
        }
    }

    async fn start(mut self, host: &dyn EngineHost, evaluation: Evaluation) -> Self {
        let engine = Arc::clone(&self.engine);
        let evaluator = self.step(host, move || engine.by_entry(&evaluation)).await;
        self.state = match evaluator {
            Ok(Some(evaluator)) => State::Streams(evaluator),
            Ok(None) => State::WantsList,
            Err(fault) => State::Failed(fault),
        };
        self
    }

    async fn take(
        &mut self,
        host: &dyn EngineHost,
        step: impl FnOnce(&mut dyn EntryEvaluator) + Send + 'static,
    ) {
        if !matches!(self.state, State::Streams(_)) {
            return;
        }
        // It stays this if the strategy does not wait for the end of the step.
        let state = mem::replace(&mut self.state, State::Failed(EngineFault::Cut));
        let State::Streams(mut evaluator) = state else {
            return;
        };
        let taken = self.step(host, move || {
            step(evaluator.as_mut());
            evaluator
        });
        self.state = match taken.await {
            Ok(evaluator) => State::Streams(evaluator),
            Err(fault) => State::Failed(fault),
        };
    }

    async fn finish(
        mut self,
        host: &dyn EngineHost,
        evaluation: &Evaluation,
        end: &FilesEnd,
        inventory: &Arc<Inventory>,
    ) -> Findings {
        let result = match mem::replace(&mut self.state, State::WantsList) {
            State::Failed(fault) => Err(fault),
            State::Streams(evaluator) => {
                let end = end.clone();
                self.step(host, move || evaluator.finish(&end)).await
            }
            State::WantsList => {
                let engine = Arc::clone(&self.engine);
                let (inventory, context) = (Arc::clone(inventory), evaluation.clone());
                self.step(host, move || engine.evaluate(&inventory, &context))
                    .await
            }
        };
        match result {
            Ok(mut found) => {
                // These are the findings of the engine that was asked, whatever name they give.
                found.engine.name = self.reference.name;
                found.engine.version = self.reference.version;
                found
            }
            Err(fault) => Findings::failed(self.reference, &fault.to_string()),
        }
    }

    /// Lets the host run one step.
    async fn step<T: Send + 'static>(
        &mut self,
        host: &dyn EngineHost,
        step: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineFault> {
        let (send, receive) = sync_channel(1);
        let job = Box::new(move || {
            let begun = Instant::now();
            let result = caught(step);
            // Nobody may wait for it any more.
            let _ = send.send((result, begun.elapsed()));
        });
        host.run(&self.reference, self.spent, job).await?;
        let answer = receive.try_recv();
        let (result, took) =
            answer.map_err(|_| EngineFault::NotRun("it ended without an answer".into()))?;
        self.spent += took;
        result
    }
}

/// Runs `step`; a panic becomes a fault.
fn caught<T>(step: impl FnOnce() -> T) -> Result<T, EngineFault> {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|panic| EngineFault::Panicked(panic_text(panic.as_ref()).to_owned()))
}

#[cfg(test)]
mod tests;
