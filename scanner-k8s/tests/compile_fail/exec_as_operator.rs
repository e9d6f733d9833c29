//! The operator's client has no exec.

use scanner_core::Target;
use scanner_k8s::api::client::OperatorClient;

async fn touch(operator: &OperatorClient, target: &Target) {
    let _ = operator.exec(target, &["/bin/sh"]).await;
}

fn main() {}
