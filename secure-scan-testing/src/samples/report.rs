//! A report of every verdict, each made by a scan of a fake cluster.

use std::{panic::resume_unwind, thread};

use async_trait::async_trait;
use scanner_core::{
    ControlScope, Evidence, ScanReport, SecurityAlert, SecurityControl, Verdict,
    control::VerifyError, engines::Inline, finding::Severity, plan::PlannedControl,
};
use secure_scan::{Level, Policy, Profile, Scan, TargetSelector, strategy};
use serde_json::{Value, json};

use crate::{FakeCluster, Fault, Target};

use super::inventory::{alarming, healthy, partial};

const PROBE: &str = "registry.example/probe:1";

/// A report with this verdict, to test what your program does with it: from a real scan of a [`FakeCluster`] in which the
/// right thing is found or goes wrong. All of it is there: plan, controls, findings, failure, timings, post-scan audit.
///
/// | verdict | the scan |
/// |---|---|
/// | `Passed` | profile `container-baseline` over [`healthy`], in a container without a shell |
/// | `Findings` | the same profile over [`alarming`] |
/// | `Incomplete` | the same over [`partial`] |
/// | `Failed` | the API server refuses the exec: [`FailureKind::ExecForbidden`](scanner_core::FailureKind) |
/// | `GateAborted` | policy `strict`, and a privileged container |
/// | `SecurityAlert` | a control of the program's own sees another holder of the scan's identity |
/// | `CleanupUnverified` | the API server deletes nothing |
/// | `Unknown` | the first one, as a later version would write it with a verdict that this one does not know |
///
/// It takes no time: the scan has a runtime of its own, in a thread of its own, whose clock is paused.
///
/// ```
/// use secure_scan_testing::samples;
///
/// # use secure_scan::{ScanReport, Verdict};
/// // What a program may do with a report.
/// fn pages_somebody(report: &ScanReport) -> bool {
///     matches!(report.verdict, Verdict::SecurityAlert | Verdict::CleanupUnverified)
/// }
///
/// assert!(pages_somebody(&samples::report(Verdict::CleanupUnverified)));
/// assert!(!pages_somebody(&samples::report(Verdict::Findings)));
/// ```
///
/// # Panics
///
/// Panics where the scan gave another verdict, which is a fault of this crate.
#[expect(clippy::panic, reason = "fails the test that asked for the sample")]
pub fn report(verdict: Verdict) -> ScanReport {
    let made = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(text)?;
        runtime.block_on(scan(verdict))
    });
    match made.join() {
        Ok(Ok(report)) if report.verdict == verdict => report,
        Ok(Ok(report)) => panic!("the sample of {verdict:?} became {report:#?}"),
        Ok(Err(error)) => panic!("the sample of {verdict:?} could not be scanned: {error}"),
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs a scan that ends with this verdict.
async fn scan(verdict: Verdict) -> Result<ScanReport, String> {
    let distroless = Target::distroless(healthy());
    let (cluster, pod) = match verdict {
        Verdict::Findings => (FakeCluster::new(), (plain(), Target::from(alarming()))),
        Verdict::Incomplete => {
            let target = Target::distroless(partial());
            (FakeCluster::new(), (plain(), target))
        }
        Verdict::Failed => {
            let fault = Fault::on("*", "pods/exec").status(403);
            (FakeCluster::new().fault(fault), (plain(), distroless))
        }
        Verdict::GateAborted => (FakeCluster::new(), (privileged(), distroless)),
        Verdict::CleanupUnverified => {
            let fault = Fault::on("delete", "*").status(503);
            (FakeCluster::new().fault(fault), (plain(), distroless))
        }
        _ => (FakeCluster::new(), (plain(), distroless)),
    };
    let cluster = cluster.pod(pod.0).answers(pod.1);
    let connected = cluster.cluster().map_err(text)?;
    let target = TargetSelector::pod("shop", "web-0");
    let prepared = template(verdict)?.prepare(&connected, target).await;
    let report = prepared.map_err(text)?.run().await;
    match verdict {
        Verdict::Unknown => later(&report).map_err(text),
        _ => Ok(report),
    }
}

fn template(verdict: Verdict) -> Result<Scan, String> {
    let profile = Profile::shipped("container-baseline").map_err(text)?;
    let way = match verdict {
        Verdict::Findings => strategy::container(),
        _ => strategy::distroless(PROBE),
    };
    let scan = Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(way)
        .threshold(Severity::Medium);
    Ok(match verdict {
        Verdict::GateAborted => scan.policy(Policy::shipped(Level::Strict).map_err(text)?),
        Verdict::SecurityAlert => scan.control(SecondHolder),
        _ => scan,
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A pod that no gate and no check of its specification objects to.
fn plain() -> Value {
    pod(&json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    }))
}

fn privileged() -> Value {
    pod(&json!({"privileged": true}))
}

fn pod(security_context: &Value) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-0", "labels": {"app": "web"}},
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "web",
                "image": "registry.example/web:1",
                "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
                "securityContext": security_context,
            }],
        },
    })
}

/// The report as a later version would write it.
fn later(report: &ScanReport) -> serde_json::Result<ScanReport> {
    let mut json = serde_json::to_value(report)?;
    json["verdict"] = json!("of_a_later_version");
    serde_json::from_value(json)
}

/// A control that sees another holder of the scan's identity.
struct SecondHolder;

#[async_trait]
impl SecurityControl for SecondHolder {
    fn id(&self) -> &'static str {
        "sample-identity-watch"
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "Nobody else holds the scan's identity")
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let alert = SecurityAlert::new(
            "identity-shared",
            "somebody else made a token of the scan's service account",
        );
        let evidence = "Secret shop/stolen of type kubernetes.io/service-account-token";
        Err(VerifyError::Alert(alert.evidence(evidence)))
    }
}
