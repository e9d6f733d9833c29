//! Identifiers of scans.

use scanner_core::plan::{InvalidScanId, ScanId};
use uuid::Uuid;

/// A new id: ten hexadecimal digits, so that the admission guard knows the identity by its name.
///
/// # Errors
///
/// Does not fail.
pub fn scan_id() -> Result<ScanId, InvalidScanId> {
    let id = Uuid::new_v4().simple().to_string();
    id[..10].parse()
}
