//! Tests of local scans, with engines and strategies as a third party writes them.

use std::time::Duration;

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, FailureKind, OpenContext, ScanEngine, ScanStrategy,
    StrategyError, Subject, TargetAccess,
    engine::Evaluation,
    finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity},
    inventory::{
        Collected, Inventory, InventoryRequest, Section,
        sink::{InventorySink, deliver},
    },
    report::Verdict,
};

use super::*;

/// An engine that asks for users, and passes if there are some.
struct Users;

impl ScanEngine for Users {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-users", "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Users].into(),
            ..InventoryRequest::default()
        }
    }

    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let check = CheckResult::new("acme-users", "There are users", Severity::Low);
        let pod = CheckResult::new("acme-pod", "The pod is hardened", Severity::High);
        let users = match &inventory.users {
            Collected::Complete { data } if !data.is_empty() => check.pass(),
            _ => check.error("no users"),
        };
        let pod = match (&inventory.pod, context.absent.contains(&Section::Pod)) {
            (_, true) => pod.not_applicable("there is no pod here"),
            (Collected::Complete { .. }, false) => pod.pass(),
            (_, false) => pod.error("not collected"),
        };
        Findings::new(self.reference(), vec![users, pod])
    }
}

/// Panics, as a third party's engine may.
struct Buggy;

impl ScanEngine for Buggy {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-buggy", "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        panic!("bug of ACME's engine")
    }
}

fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let passwd = "root:x:0:0:root:/root:/bin/sh\n";
    std::fs::write(root.path().join("etc/passwd"), passwd).unwrap();
    root
}

#[tokio::test]
async fn a_directory_is_scanned_without_a_cluster() {
    let root = root();
    let report = LocalScan::directory(root.path())
        .engine(Users)
        .run()
        .await
        .unwrap();
    assert_eq!(report.verdict, Verdict::Passed, "{report:#?}");
    assert!(
        report.subject.starts_with("directory "),
        "{}",
        report.subject
    );
    assert!(report.trust.contains("no control"), "{}", report.trust);
    assert_eq!(report.findings[0].count(CheckStatus::NotApplicable), 1);
}

#[tokio::test]
async fn a_panic_of_an_engine_is_its_own_and_the_others_stay() {
    let root = root();
    let scan = LocalScan::directory(root.path())
        .engine(Users)
        .engine(Buggy);
    let report = scan.run().await.unwrap();
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(report.findings[0].count(CheckStatus::Pass), 1);
    let buggy = &report.findings[1];
    assert_eq!(buggy.engine.name, "acme-buggy");
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("bug of ACME's engine"), "{text}");
    assert!(!text.contains("fault of secure-scan"), "{text}");
}

#[tokio::test]
async fn what_is_not_there_is_said_before_anything_is_read() {
    let missing = LocalScan::directory("/nonexistent")
        .engine(Users)
        .run()
        .await;
    let error = missing.unwrap_err();
    assert!(error.is_usage() && error.remedy().is_some(), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let damaged = LocalScan::oci_archive(file.path())
        .engine(Users)
        .run()
        .await;
    assert!(
        matches!(
            damaged,
            Err(LocalError::Damaged { .. } | LocalError::Unusable { .. })
        ),
        "{:?}",
        damaged.err()
    );
    let nothing = LocalScan::directory("/").run().await;
    assert!(matches!(nothing, Err(LocalError::NoEngine)));
    let host = LocalScan::builder(Subject::host("db-1"))
        .engine(Users)
        .run()
        .await;
    assert!(matches!(host, Err(LocalError::NoStrategy(_))));
}

/// Reaches a machine that answers with one user, or hangs.
struct Machine {
    hangs: bool,
}

#[async_trait]
impl ScanStrategy for Machine {
    fn name(&self) -> &'static str {
        "acme-machine"
    }

    fn trust(&self) -> &'static str {
        "as the machine says"
    }

    fn absent(&self) -> &[Section] {
        &[Section::Pod]
    }

    async fn open(
        &self,
        context: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        assert_eq!(context.subject.to_string(), "host db-1");
        assert!(controls.ids().is_empty());
        Ok(Box::new(Self { hangs: self.hangs }))
    }
}

#[async_trait]
impl TargetAccess for Machine {
    async fn stream(
        &mut self,
        _: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        deliver(Inventory::default(), sink).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test]
async fn a_strategy_of_a_third_party_reaches_what_is_no_pod() {
    let scan = LocalScan::builder(Subject::host("db-1"))
        .strategy(Machine { hangs: false })
        .engine(Users);
    let report = scan.run().await.unwrap();
    assert_eq!(report.subject, "host db-1");
    // Nothing was collected of it, which is not a pass; and what is not a pod passes no check of pods.
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(report.findings[0].count(CheckStatus::NotApplicable), 1);
}

#[tokio::test(start_paused = true)]
async fn a_local_scan_ends_when_it_must() {
    let scan = LocalScan::builder(Subject::host("db-1"))
        .strategy(Machine { hangs: true })
        .engine(Users);
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        "SIGINT".to_owned()
    };
    let report = scan.prepare().await.unwrap().run_until(stop).await;
    assert_eq!(report.failure.unwrap().kind, FailureKind::Interrupted);
}

#[test]
fn a_local_scan_can_run_in_any_task() {
    fn anywhere<T: Send + 'static>(_: T) {}
    anywhere(async { LocalScan::directory("/").engine(Users).run().await });
    anywhere(async { LocalScan::process(1).engine(Users).prepare().await });
}
