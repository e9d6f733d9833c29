//! Workloads of more pods than are read.

use secure_scan::TargetSelector;
use secure_scan_testing::FakeCluster;
use serde_json::{Value, json};

use crate::support::{bare, named, plan, refused, replica, shop};

/// That many pods of the deployment; `more` is what they have beside that.
fn crowd(count: u32, more: &Value) -> FakeCluster {
    (0..count).fold(shop(), |cluster, number| {
        cluster.pod(replica(
            &format!("web-5d9c-{number:03}"),
            59 - number % 60,
            more,
        ))
    })
}

#[tokio::test]
async fn of_very_many_pods_only_those_that_were_read_are_spoken_of() {
    let whole = crowd(100, &json!({}));
    let all = plan(&whole, named("deploy/web")).await;
    let why = all.target_choice.join("\n");
    assert!(
        why.contains("the oldest of 100 that are ready") && !why.contains("more pods"),
        "{why}"
    );
    let many = crowd(101, &json!({}));
    for target in [
        named("deploy/web"),
        TargetSelector::labels("shop", "app=web"),
    ] {
        let one = plan(&many, target).await;
        let why = one.target_choice.join("\n");
        for words in [
            "the oldest of 100 that are ready, of the 100 pods that were looked at",
            "there are more pods, which were not looked at",
        ] {
            assert!(why.contains(words), "{words}: {why}");
        }
    }
    // One that runs is found behind any number of those that have ended.
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
    let last = crowd(150, &evicted).pod(replica("web-5d9c-z", 1, &json!({})));
    let plan = plan(&last, named("deploy/web")).await;
    assert_eq!(plan.target.pod.as_str(), "web-5d9c-z");
    // Where none runs, those that were not read are not spoken of as if they had been.
    let error = refused(&crowd(150, &evicted), named("deploy/web")).await;
    let words = error.to_string();
    assert!(words.contains("there are more pods"), "{words}");
}

#[tokio::test]
async fn a_deployment_whose_pods_were_not_read_is_not_said_to_have_none() {
    let mut cluster = shop();
    for number in 0..101 {
        cluster = cluster.pod(bare(&format!("a-{number:03}"), &json!({})));
    }
    let error = refused(&cluster, named("deploy/web")).await;
    let words = error.to_string();
    assert!(
        words.contains("among the first 100") && words.contains("not looked at"),
        "{words}"
    );
    let none = refused(&shop(), named("deploy/web")).await.to_string();
    assert!(none.ends_with("has no pod"), "{none}");
}
