//! The report of one scan, version 2: one model that every format renders.
//!
//! Its JSON form is published as `docs/report.schema.json`. Fields are only ever added within
//! version 2; readers ignore fields that they do not know. A [`ReportFormat`] writes a [`View`] of it;
//! those that are shipped are in the crate `scanner_report`.

pub mod format;
pub mod model;
mod unfinished;
pub mod view;

pub use crate::{
    evidence::{AuditCheck, AuditOutcome, PostScanAudit},
    failure::Failure,
    verdict::Verdict,
};
pub use format::{Contents, FormatError, MissingInput, ReportFormat};
pub use model::{
    ApiCalls, AuditSummary, ControlRecord, ControlStage, LOCAL_SCHEMA, LocalReport, Packages,
    SCHEMA, ScanReport, Timing,
};
pub use view::View;
