//! One evaluation of a completed answer, file by file.

use std::sync::{Arc, PoisonError};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::Findings,
    inventory::{FileEntry, Inventory, sink::FilesEnd},
};

use super::{
    completion::{Kept, with_origin},
    merge::Merge,
};

/// How an engine begins an evaluation.
pub(super) struct Answer {
    pub(super) engine: Arc<dyn ScanEngine>,
    pub(super) context: Evaluation,
}

/// One evaluation of an engine. If sections came from the image, a second evaluation runs without them: whether they hold
/// is known only after the files, which come later.
pub(super) struct Evaluator {
    merge: Merge,
    answer: Answer,
    inner: Box<dyn EntryEvaluator>,
    plain: Option<Box<dyn EntryEvaluator>>,
    kept: Kept,
}

impl Evaluator {
    pub(super) fn new(
        merge: Merge,
        answer: Answer,
        inner: Box<dyn EntryEvaluator>,
        kept: Kept,
    ) -> Self {
        Self {
            merge,
            answer,
            inner,
            plain: None,
            kept,
        }
    }
}

impl EntryEvaluator for Evaluator {
    fn sections(&mut self, container: &Inventory) {
        let merged = self.merge.sections(container);
        let mut own = container.clone();
        own.from_image = Some(self.merge.nothing());
        let Some(merged) = merged else {
            self.inner.sections(&own);
            return;
        };
        self.inner.sections(&merged);
        self.plain = self.answer.engine.by_entry(&self.answer.context);
        if let Some(plain) = &mut self.plain {
            plain.sections(&own);
        }
    }

    fn file(&mut self, file: &FileEntry) {
        let file = self.merge.file(file);
        self.inner.file(&file);
        if let Some(plain) = &mut self.plain {
            plain.file(&file);
        }
    }

    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings {
        let Self {
            merge,
            answer,
            mut inner,
            mut plain,
            kept,
        } = *self;
        let ended = merge.end(files, |file| {
            inner.file(file);
            if let Some(plain) = &mut plain {
                plain.file(file);
            }
        });
        let evaluator = match plain {
            Some(plain) if !ended.sections_hold => plain,
            None if !ended.sections_hold => {
                return Findings::failed(
                    answer.engine.reference(),
                    "it began an evaluation and then no other one",
                );
            }
            _ => inner,
        };
        let found = evaluator.finish(&ended.files);
        let found = with_origin(found, &ended.completion.from_image, &answer.context);
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended.completion);
        found
    }
}
