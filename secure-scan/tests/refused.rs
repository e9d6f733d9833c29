//! What is refused when a scan is prepared, before anything is created.

mod common;
#[path = "common/control.rs"]
mod control;

use std::time::Duration;

use common::{fake, template, web};
use control::Named;
use secure_scan::{
    Level, MAX_LEASE, MIN_LEASE, Policy, PrepareError, PrepareErrorKind, SHIPPED_CONTROLS, Scan,
};

/// Why a scan is refused, and how many calls were made until then.
async fn refused(scan: Scan) -> (Option<PrepareError>, u64) {
    let fake = fake();
    let cluster = fake.cluster().expect("a cluster");
    let error = scan.prepare(&cluster, web()).await.err();
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    if let Some(error) = &error {
        assert_eq!(error.kind(), PrepareErrorKind::Usage, "{error}");
        assert!(error.remedy().is_some(), "{error}");
    }
    (error, fake.call_count())
}

#[tokio::test(start_paused = true)]
async fn a_control_that_poses_as_a_shipped_one() {
    for id in SHIPPED_CONTROLS.map(|control| control.id) {
        let (error, calls) = refused(template().control(Named(id))).await;
        assert!(
            matches!(&error, Some(PrepareError::ControlId(named)) if named == id),
            "{id}: {error:?}"
        );
        assert_eq!(calls, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn two_controls_of_one_name() {
    let twice = template()
        .control(Named("acme-ticket"))
        .control(Named("acme-ticket"));
    let (error, calls) = refused(twice).await;
    assert!(
        matches!(error, Some(PrepareError::ControlId(_))),
        "{error:?}"
    );
    assert_eq!(calls, 0);
    let (error, _) = refused(template().control(Named("acme-ticket"))).await;
    assert!(error.is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_requires_a_control_which_nobody_supplies() {
    let mut policy = Policy::shipped(Level::Baseline).expect("a policy");
    policy.require_controls.insert("acme-ticket".into());
    let (error, _) = refused(template().policy(policy.clone())).await;
    assert!(
        matches!(&error, Some(PrepareError::UnknownControl { id, .. }) if id == "acme-ticket"),
        "{error:?}"
    );
    let mut misspelt = Policy::shipped(Level::Baseline).expect("a policy");
    misspelt.require_controls.insert("least-privelege".into());
    let (error, _) = refused(template().policy(misspelt)).await;
    let remedy = error.and_then(|error| error.remedy()).expect("a remedy");
    let remedy = remedy.to_string();
    assert!(
        remedy.starts_with("did you mean least-privilege?"),
        "{remedy}"
    );
    let supplied = template().policy(policy).control(Named("acme-ticket"));
    let (error, _) = refused(supplied).await;
    assert!(error.is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_out_of_bounds() {
    let (shortest, longest) = (u64::from(MIN_LEASE), u64::from(MAX_LEASE));
    for seconds in [0, 1, shortest - 1, longest + 1, u64::MAX] {
        let (error, calls) = refused(template().lease(Duration::from_secs(seconds))).await;
        assert!(
            matches!(error, Some(PrepareError::Lease(_))),
            "{seconds} s: {error:?}"
        );
        assert_eq!(calls, 0);
    }
    for seconds in [shortest, longest] {
        let (error, _) = refused(template().lease(Duration::from_secs(seconds))).await;
        assert!(error.is_none(), "{seconds} s: {error:?}");
    }
    let (error, calls) = refused(template().idle_timeout(Duration::ZERO)).await;
    assert!(
        matches!(error, Some(PrepareError::IdleTimeout)),
        "{error:?}"
    );
    assert_eq!(calls, 0);
    // A part of a second more than the longest is too long as well.
    let beyond = Duration::from_secs(longest) + Duration::from_nanos(1);
    let (error, _) = refused(template().lease(beyond)).await;
    assert!(matches!(error, Some(PrepareError::Lease(_))), "{error:?}");
}
