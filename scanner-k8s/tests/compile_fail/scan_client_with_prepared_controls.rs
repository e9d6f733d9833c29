//! Controls that were only prepared let the operator add a probe; they do not let anybody look.

use scanner_core::PreparedControls;
use scanner_k8s::run::scope::ScanScope;

fn touch(scope: &ScanScope, prepared: &PreparedControls) {
    let _ = scope.credential().scan_client(prepared);
}

fn main() {}
