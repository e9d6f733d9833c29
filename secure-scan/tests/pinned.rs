//! What programs rely on at compile time: futures that any task can run, handles that can be shared, names that are there.

use std::time::Duration;

use secure_scan::{
    Cluster, CompletedScan, Document, DriftScan, Events, InventoryTap, Left, Level, LocalScan,
    Policy, PreparedDrift, PreparedPair, PreparedScan, Profile, Running, Scan, ScanEvent,
    ScanPolicy, Segment, Stop, TargetSelector, k8s_openapi::api::core::v1::Pod, loan::PreparedLoan,
    strategy,
};

fn any_task<T: Send + 'static>(_: T) {}

fn moved<T: Send + 'static>() {}

fn shared<T: Send + Sync + Clone + 'static>() {}

#[test]
fn every_handle_can_go_to_another_task() {
    moved::<PreparedScan>();
    moved::<PreparedDrift>();
    moved::<PreparedPair>();
    moved::<PreparedLoan>();
    moved::<Running>();
    moved::<Events>();
    moved::<ScanEvent>();
    moved::<Left>();
    moved::<LocalScan>();
    moved::<Document>();
    shared::<Cluster>();
    shared::<Segment>();
    shared::<Scan>();
    shared::<DriftScan>();
    shared::<CompletedScan>();
    shared::<Stop>();
    shared::<ScanPolicy>();
    shared::<TargetSelector>();
    moved::<InventoryTap<Profile>>();
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its futures only have to be Send and 'static")]
fn futures_of_scans_run_in_any_task(cluster: Cluster, pod: Pod, profile: Profile) {
    let template = Scan::template()
        .engine(profile.clone())
        .strategy(strategy::auto())
        .lease(Duration::from_mins(2));
    let drift = DriftScan::new("image");
    let completed = template.clone().complete_from_image("image");
    let all = cluster.clone();
    any_task(async move {
        let report = secure_scan::scan(&cluster, TargetSelector::pod("a", "b"), profile).await;
        report.map(|report| report.verdict)
    });
    any_task(async move {
        for target in TargetSelector::of(&pod).each_container() {
            if let Ok(scan) = template.prepare(&all, target.clone()).await {
                let _ = scan.whole_plan().await;
                let (mut events, stop, report) = scan.spawn().split();
                let _ = events.next().await;
                let _ = stop.within(Duration::from_secs(1), "SIGTERM").await;
                let _ = report.await;
            }
            if let Ok(scan) = completed.prepare(&all, target.clone()).await {
                let _ = scan.run().await;
            }
            if let Ok(scan) = drift.prepare(&all, target).await {
                let _ = scan.run().await;
            }
        }
    });
}

#[test]
fn a_profile_needs_no_day_that_a_program_would_have_to_set() {
    // The day is the scan's: a shipped profile that reads it works as it is.
    assert!(Profile::shipped("packages").is_ok());
}

#[test]
fn a_policy_is_taken_as_it_is() {
    let policy = Policy::shipped(Level::Strict).expect("a shipped policy");
    let required = policy.require_isolation;
    let policy = ScanPolicy::from(policy);
    assert_eq!(policy.requires_isolation(), required);
}
