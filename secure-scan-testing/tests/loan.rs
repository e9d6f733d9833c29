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
        identity_namespace: None,
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

#[tokio::test]
async fn a_name_that_does_not_exist_is_an_error_of_the_request() {
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": true}]);
    let fake = FakeCluster::new().pod(json!({
        "metadata": {"namespace": "shop", "name": "web-0", "ownerReferences": owner},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    }));
    for (namespace, pod, container, hint) in [
        ("shop", "web", None, "did you mean web-0?"),
        ("shop", "nope", None, "list the pods of namespace shop"),
        ("shop", "web-0", Some("nope"), "name one of its containers"),
        ("shpo", "web-0", None, "did you mean shop?"),
    ] {
        let mut request = request(false);
        request.target.namespace = namespace.parse().expect("a name");
        request.target.pod = PodSelection::Name(pod.parse().expect("a name"));
        request.target.container = container.map(|name| name.parse().expect("a name"));
        let cluster = fake.cluster().expect("a cluster");
        let error = PreparedLoan::new(cluster.begin(), &request, Arc::new(Short)).await;
        let error = error.err().expect("refused");
        assert!(error.is_usage(), "{error}");
        let given = error.remedy().expect("a remedy").to_string();
        assert!(given.starts_with(hint), "{error}: {given}");
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

#[tokio::test(start_paused = true)]
async fn the_identity_of_a_loan_lives_where_it_is_asked_to() {
    let planned = async |fake: &FakeCluster, namespace: &str| {
        let cluster = fake.cluster().expect("a cluster");
        let request = LoanRequest {
            identity_namespace: Some(namespace.parse().expect("a name")),
            ..request(false)
        };
        PreparedLoan::new(cluster.begin(), &request, Arc::new(Short)).await
    };
    let apart = || fake().namespace("scans", &json!({}));
    let fake = apart();
    let loan = planned(&fake, "scans").await.expect("a loan");
    let of_plan = |kind: &str| {
        let objects = loan.plan().objects.iter();
        let objects = objects.filter(|object| object.kind == kind);
        objects
            .map(|object| object.namespace.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_plan("ServiceAccount"), ["scans"]);
    assert_eq!(of_plan("Role"), ["shop"]);
    let (running, exit) = loan.spawn();
    let report = running.await;
    assert_eq!(report.verdict, Verdict::Passed, "{:#?}", report.failure);
    assert_eq!(exit.code(), Some(0));
    let exclusive = report.controls.iter().any(|c| c.id == "identity-exclusive");
    assert!(exclusive);
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    let mut made: Vec<(String, String)> = fake
        .calls()
        .into_iter()
        .filter(|call| call.verb == "create")
        .map(|call| (call.resource, call.namespace))
        .collect();
    made.sort();
    for (resource, namespace) in [
        ("serviceaccounts", "scans"),
        ("serviceaccounts/token", "scans"),
        ("secrets", "scans"),
        ("roles", "shop"),
        ("rolebindings", "shop"),
    ] {
        let places: Vec<&str> = made
            .iter()
            .filter(|(made, _)| made == resource)
            .map(|(_, place)| place.as_str())
            .collect();
        assert_eq!(places, [namespace], "{resource}");
    }
    // The pod's own namespace is none of its owners' making.
    let same = planned(&apart(), "shop").await.err().expect("refused");
    assert!(same.is_usage() && same.remedy().is_some(), "{same}");
    // Rights there are asked for before anything is made.
    let all = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let narrow = apart().operator("tester", Some("shop"), &all);
    let cluster = narrow.cluster_of("tester").expect("a cluster");
    let request = LoanRequest {
        identity_namespace: Some("scans".parse().expect("a name")),
        ..request(false)
    };
    let refused = PreparedLoan::new(cluster.begin(), &request, Arc::new(Short)).await;
    let refused = refused.err().expect("refused").to_string();
    assert!(refused.contains("in namespace scans"), "{refused}");
    assert!(narrow.left().is_empty());
}
