//! The report that a view borrows.

use crate::report::model::{LocalReport, ScanReport};

/// Which kind it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Scan(&'a ScanReport),
    Local(&'a LocalReport),
}
