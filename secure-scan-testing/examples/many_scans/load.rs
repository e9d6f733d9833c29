//! Many scans of one cluster through the library's public interface, and the memory that they take.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use secure_scan::{
    Cluster, Level, Policy, Profile, Scan, ScanReport, TargetSelector, Verdict,
    core::audit::AuditLog, engines::Inline, finding::Severity, strategy,
};
use secure_scan_testing::{FakeCluster, samples};
use serde_json::json;
use tokio::runtime::Handle;

/// Scans that run at once.
pub(crate) const AT_ONCE: usize = 32;
/// Pods that they take turns with.
const PODS: usize = 8;
/// Calls and tokens that the fake remembers: what it remembers must not look like a leak of the library.
const REMEMBERED: usize = 100;

/// One cluster, and how it is scanned.
pub(crate) struct Load {
    fake: FakeCluster,
    cluster: Cluster,
    template: Scan,
    /// How many scans came to each verdict.
    pub(crate) verdicts: BTreeMap<&'static str, u64>,
    /// The logs of scans, of which each belongs to everything that a scan holds.
    logs: Vec<Weak<AuditLog>>,
}

/// What a process takes after some scans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Scans that have ended.
    pub(crate) scans: u64,
    /// Resident memory in KiB.
    pub(crate) memory: u64,
    /// Tasks of the runtime.
    pub(crate) tasks: usize,
}

impl Load {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let mut fake = FakeCluster::new().remembering(REMEMBERED);
        for pod in 0..PODS {
            fake = fake
                .pod(json!({
                    "metadata": {"namespace": "shop", "name": format!("web-{pod}")},
                    "spec": {
                        "securityContext": {"runAsUser": 10001, "runAsNonRoot": true},
                        "containers": [{"name": "web", "image": "registry.example/web:1"}],
                    },
                }))
                .answers(samples::healthy());
        }
        Ok(Self {
            cluster: fake.cluster()?,
            fake,
            template: Scan::template()
                // In a thread of its own, an engine would work while the paused clock runs ahead.
                .host(Inline)
                .engine(Profile::shipped("container-baseline")?)
                .policy(Policy::shipped(Level::Baseline)?)
                .strategy(strategy::container())
                .threshold(Severity::Critical)
                .lease(Duration::from_mins(2)),
            verdicts: BTreeMap::new(),
            logs: Vec::new(),
        })
    }

    /// Runs `count` scans, and fails at the first one that does not end as it must.
    pub(crate) async fn scan(&mut self, count: u64) -> Result<(), Box<dyn Error>> {
        let (cluster, template) = (&self.cluster, &self.template);
        let scans = stream::iter(0..count).map(|number| async move {
            let pod = format!("web-{}", number % PODS as u64);
            let target = TargetSelector::pod("shop", pod);
            let prepared = template.prepare(cluster, target).await?;
            let log = Arc::downgrade(&prepared.audit());
            Ok::<_, Box<dyn Error>>((prepared.run().await, log))
        });
        let mut scans = scans.buffer_unordered(AT_ONCE);
        while let Some(report) = scans.next().await {
            let (report, log) = report?;
            self.logs.retain(|log| log.strong_count() > 0);
            self.logs.push(log);
            *self.verdicts.entry(report.verdict.name()).or_default() += 1;
            check(&report)?;
        }
        Ok(())
    }

    /// Fails where the scans left anything in the cluster or in the memory of this process.
    pub(crate) async fn check_left(&self) -> Result<(), Box<dyn Error>> {
        // What belongs to the last connections ends by itself.
        tokio::time::sleep(Duration::from_mins(2)).await;
        let held = self.logs.iter().filter(|log| log.strong_count() > 0);
        let held = held.count();
        if held > 0 {
            return Err(format!("something of {held} scans is still held").into());
        }
        let left = self.fake.left();
        if let Some(first) = left.first() {
            return Err(format!("{} objects are left, such as {first}", left.len()).into());
        }
        match self.fake.tokens().iter().find(|token| token.valid) {
            Some(token) => Err(format!("the token of {} is still valid", token.account).into()),
            None => Ok(()),
        }
    }
}

/// Fails where the scan was not done, or its cleanup not shown.
fn check(report: &ScanReport) -> Result<(), Box<dyn Error>> {
    let done = matches!(
        report.verdict,
        Verdict::Passed | Verdict::Findings | Verdict::Incomplete
    );
    let shown = report
        .post_scan
        .as_ref()
        .is_some_and(|audit| audit.verified);
    if done && shown && report.failure.is_none() {
        return Ok(());
    }
    let (failure, audit) = (&report.failure, &report.post_scan);
    Err(format!("{:?}: {failure:#?}\n{audit:#?}", report.verdict).into())
}

impl Taken {
    /// What this process takes now, after so many scans.
    pub(crate) fn now(scans: u64) -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().next());
        Ok(Self {
            scans,
            memory: memory.ok_or("no resident size")?.parse()?,
            tasks: Handle::current().metrics().num_alive_tasks(),
        })
    }
}
