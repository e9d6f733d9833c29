//! `secure-scan scan`: the least intrusive strategy that works, and why.

use k8s_openapi::api::core::v1::Pod;
use scanner_tests::{TestNamespace, lab_only};
use serde_json::json;

const PROBE: [&str; 2] = ["--probe-image", "lab.local/probe:1"];

#[tokio::test]
async fn a_target_with_a_shell_gets_nothing_but_an_exec() {
    let site = TestNamespace::new("auto-shell").await;
    let output = site.auto(&["web", PROBE[0], PROBE[1], "-o", "json"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let report = output.json();
    assert_eq!(report["plan"]["strategy"], "container");
    let reason = report["plan"]["reason"].as_str();
    assert!(reason.is_some_and(|r| r.contains("leaves nothing in the pod")));
    let pod = site.api::<Pod>().get("web").await.expect("pod");
    let added = pod.spec.and_then(|s| s.ephemeral_containers);
    assert!(added.is_none(), "{added:?}");
    site.remove().await;
}

#[tokio::test]
async fn a_target_without_a_shell_gets_a_probe_after_a_try_that_left_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("auto-distroless").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    // One after the other: to a scan, the probe of another one is a stranger's container.
    let without = site.auto(&["bare"]).await;
    // What is wrong with it is below the default severity.
    let with = ["bare", PROBE[0], PROBE[1], "-o", "json", "--fail-on", "low"];
    let with = site.auto(&with).await;
    assert_eq!(with.code, 1, "{with:?}");
    let report = with.json();
    assert_eq!(report["plan"]["strategy"], "distroless");
    let reason = report["plan"]["reason"].as_str();
    assert!(
        reason.is_some_and(|r| r.contains("no /bin/sh")),
        "{reason:?}"
    );
    assert_eq!(report["agent"]["name"], "probe");
    assert_eq!(without.code, 3, "{without:?}");
    assert!(without.out.contains("--probe-image"), "{without:?}");
    let text = without.out.replace("\n  ", " ");
    assert!(text.contains("docs/probe-image.md"), "{without:?}");
    assert!(site.leftovers().await.is_empty());
    site.remove().await;
}

#[tokio::test]
async fn a_dry_run_shows_both_ways_and_writes_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("auto-dry").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    let json = ["bare", "--dry-run", "-o", "json", PROBE[0], PROBE[1]];
    let text = ["bare", "--dry-run", PROBE[0], PROBE[1]];
    let (json, text, without) = tokio::join!(
        site.auto(&json),
        site.auto(&text),
        site.auto(&["bare", "--dry-run"]),
    );
    assert_eq!((json.code, text.code, without.code), (0, 0, 0), "{json:?}");
    let plan = json.json();
    assert_eq!(plan["strategy"], "container");
    let next = &plan["fallback"]["plan"];
    assert_eq!(next["strategy"], "distroless");
    let when = plan["fallback"]["when"].as_str().expect("when");
    assert!(when.contains("no /bin/sh"), "{when}");
    let (first, second) = (plan["rules"].to_string(), next["rules"].to_string());
    // The operator adds the probe; the scan identity may only exec, whichever way it is.
    for rules in [&first, &second] {
        assert!(!rules.contains("pods/ephemeralcontainers"), "{rules}");
        assert!(rules.contains("pods/exec"), "{rules}");
    }
    let added = next["objects"].as_array().expect("objects").iter();
    let added = added.filter(|o| o["kind"] == "ephemeral container");
    assert_eq!(added.count(), 1, "{next}");
    assert_ne!(plan["scan_id"], next["scan_id"]);
    // What is read as text can be copied whole: nothing of it is cut or broken.
    let object = text.out.find("\n  ephemeral container");
    let object = object.expect("the object");
    let from = text.out[object..].find("\n    {\n");
    let from = object + from.expect("the specification") + 1;
    let length = text.out[from..].find("\n    }\n").expect("its end") + "\n    }\n".len();
    let spec: serde_json::Value =
        serde_json::from_str(&text.out[from..from + length]).expect("valid JSON");
    assert_eq!(spec["targetContainerName"], "web");
    // Of each plan: as what is granted, and as what the control of the identity will do.
    let rules = text.out.matches("on pods/exec, only bare").count();
    assert_eq!(rules, 4, "{}", text.out);
    assert!(
        !text.out.contains("pods/ephemeralcontainers"),
        "{}",
        text.out
    );
    assert!(without.err.contains("--probe-image"), "{without:?}");
    assert!(site.leftovers().await.is_empty());
    let pod = site.api::<Pod>().get("bare").await.expect("pod");
    assert!(pod.spec.is_some_and(|s| s.ephemeral_containers.is_none()));
    site.remove().await;
}

#[tokio::test]
async fn where_no_probe_may_look_the_image_is_read_and_the_report_says_why() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("auto-refused").await;
    site.pod_of("powerful", "lab.local/distroless-root:1", "Running")
        .await;
    // Only a root probe sees a root target, and this level forbids it.
    site.enforce("restricted").await;
    let output = site
        .auto(&[
            "powerful",
            PROBE[0],
            PROBE[1],
            "-o",
            "json",
            "--fail-on",
            "low",
        ])
        .await;
    assert!([1, 3].contains(&output.code), "{output:?}");
    let plan = &output.json()["plan"];
    assert_eq!(plan["strategy"], "sidecar-inert", "{output:?}");
    assert!(
        plan["reason"].to_string().contains("restricted"),
        "{output:?}"
    );
    assert_ne!(output.json()["findings"], json!([]), "{output:?}");
    assert!(site.leftovers().await.is_empty());
    site.remove().await;
}

#[tokio::test]
async fn a_target_without_the_collectors_tools_gets_a_probe_too() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("auto-tools").await;
    let without = |tool: &str| {
        json!({"containers": [{
            "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", format!("rm {tool}; exec sleep 3600")],
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
        }]})
    };
    let (dd, find, none) = (without("/bin/dd"), without("/usr/bin/find"), json!({}));
    tokio::join!(
        site.pod_like("no-dd", "", "Running", &dd, &none),
        site.pod_like("no-find", "", "Running", &find, &none),
    );
    let named = site.auto(&["no-dd"]).await;
    let (dd, find) = tokio::join!(
        site.auto(&["no-dd", PROBE[0], PROBE[1], "-o", "json"]),
        site.auto(&["no-find", PROBE[0], PROBE[1], "-o", "json"]),
    );
    for (output, words) in [(&dd, "has no dd"), (&find, "has no find")] {
        assert_eq!(output.code, 1, "{output:?}");
        let report = output.json();
        assert_eq!(report["plan"]["strategy"], "distroless");
        let reason = report["plan"]["reason"].as_str().expect("reason");
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(named.code, 3, "{named:?}");
    assert!(named.out.contains("--probe-image"), "{named:?}");
    assert!(site.leftovers().await.is_empty());
    site.remove().await;
}
