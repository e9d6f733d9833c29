//! Only the control stage makes a witness.

use scanner_core::{EnforcedControls, PreparedControls, plan::ScanId};

fn forge(scan: &ScanId) -> (PreparedControls, EnforcedControls) {
    let ids = vec!["lease".to_owned()];
    (PreparedControls::assertion(scan, ids), EnforcedControls::local())
}

fn main() {}
