//! Strategy distroless on real targets: what the access planner says is what the kernel does.

use k8s_openapi::api::core::v1::Pod;
use scanner_tests::{Site, lab_only};
use serde_json::{Value, json};

const NON_ROOT: &str = "lab.local/distroless:1";
const ROOT: &str = "lab.local/distroless-root:1";

/// A target: name, image, more of the pod, the container's security context.
fn targets() -> Vec<(&'static str, &'static str, Value, Value)> {
    let hardened = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    vec![
        ("hardened", NON_ROOT, json!({}), hardened),
        ("plain", NON_ROOT, json!({}), json!({})),
        (
            "caps",
            NON_ROOT,
            json!({}),
            json!({"capabilities": {"add": ["CHOWN"]}}),
        ),
        (
            "ids",
            NON_ROOT,
            json!({"securityContext": {"runAsUser": 1500, "runAsGroup": 1600, "fsGroup": 1700, "supplementalGroups": [1800]}}),
            json!({}),
        ),
        (
            "readonly",
            NON_ROOT,
            json!({}),
            json!({"readOnlyRootFilesystem": true}),
        ),
        (
            "shared",
            NON_ROOT,
            json!({"shareProcessNamespace": true}),
            json!({}),
        ),
        ("root", ROOT, json!({}), json!({})),
        (
            "root-none",
            ROOT,
            json!({}),
            json!({"capabilities": {"drop": ["ALL"]}}),
        ),
        (
            "root-added",
            ROOT,
            json!({}),
            json!({"capabilities": {"add": ["NET_ADMIN"]}}),
        ),
        ("host-pid", NON_ROOT, json!({"hostPID": true}), json!({})),
    ]
}

const SEEN: &str = "seen";
const LEVEL: &str = "Pod Security level";
const ADMISSION: &str = "not admitted";
const HOST: &str = "process namespace";

/// What the scan of each target must come to: seen, or why not.
fn expected(level: &str) -> [&'static str; 10] {
    match level {
        "privileged" => [SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, HOST],
        // The pod with NET_ADMIN was there before the level was set.
        "baseline" => [SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, LEVEL, HOST],
        // The whole pod is judged anew: only the hardened one fits.
        _ => [
            SEEN, ADMISSION, ADMISSION, ADMISSION, ADMISSION, ADMISSION, LEVEL, LEVEL, LEVEL, HOST,
        ],
    }
}

async fn matrix(level: &str) {
    if lab_only() {
        return;
    }
    let site = Site::new(&format!("matrix-{level}")).await;
    for (name, image, more, security) in targets() {
        site.pod_like(name, image, "Running", &more, &security)
            .await;
    }
    site.enforce(level).await;
    let scans = targets().into_iter().map(|(name, ..)| {
        let site = &site;
        async move { site.probe(&[name, "-o", "json"]).await }
    });
    let said = futures_util::future::join_all(scans).await;
    for ((name, ..), (said, expected)) in targets().iter().zip(said.iter().zip(expected(level))) {
        if expected == SEEN {
            assert_eq!(said.code, 1, "{name} at {level}: {said:?}");
            let report = said.json();
            let results = report["findings"]["results"].as_array();
            let unseen: Vec<&Value> = results
                .into_iter()
                .flatten()
                .filter(|r| {
                    r["status"] == "error"
                        && r["id"] != "empty-passwords"
                        && r["id"] != "password-hashes"
                })
                .collect();
            assert!(unseen.is_empty(), "{name} at {level}: {unseen:?}");
        } else {
            let text = format!("{}{}", said.out, said.err);
            assert_eq!(said.code, 3, "{name} at {level}: {said:?}");
            assert!(
                text.contains(expected) && text.contains("hint"),
                "{name} at {level}: {text}"
            );
        }
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn at_level_privileged_planned_is_seen() {
    matrix("privileged").await;
}

#[tokio::test]
async fn at_level_baseline_planned_is_seen() {
    matrix("baseline").await;
}

#[tokio::test]
async fn at_level_restricted_planned_is_seen() {
    matrix("restricted").await;
}

#[tokio::test]
async fn the_probe_ends_and_its_residue_is_told() {
    if lab_only() {
        return;
    }
    let site = Site::new("residue").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    let said = site.probe(&["bare"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("residue"), "{said:?}");
    let pod = site.api::<Pod>().get("bare").await.unwrap();
    let statuses = pod.status.unwrap().ephemeral_container_statuses.unwrap();
    let state = statuses[0].state.clone().unwrap();
    assert_eq!(state.terminated.unwrap().exit_code, 0);
    let user = statuses[0].user.clone().unwrap().linux.unwrap();
    assert_eq!((user.uid, user.gid), (65532, 65532));
    site.remove().await;
}

#[tokio::test]
async fn a_probe_image_that_cannot_be_pulled_is_told() {
    if lab_only() {
        return;
    }
    let site = Site::new("noprobe").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    // Nothing listens there, so that the pull fails at once.
    let said = site.probe_of("127.0.0.1:9/none:1", &["bare"]).await;
    // The node goes on trying for as long as the pod lives, so something is left.
    assert_eq!(said.code, 5, "{said:?}");
    let text = said.out.replace("\n  ", " ");
    assert!(
        text.contains("ErrImagePull") && text.contains("hint: "),
        "{text}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
