//! Who a cluster and its operator are, without a call and by what the server answers if asked; and which names exist there.

mod common;

use common::{fake, template, web};
use scanner_core::{
    ScanReport, Untrusted,
    report::{KnownBy, Origin},
};
use secure_scan::existing;
use secure_scan_testing::{FakeCluster, Fault};

async fn scanned(fake: &FakeCluster, identify: bool) -> ScanReport {
    let cluster = fake.cluster().expect("a cluster");
    let scan = template().identify(identify);
    let prepared = scan.prepare(&cluster, web()).await.expect("a scan");
    prepared.run().await
}

fn origin(report: &ScanReport) -> Origin {
    report.origin.clone().expect("an origin")
}

fn calls(report: &ScanReport) -> u64 {
    report.api_calls.operator + report.api_calls.scan
}

#[tokio::test(start_paused = true)]
async fn host_and_authority_are_named_without_a_call_and_the_rest_with_two() {
    let plain = scanned(&fake(), false).await;
    let known = origin(&plain);
    assert!(
        !known.server.is_empty() && !known.server.raw().contains('/'),
        "{known:?}"
    );
    assert_eq!(known.ca_sha256.len(), 1);
    assert_eq!((known.version, known.unanswered.len()), (None, 0));
    let asked = scanned(&fake(), true).await;
    let answered = origin(&asked);
    assert!(
        answered
            .version
            .is_some_and(|version| version.raw().starts_with('v'))
    );
    let operator = answered.operator.expect("a name");
    assert_eq!(operator.known_by, KnownBy::Server);
    assert!(!operator.name.is_empty());
    assert_eq!(calls(&asked), calls(&plain) + 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_say_who_it_is_holds_up_no_scan() {
    let fault = Fault::on("create", "selfsubjectreviews")
        .times(1)
        .status(403);
    let report = scanned(&fake().fault(fault), true).await;
    let plain = scanned(&fake(), false).await;
    assert_eq!(report.verdict, plain.verdict);
    let origin = origin(&report);
    let unanswered: Vec<&str> = origin.unanswered.iter().map(Untrusted::raw).collect();
    assert_eq!(unanswered.len(), 1, "{unanswered:?}");
    assert!(
        unanswered[0].starts_with("name of the operator: "),
        "{unanswered:?}"
    );
    assert!(origin.version.is_some());
}

#[tokio::test(start_paused = true)]
async fn pods_and_their_containers_are_named_and_nothing_is_written() {
    let fake = fake();
    let segment = fake.cluster().expect("a cluster").begin();
    let pods = existing::pods(&segment, "shop").await.expect("pods");
    assert_eq!(pods, ["web-0"]);
    let containers = existing::containers(&segment, "shop", "web-0").await;
    assert_eq!(containers.expect("containers"), ["web"]);
    assert!(
        existing::containers(&segment, "shop", "db-0")
            .await
            .is_err()
    );
    let namespaces = existing::namespaces(&segment).await.expect("namespaces");
    assert!(namespaces.contains(&"shop".to_owned()), "{namespaces:?}");
    assert!(fake.left().is_empty());
}
