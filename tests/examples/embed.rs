//! A program that embeds secure-scan: scans one pod and prints what failed.
//!
//! Run: `cargo run -p scanner-tests --example embed -- NAMESPACE POD`

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example program talks to its user"
)]

use std::{env, error::Error, sync::Arc};

use scanner_core::{
    event::{Event, Observer},
    target::{PodSelection, TargetRequest},
};
use scanner_k8s::{Cluster, PreparedScan, ScanRequest};
use scanner_policy::Profile;

struct Stages;

impl Observer for Stages {
    fn event(&self, event: &Event) {
        if let Event::StageStarted(stage) = event {
            eprintln!("{}", stage.doing());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Which cryptography rustls uses is the program's choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut args = env::args().skip(1);
    let (namespace, pod) = (args.next(), args.next());
    let target = TargetRequest {
        namespace: namespace.ok_or("expected a namespace")?.parse()?,
        pod: PodSelection::Name(pod.ok_or("expected a pod")?.parse()?),
        container: None,
    };
    let profile = Profile::shipped("container-baseline")?;
    let cluster = Cluster::kubeconfig(None, None).await?;
    let request = ScanRequest::new(target, Arc::new(profile));
    // Nothing is written up to here; `prepared.plan()` lists what `run` would do.
    let prepared = PreparedScan::new(&cluster, request).await?;
    let interrupt = async {
        // When this resolves the scan stops and cleans up; the report comes after that.
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C".to_owned()
    };
    let report = prepared.run(&Stages, interrupt).await;
    println!("{}", report.verdict.sentence());
    for result in report.failed() {
        println!("{}: {}: {}", result.severity, result.id, result.headline());
    }
    Ok(())
}
