//! Loans before a fake cluster: what the admission guard refuses is refused in advance, and no program outlives its lease.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;
use scanner_core::FailureKind;
use secure_scan::{
    ObjectMetadata, Verdict,
    loan::{
        AllowedCommand, LoanError, LoanRequest, LoanTerms, PreparedLoan, Tool, ToolError,
        secrecy::SecretString,
    },
    target::{PodSelection, TargetRequest},
};
use secure_scan_testing::FakeCluster;
use serde_json::{Value, json};

/// A program that never ends.
struct Endless;

#[async_trait]
impl Tool for Endless {
    fn name(&self) -> String {
        "endless".into()
    }

    async fn run(&self, _: SecretString) -> Result<i32, ToolError> {
        pending().await
    }
}

/// A program that ends at once.
struct Short;

#[async_trait]
impl Tool for Short {
    fn name(&self) -> String {
        "short".into()
    }

    async fn run(&self, _: SecretString) -> Result<i32, ToolError> {
        Ok(0)
    }
}

fn request(terminal: bool) -> LoanRequest {
    LoanRequest {
        target: TargetRequest {
            namespace: "shop".parse().expect("a name"),
            pod: PodSelection::Name("web-0".parse().expect("a name")),
            container: None,
        },
        terms: LoanTerms {
            commands: vec![AllowedCommand::once(["id", "-u"])],
            terminal,
            ..LoanTerms::default()
        },
        lease_seconds: 30,
        object_metadata: ObjectMetadata::default(),
    }
}

fn fake() -> FakeCluster {
    FakeCluster::new().pod(json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    }))
}

async fn prepared(fake: &FakeCluster, terminal: bool) -> Result<PreparedLoan, LoanError> {
    let cluster = fake.cluster().expect("a cluster");
    PreparedLoan::new(cluster.begin(), &request(terminal), Arc::new(Endless)).await
}

/// What the guard says of an account that mounts its token.
fn guard(_: &str, object: &mut Value) -> Result<(), String> {
    if object["kind"] == "ServiceAccount" && object["automountServiceAccountToken"] == true {
        return Err("secure-scan guard: this account mounts its token".into());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn under_the_guard_a_loan_needs_its_limits_first_and_has_no_terminal() {
    let groups = [
        "",
        "apps",
        "batch",
        "rbac.authorization.k8s.io",
        "networking.k8s.io",
    ];
    let no_limits = json!([{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]);
    for (guarded, limits, terminal, refused) in [
        (false, false, false, None),
        (false, false, true, None),
        (false, true, true, None),
        (true, true, false, None),
        (true, true, true, Some("allows no program a terminal")),
        // Without a terminal it would be refused as well.
        (true, false, true, Some("you may not grant its limits")),
        (true, false, false, Some("you may not grant its limits")),
    ] {
        let mut fake = fake();
        if guarded {
            fake = fake.admission(guard);
        }
        if !limits {
            fake = fake.operator_may(&no_limits);
        }
        let case = format!("guard {guarded}, limits {limits}, terminal {terminal}");
        match (prepared(&fake, terminal).await, refused) {
            (Ok(loan), None) => {
                let rules = serde_json::to_string(&loan.plan().rules).expect("rules");
                assert_eq!(rules.contains("guard.secure-scan.io"), limits, "{case}");
            }
            (Err(error), Some(words)) => {
                assert!(error.to_string().contains(words), "{case}: {error}");
            }
            (Ok(_), Some(words)) => panic!("{case}: not refused with {words}"),
            (Err(error), None) => panic!("{case}: {error}"),
        }
        assert!(fake.left().is_empty(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_end_is_ended_with_its_lease() {
    let fake = fake();
    let loan = prepared(&fake, false).await.expect("a loan");
    let (running, exit) = loan.spawn();
    let report = running.await;
    let failure = report.failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::TooLate, "{failure:?}");
    assert_eq!(exit.code(), None);
    assert!(fake.left().is_empty());
    assert!(fake.tokens().iter().all(|token| !token.valid));
}

#[tokio::test(start_paused = true)]
async fn what_a_loan_makes_has_the_labels_that_the_cluster_demands() {
    for (given, verdict) in [(false, Verdict::Failed), (true, Verdict::Passed)] {
        let fake = fake().admission(|_, object| {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            let has = metadata["labels"]["team"].is_string()
                && metadata["annotations"]["why"].is_string();
            if name.starts_with("secure-scan-") && !has {
                return Err("admission webhook denied the request: label team".to_owned());
            }
            Ok(())
        });
        let mut request = request(false);
        if given {
            let more = &mut request.object_metadata;
            more.label("team", "shop").expect("a label");
            more.annotation("why", "SEC-1").expect("an annotation");
        }
        let cluster = fake.cluster().expect("a cluster");
        let loan = PreparedLoan::new(cluster.begin(), &request, Arc::new(Short)).await;
        let (running, exit) = loan.expect("a loan").spawn();
        let report = running.await;
        assert_eq!(report.verdict, verdict, "{:?}", report.failure);
        assert_eq!(exit.code(), given.then_some(0));
        assert!(fake.left().is_empty(), "{:?}", fake.left());
    }
}
