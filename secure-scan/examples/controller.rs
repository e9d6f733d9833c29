//! A controller's scan: every container of every pod of a namespace, four at a time, clean on Ctrl-C within 20 seconds.
//!
//! Run in a pod of the cluster: `controller NAMESPACE`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to its user"
)]

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all, stream};
use secure_scan::{
    Cluster, Level, Policy, PrepareErrorKind, PreparedScan, Profile, Running, Scan, Stop,
    TargetSelector,
    k8s_openapi::api::core::v1::Pod,
    kube::{Api, Client, Config, api::ListParams},
    strategy,
};
use tokio::sync::Mutex;

/// Scans that run at once.
const AT_ONCE: usize = 4;
/// Time that Kubernetes gives a pod to end is 30 s; this is less.
const GRACE: Duration = Duration::from_secs(20);

/// Every scan that runs, to be stopped together; none any more once it was stopped.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<Option<Vec<Stop>>>>);

impl Fleet {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// Starts a scan, unless all are being stopped: a scan that was prepared alone has written nothing.
    async fn start(&self, scan: PreparedScan) -> Option<Running> {
        let mut all = self.0.lock().await;
        let all = all.as_mut()?;
        let running = scan.spawn();
        all.push(running.stop());
        Some(running)
    }

    async fn is_stopped(&self) -> bool {
        self.0.lock().await.is_none()
    }

    /// Stops all scans at once, and prints what those would leave that are not over in time.
    async fn stop(&self, reason: &str) {
        let all = self.0.lock().await.take().unwrap_or_default();
        let each = all.iter().map(|stop| stop.within(GRACE, reason));
        for left in join_all(each).await.into_iter().filter_map(Result::err) {
            eprintln!("{left}");
        }
    }
}

async fn scan_one(cluster: &Cluster, template: &Scan, fleet: &Fleet, target: TargetSelector) {
    if fleet.is_stopped().await {
        return;
    }
    let name = target.to_string();
    let scan = match template.prepare(cluster, target).await {
        Ok(scan) => scan,
        // The pod ended, or was replaced, since it was listed: its successor has its own turn.
        Err(error) if error.kind() == PrepareErrorKind::NoTarget => return,
        Err(error) => return eprintln!("{name}: {error}"),
    };
    if let Some(gates) = scan.refusal() {
        return println!("{name}: refused by {}", gates[0].id);
    }
    if let Some(running) = fleet.start(scan).await {
        let report = running.await;
        println!(
            "{name}: {}, {} failed",
            report.verdict,
            report.failed().count()
        );
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let namespace = std::env::args().nth(1).ok_or("expected a namespace")?;
    let config = Config::incluster()?;
    let pods: Api<Pod> = Api::namespaced(Client::try_from(config.clone())?, &namespace);
    let cluster = Cluster::builder(config)
        .user_agent("acme-controller/1")
        .build()?;
    let template = Scan::template()
        .engine(Profile::shipped("container-baseline")?)
        .policy(Policy::shipped(Level::Baseline)?)
        .strategy(
            strategy::auto().maybe_probe_image(std::env::var("PROBE_IMAGE").ok().map(Into::into)),
        )
        .lease(Duration::from_mins(2));

    let fleet = Fleet::new();
    let listed = pods.list(&ListParams::default()).await?;
    let targets = listed
        .items
        .iter()
        .flat_map(|pod| TargetSelector::of(pod).each_container());
    let all = stream::iter(targets)
        .map(|target| scan_one(&cluster, &template, &fleet, target))
        .buffer_unordered(AT_ONCE)
        .collect::<()>();
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
        fleet.stop("SIGINT").await;
    };
    tokio::select! {
        () = all => {}
        () = stop => {}
    }
    Ok(())
}
