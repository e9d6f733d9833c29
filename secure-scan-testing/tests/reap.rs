//! `reap` in a namespace that does not exist answers as a scan does: with the name that was probably meant.

use secure_scan::{
    Remedy,
    reap::{ReapRequest, Reaped, reap},
};
use secure_scan_testing::FakeCluster;
use serde_json::json;

async fn reaped(fake: &FakeCluster, namespace: &str) -> Reaped {
    let cluster = fake.cluster().expect("a cluster");
    let request = ReapRequest {
        namespace: Some(namespace.into()),
        dry_run: false,
        grace: 300,
    };
    reap(&cluster.begin(), &request).await
}

#[tokio::test(start_paused = true)]
async fn a_wrong_namespace_is_answered_with_the_one_that_was_meant() {
    let fake = FakeCluster::new().namespace("shop", &json!({}));
    let wrong = reaped(&fake, "shpo").await;
    assert!(wrong.is_unknown_namespace, "{wrong:?}");
    assert_eq!(wrong.unseen, ["namespace shpo not found"]);
    let meant = Remedy::did_you_mean(&["shop".to_owned()], Remedy::NameNamespace);
    assert_eq!(wrong.remedy, Some(meant));
    let unlike = reaped(&fake, "nothing-like-it").await;
    assert!(unlike.is_unknown_namespace, "{unlike:?}");
    assert_eq!(unlike.remedy, Some(Remedy::NameNamespace));

    let clean = reaped(&fake, "shop").await;
    assert!(!clean.is_unknown_namespace, "{clean:?}");
    assert!(clean.unseen.is_empty(), "{clean:?}");
}
