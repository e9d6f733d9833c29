//! Seam: what inspects a target. An engine asks for data once and turns it into findings.
//!
//! ```
//! use scanner_core::{
//!     engine::{Evaluation, ScanEngine},
//!     finding::{CheckResult, EngineRef, Findings, Severity},
//! };
//! use scanner_inventory::{FileSelector, Inventory, InventoryRequest};
//!
//! /// Counts setuid programs.
//! struct SetuidCount;
//!
//! impl ScanEngine for SetuidCount {
//!     fn reference(&self) -> EngineRef {
//!         EngineRef::new("acme-setuid", "1.0.0")
//!     }
//!     fn request(&self) -> InventoryRequest {
//!         InventoryRequest::default()
//!     }
//!     fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
//!         let check = CheckResult::new("acme-setuid", "No setuid programs", Severity::Medium);
//!         Findings::new(self.reference(), vec![check.error("nothing was asked for")])
//!     }
//! }
//! ```

use std::sync::Arc;

use scanner_inventory::{FileEntry, Inventory, InventoryRequest, Section, sink::FilesEnd};

use crate::finding::{EngineRef, Findings};

/// What an evaluation may depend on beside the inventory, so that it stays a pure function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The day of the scan, in UTC.
    pub today: jiff::civil::Date,
    /// Sections that the subject does not have at all, as a directory has no processes: a check that reads one does not
    /// apply.
    pub absent: Vec<Section>,
}

impl Evaluation {
    /// An evaluation on that day of a subject that has every section.
    pub const fn on(today: jiff::civil::Date) -> Self {
        Self {
            today,
            absent: Vec::new(),
        }
    }

    /// The same evaluation of a subject without these sections.
    #[must_use]
    pub fn without(mut self, absent: &[Section]) -> Self {
        self.absent = absent.to_vec();
        self
    }
}

/// Models a set of checks that is compiled to one inventory request.
///
/// Evaluation is a pure function: the same inventory and context always give the same findings, and data that is
/// missing is an error of the checks that need it, never a pass.
///
/// [`ScanEngine::evaluate`] and [`ScanEngine::by_entry`], and every method of the evaluator that the latter gives, run
/// where the scan's [`EngineHost`](crate::engines::EngineHost) runs them: in threads, with one time limit for everything
/// that an engine does in a scan, unless the program gives another host. If one of them panics or takes longer, the checks
/// of this engine are errors; the other engines get everything, and the scan goes on. [`ScanEngine::reference`] and
/// [`ScanEngine::request`] are called in the task of the scan and must return at once.
pub trait ScanEngine: Send + Sync {
    /// Name and version, for the plan and the report.
    fn reference(&self) -> EngineRef;

    /// Everything that an evaluation will read.
    fn request(&self) -> InventoryRequest;

    /// Evaluates what was collected. The inventory is hostile: implementations bound their work.
    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings;

    /// Evaluates entry by entry instead, so that memory does not grow with the number of files. `None` by default: the
    /// engine then gets a bounded list. The evaluator owns what it needs, since a thread may outlive the scan: an engine
    /// with much data shares it, for example in an `Arc`.
    fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        let _ = context;
        None
    }
}

/// One evaluation, entry by entry. The calls may come from different threads, one after the other.
pub trait EntryEvaluator: Send {
    /// Takes every section but the files, once, before the first file.
    fn sections(&mut self, inventory: &Inventory);

    /// Takes one file.
    fn file(&mut self, file: &FileEntry);

    /// Takes how completely the files were collected, and gives the findings.
    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings;
}

macro_rules! delegate {
    ($($type:ty),*) => {$(
        impl<T: ScanEngine + ?Sized> ScanEngine for $type {
            fn reference(&self) -> EngineRef {
                (**self).reference()
            }
            fn request(&self) -> InventoryRequest {
                (**self).request()
            }
            fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
                (**self).evaluate(inventory, context)
            }
            fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
                (**self).by_entry(context)
            }
        }
    )*};
}

delegate!(&T, Box<T>, Arc<T>);
