//! A client that may touch the target is given only to who shows the enforced controls.

use scanner_k8s::run::scope::ScanScope;

fn touch(scope: &ScanScope) {
    let _ = scope.credential().scan_client();
}

fn main() {}
