//! The report of one scan, version 2: one model that every format renders.
//!
//! Its JSON form is published as `docs/report.schema.json`. Fields and values are only ever added within
//! version 2: readers ignore fields that they do not know, and read a value that they do not know as unknown,
//! which never counts as passed. A [`ReportFormat`] writes a [`View`] of it;
//! those that are shipped are in the crate `scanner_report`.

mod bound;
pub mod coverage;
pub mod format;
pub mod model;
mod origin;
mod packages;
mod record;
pub mod row;
pub mod view;

pub use crate::{
    evidence::{AuditCheck, AuditOutcome, PostScanAudit},
    failure::Failure,
    verdict::Verdict,
};
pub use bound::Unbound;
pub use coverage::SectionCoverage;
pub use format::{Contents, FormatError, MissingInput, ReportFormat};
pub(crate) use model::NO_CONTROLS;
pub use model::{LOCAL_SCHEMA, LOCAL_SCHEMA_V1, LocalReport, SCHEMA, SCHEMA_V1, ScanReport};
pub use origin::{KnownBy, OperatorName, Origin};
pub use packages::Packages;
pub use record::{ApiCalls, AuditSummary, ControlRecord, ControlStage, Timing};
pub use row::Row;
pub use view::View;
