//! What changes in a target while it is read is reported, and a scan itself changes nothing.

use futures_util::future::join_all;
use scanner_core::report::AuditOutcome;
use scanner_tests::{TestNamespace, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

/// The post-scan audit's word on side effects.
fn side_effects(output: &ProgramOutput) -> (AuditOutcome, String) {
    let report: Value = serde_json::from_str(&output.out).unwrap_or_default();
    let checks = report["post_scan"]["checks"].as_array();
    let mut checks = checks.into_iter().flatten();
    let check = checks.find(|c| c["id"] == "side-effects");
    let check = check.unwrap_or_else(|| unreachable!("{output:?}"));
    let outcome = serde_json::from_value(check["outcome"].clone()).expect("outcome");
    let lines = check["evidence"].as_array().expect("evidence").iter();
    let lines: Vec<&str> = lines.filter_map(Value::as_str).collect();
    (outcome, lines.join("\n"))
}

async fn pod(site: &TestNamespace, name: &str, image: &str, script: &str) {
    let more = json!({"containers": [{
        "name": "web", "image": image, "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
    }]});
    site.pod_like(name, "", "Running", &more, &json!({})).await;
}

#[tokio::test]
async fn changes_during_a_scan_are_reported_and_a_scan_makes_none() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("effects").await;
    let image = "lab.local/busybox:1";
    let quiet = "exec sleep 36000";
    // Each does one thing again and again, so that a scan sees it done.
    let noisy = [
        (
            "file",
            "echo x >> /etc/passwd; sleep 0.1",
            "file /etc/passwd changed",
        ),
        (
            "new-file",
            "n=$((n+1)); echo x > /tmp/dropped-$n; sleep 0.1",
            "is new",
        ),
        // On a busy node a shell may take longer between two processes than each of them runs.
        ("process", "sleep 0.5 & sleep 0.05", "(sleep) "),
        // The next one listens before the last one ends, so that one always does.
        (
            "socket",
            "n=$((n+1)); nc -l -p $((4000+n)) & new=$!; sleep 0.2; kill $old; old=$new",
            "port 4",
        ),
    ];
    let busy = noisy
        .map(|(name, does, expected)| (name, format!("while :; do {does}; done"), Some(expected)));
    let all = [
        ("quiet", quiet.to_owned(), None),
        ("quiet-debian", quiet.to_owned(), None),
    ]
    .into_iter()
    .chain(busy);
    let wrong = join_all(all.map(|(name, script, expected)| {
        let site = &site;
        async move {
            let image = if name == "quiet-debian" {
                "lab.local/debian:1"
            } else {
                image
            };
            pod(site, name, image, &script).await;
            let output = site.run(&[name, "-o", "json"]).await;
            let (outcome, text) = side_effects(&output);
            let right = match expected {
                None => outcome == AuditOutcome::Verified,
                Some(expected) => outcome == AuditOutcome::Reported && text.contains(expected),
            };
            let counted = text.contains(" files of the target compared");
            (!(right && counted)).then(|| format!("{name}: {outcome:?}: {text}"))
        }
    }))
    .await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    site.remove().await;
}
