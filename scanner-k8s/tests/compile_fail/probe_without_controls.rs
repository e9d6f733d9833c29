//! A probe is added only by the strategy, under its witness.

use scanner_core::{PreparedControls, Target, plan::ScanId};
use scanner_k8s::api::client::OperatorClient;

async fn add(operator: &OperatorClient, controls: &PreparedControls, scan: &ScanId, target: &Target) {
    let _ = operator.add_ephemeral_container(controls, scan, target, &serde_json::Value::Null).await;
}

fn main() {}
