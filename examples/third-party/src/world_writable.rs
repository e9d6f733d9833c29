//! An engine that evaluates entry by entry: its memory does not grow with the number of files.

use std::collections::BTreeSet;

use scanner_core::{
    Evaluation, ScanEngine,
    engine::EntryEvaluator,
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{
        Coverage, FileEntry, FileKind, FilePath, FileSelector, Inventory, InventoryRequest,
        Section, sink::FilesEnd,
    },
};

/// Items of evidence in a report.
const SHOWN: usize = 20;

/// Fails on directories that anybody may write to and in which anybody may replace what others wrote.
#[derive(Debug, Clone, Default)]
pub struct WorldWritable {
    under: Vec<String>,
}

impl WorldWritable {
    /// Searches below these directories alone; the whole filesystem otherwise.
    #[must_use]
    pub fn under(mut self, directories: &[&str]) -> Self {
        self.under = directories.iter().map(|&one| one.to_owned()).collect();
        self
    }

    fn evaluator(&self) -> Evaluator {
        Evaluator {
            reference: self.reference(),
            selector: self.selector(),
            found: BTreeSet::new(),
            more: false,
        }
    }

    fn selector(&self) -> FileSelector {
        FileSelector {
            under: self.under.clone(),
            kind: vec![FileKind::Directory],
            mode_any: Some("0002".into()),
            mode_none: Some("1000".into()),
            ..FileSelector::default()
        }
    }
}

impl ScanEngine for WorldWritable {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-directories", env!("CARGO_PKG_VERSION"))
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![self.selector()],
            ..InventoryRequest::default()
        }
    }

    /// The same evaluation over a list, for programs that have one.
    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        let mut evaluator = Box::new(self.evaluator());
        for file in inventory.files.data().into_iter().flatten() {
            evaluator.file(file);
        }
        let coverage = inventory.files.coverage();
        evaluator.finish(&FilesEnd::new(coverage, inventory.files_listed))
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        Some(Box::new(self.evaluator()))
    }
}

struct Evaluator {
    reference: EngineRef,
    selector: FileSelector,
    /// The first that were found, each once: several selections may meet in one file.
    found: BTreeSet<FilePath>,
    /// Whether there are more than these.
    more: bool,
}

impl EntryEvaluator for Evaluator {
    fn sections(&mut self, _: &Inventory) {}

    fn file(&mut self, file: &FileEntry) {
        // The files come for all engines of the scan.
        if !self.selector.matches(file) || self.found.contains(&file.path) {
            return;
        }
        if self.found.len() < SHOWN {
            self.found.insert(file.path.clone());
        } else {
            self.more = true;
        }
    }

    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings {
        let title = "No directory is writable by everybody without the sticky bit";
        let check = CheckResult::new("acme-world-writable", title, Severity::High)
            .with_failing_title("A directory is writable by everybody without the sticky bit")
            .with_advice(
                "Anybody can replace what others wrote there.",
                "Set the sticky bit: chmod +t.",
            );
        let result = if self.found.is_empty() {
            match &files.coverage {
                Coverage::Complete => check.pass(),
                // Every file was listed: only contents are missing, which nobody asked for here.
                Coverage::Partial { .. } if files.listed => check.pass(),
                Coverage::Partial { gaps, .. } => check.error(gaps.to_string()),
                Coverage::Unavailable { reason } => check.error(reason),
                Coverage::NotRequested => check.error("files were not collected"),
            }
        } else {
            let mut failed = check.fail(self.found.iter().map(FilePath::to_text).collect());
            if self.more {
                failed.message = format!("there are more than these {SHOWN}");
                failed.evidence_total += 1;
            }
            failed
        };
        Findings::new(self.reference, vec![result])
    }
}
