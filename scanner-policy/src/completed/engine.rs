//! An engine whose container is completed from its image.

use std::sync::{Arc, OnceLock, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    engines::{MAX_LISTED, MAX_LISTED_BYTES},
    finding::{EngineRef, Findings},
    inventory::{Collected, FileEntry, FileSelector, Inventory, InventoryRequest, sink::FilesEnd},
};

use super::{
    completion::{Completion, Kept, with_origin},
    evaluator::{Answer, Evaluator},
    image::WholeImage,
    merge::Merge,
    request::of_container,
};

/// An engine that gets from the image what the container does not show.
///
/// The image is set once it was read; without an image there are no findings.
pub struct Completed {
    engine: Arc<dyn ScanEngine>,
    /// Files that all engines of the scan ask for.
    all: Vec<FileSelector>,
    image: Arc<OnceLock<Arc<WholeImage>>>,
    completion: Kept,
}

impl Completed {
    /// `engine`, once `image` is there, which several engines may share.
    pub fn new(engine: Arc<dyn ScanEngine>, image: Arc<OnceLock<Arc<WholeImage>>>) -> Self {
        Self {
            all: engine.request().files,
            engine,
            image,
            completion: Kept::default(),
        }
    }

    /// The same beside other engines; `all` is the request of all engines of the scan.
    #[must_use]
    pub fn beside(mut self, all: &InventoryRequest) -> Self {
        self.all.clone_from(&all.files);
        self
    }

    /// What the engine itself asks for.
    pub fn asked(&self) -> InventoryRequest {
        self.engine.request()
    }

    /// What the image added to the answer that was evaluated last, once.
    pub fn take(&self) -> Option<Completion> {
        let mut kept = self
            .completion
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }

    fn merge(&self) -> Option<Merge> {
        let image = Arc::clone(self.image.get()?);
        let request = self.engine.request();
        Some(Merge::new(image, request, self.all.clone()))
    }

    fn keep(&self, completion: Completion) {
        *self
            .completion
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(completion);
    }
}

impl ScanEngine for Completed {
    fn reference(&self) -> EngineRef {
        self.engine.reference()
    }

    fn request(&self) -> InventoryRequest {
        of_container(&self.engine.request())
    }

    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let Some(mut merge) = self.merge() else {
            return Findings::failed(self.reference(), "the image was not read");
        };
        let mut sections = without_files(inventory);
        let merged = merge.sections(&sections);
        let nothing = merge.nothing();
        let own = inventory.files.data().into_iter().flatten();
        let mut files: Vec<FileEntry> = own.map(|file| merge.file(file).into_owned()).collect();
        let mut bytes: usize = files.iter().map(FileEntry::weight).sum();
        let mut left_out = 0;
        let end = FilesEnd::new(inventory.files.coverage(), inventory.files_listed);
        let ended = merge.end(&end, |file| {
            if files.len() >= MAX_LISTED || bytes >= MAX_LISTED_BYTES {
                left_out += 1;
                return;
            }
            bytes += file.weight();
            files.push(file.clone());
        });
        let mut whole = merged.filter(|_| ended.sections_hold).unwrap_or_else(|| {
            sections.from_image = Some(nothing);
            sections
        });
        let read = ended.completion.from_image.clone();
        ended.files.cut(left_out).complete(&mut whole, files);
        self.keep(ended.completion);
        let found = self.engine.evaluate(&whole, context);
        with_origin(found, &read, context)
    }

    fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        let inner = self.engine.by_entry(context)?;
        let merge = self.merge()?;
        Some(Box::new(Evaluator::new(
            merge,
            Answer {
                engine: Arc::clone(&self.engine),
                context: context.clone(),
            },
            inner,
            Arc::clone(&self.completion),
        )))
    }
}

/// An inventory without its files, which may be many.
fn without_files(inventory: &Inventory) -> Inventory {
    // A new section must be added here too.
    let Inventory {
        agent,
        identity,
        files: _,
        files_listed,
        users,
        groups,
        shadow,
        processes,
        listeners,
        connections,
        mounts,
        env,
        commands,
        packages,
        language_packages,
        os,
        kernel,
        pod,
        changes,
        from_image,
        process_env,
    } = inventory;
    Inventory {
        agent: agent.clone(),
        identity: identity.clone(),
        files: Collected::NotRequested,
        files_listed: *files_listed,
        users: users.clone(),
        groups: groups.clone(),
        shadow: shadow.clone(),
        processes: processes.clone(),
        listeners: listeners.clone(),
        connections: connections.clone(),
        mounts: mounts.clone(),
        env: env.clone(),
        commands: commands.clone(),
        packages: packages.clone(),
        language_packages: language_packages.clone(),
        os: os.clone(),
        kernel: kernel.clone(),
        pod: pod.clone(),
        changes: changes.clone(),
        from_image: from_image.clone(),
        process_env: process_env.clone(),
    }
}

impl std::fmt::Debug for Completed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completed")
            .field("engine", &self.engine.reference())
            .finish_non_exhaustive()
    }
}
