//! The admission guard before a fake cluster: it must cover the namespace of the identity, and not that of the target alone.

use std::{future::IntoFuture as _, time::Duration};

use scanner_core::target::Namespace;
use secure_scan::{ObjectMetadata, Profile, Scan, TargetSelector, Verdict, engines::Inline, guard};
use secure_scan_testing::{FakeCluster, Fault, samples};
use serde_json::{Value, json};

const REFUSAL: &str = "ValidatingAdmissionPolicy 'g' denied request: secure-scan guard: no";

/// A cluster whose guard covers these namespaces.
fn guarded(covered: &'static [&'static str]) -> FakeCluster {
    let guard = move |_: &str, object: &mut Value| {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let mounts = object["automountServiceAccountToken"] == true;
        if mounts && covered.contains(&namespace) {
            return Err(REFUSAL.into());
        }
        Ok(())
    };
    let namespace =
        |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let web = json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    FakeCluster::new()
        .object(namespace("scans"))
        .pod(web)
        .answers(samples::healthy())
        .admission(guard)
}

fn home() -> Namespace {
    "scans".parse().expect("a namespace")
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_not_attacked_by_an_identity_where_it_does_not_hold() {
    for (covered, unguarded) in [
        (&["shop"][..], &["scans"][..]),
        (&["scans"], &["shop"]),
        (&[], &["shop", "scans"]),
    ] {
        let fake = guarded(covered);
        let segment = fake.cluster().expect("a cluster").begin();
        let target = TargetSelector::pod("shop", "web-0");
        let home = home();
        let trial = guard::test(
            &segment,
            &target,
            Some(&home),
            &ObjectMetadata::default(),
            std::future::pending(),
        )
        .await;
        let trial = trial.expect("an answer");
        let names: Vec<&str> = trial.unguarded.iter().map(Namespace::as_str).collect();
        assert_eq!(names, unguarded, "{covered:?}");
        assert!(!trial.held() && !trial.answered(), "{covered:?}");
        assert!(trial.attempts.is_empty(), "{covered:?}");
        assert!(fake.left().is_empty(), "{:?}", fake.left());
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_takes_the_guard_for_installed_where_it_covers_the_identity_too() {
    for (covered, installed) in [(&["shop"][..], false), (&["shop", "scans"], true)] {
        let fake = guarded(covered);
        // The exec that was not planned is the first one.
        let refused = Fault::on("*", "pods/exec").nth(1).status_with(403, REFUSAL);
        let fake = fake.fault(refused);
        let cluster = fake.cluster().expect("a cluster");
        let profile = Profile::shipped("sbom").expect("a profile");
        let scan = Scan::template().host(Inline).engine(profile);
        let scan = scan.identity_namespace("scans");
        let target = TargetSelector::pod("shop", "web-0");
        let scan = scan.prepare(&cluster, target).await;
        let report = scan.expect("a scan that can be prepared").run().await;
        let guard = report
            .controls
            .iter()
            .find(|one| one.id == "admission-guard");
        let said = format!("{:?}", guard.expect("the control").verified);
        let words = if installed {
            "admission-guard: installed"
        } else {
            "admission-guard: not installed for namespace scans"
        };
        assert!(said.contains(words), "{said}");
    }
}

/// Scans beside a guard, with these faults of execs; what was said of the guard, and how many execs were asked for.
async fn said_of_the_guard(faults: Vec<Fault>) -> (String, usize) {
    let fake = faults
        .into_iter()
        .fold(guarded(&["shop"]), FakeCluster::fault);
    let cluster = fake.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    let scan = Scan::template().host(Inline).engine(profile);
    let scan = scan.prepare(&cluster, TargetSelector::pod("shop", "web-0"));
    let scan = scan.await.expect("a scan that can be prepared");
    let report = scan.run().await;
    let mut controls = report.controls.iter();
    let guard = controls.find(|one| one.id == "admission-guard");
    let calls = fake.calls();
    let execs = calls.iter().filter(|call| call.resource == "pods/exec");
    (
        format!("{:?}", guard.expect("the control").verified),
        execs.count(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_trial_before_the_server_has_learned_of_the_binding_is_made_again() {
    let exec = || Fault::on("*", "pods/exec");
    let early = || exec().nth(1).status(403);
    let refused = exec().nth(2).status_with(403, REFUSAL);
    let (said, execs) = said_of_the_guard(vec![early(), refused]).await;
    assert!(said.contains("admission-guard: installed"), "{said}");
    assert_eq!(execs, 3, "two trials and the planned one");
    // Once the rights were seen, a refusal is not for want of them.
    let (said, execs) = said_of_the_guard(vec![early(), exec().nth(2).status(403)]).await;
    assert!(said.contains("admission-guard: unknown"), "{said}");
    assert_eq!(execs, 3);
    // An answer by which the guard is not there is an answer.
    let (said, execs) = said_of_the_guard(vec![]).await;
    assert!(said.contains("admission-guard: not installed"), "{said}");
    assert_eq!(execs, 2);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_is_interrupted_during_the_trial_ends_it_before_the_token_is_shown_dead() {
    let slow = Fault::on("*", "pods/exec")
        .nth(1)
        .delay(Duration::from_secs(10));
    let fake = guarded(&["shop"]).fault(slow);
    let cluster = fake.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    let scan = Scan::template().host(Inline).engine(profile);
    let scan = scan.prepare(&cluster, TargetSelector::pod("shop", "web-0"));
    let running = scan.await.expect("a scan that can be prepared").spawn();
    let stop = running.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let trial = || {
        let calls = fake.calls();
        calls.into_iter().find(|call| call.resource == "pods/exec")
    };
    assert!(
        trial().is_some_and(|call| call.status.is_none()),
        "it waits"
    );
    stop.now("a test");
    let report = running.into_future().await;
    assert_eq!(report.verdict, Verdict::Failed);
    // Whoever still waited for the answer would have it by now.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(trial().and_then(|call| call.status), None);
}

#[tokio::test(start_paused = true)]
async fn what_the_test_makes_has_the_labels_that_the_cluster_demands() {
    for given in [false, true] {
        let demands = |_: &str, object: &mut Value| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let is_labelled = object["metadata"]["labels"]["team"].is_string();
            if name.starts_with("secure-scan-") && object["kind"] == "Job" && !is_labelled {
                return Err("admission webhook denied the request: label team".to_owned());
            }
            Ok(())
        };
        let fake = guarded(&["shop", "scans"]).admission(demands);
        let segment = fake.cluster().expect("a cluster").begin();
        let target = TargetSelector::pod("shop", "web-0");
        let mut metadata = ObjectMetadata::default();
        if given {
            metadata.label("team", "shop").expect("a label");
        }
        let pending = std::future::pending();
        let trial = guard::test(&segment, &target, Some(&home()), &metadata, pending).await;
        assert_eq!(trial.is_ok(), given, "{trial:?}");
        assert!(fake.left().is_empty(), "{:?}", fake.left());
    }
}
