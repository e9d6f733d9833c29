//! What an entrypoint exports, keeps to another user or removes, and what each strategy says of the environment then.

use scanner_tests::{TestNamespace, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

const CHECK: &str = "secret-shapes-in-environment";

/// A container whose entrypoint is `script`.
fn container(name: &str, image: &str, script: &str) -> Value {
    json!({
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script],
        "securityContext": {"runAsUser": 0, "runAsGroup": 0},
    })
}

/// The result of the check.
fn result(output: &ProgramOutput) -> Value {
    let report = output.json();
    let all = report["findings"][0]["results"].as_array();
    let found = all.and_then(|all| all.iter().find(|one| one["id"] == CHECK));
    found
        .unwrap_or_else(|| unreachable!("no result: {output:?}"))
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_entrypoint_exports_is_seen_by_every_strategy_or_not_passed() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("environment").await;
    let (busybox, debian) = ("lab.local/busybox:1", "lab.local/debian:1");
    let export = |name: &str| format!("export {name}=AKIA0123456789ABCDEF; exec /bin/sleep 3600");
    let other = "export KEY=AKIA0123456789ABCDEF; exec setpriv --reuid 1000 --regid 1000 --clear-groups sleep 3600";
    let own = container("web", busybox, &export("KEY"));
    let beside = container("beside", busybox, &export("OF_ANOTHER"));
    for (name, more) in [
        ("exports", json!({"containers": [own.clone()]})),
        (
            "shared",
            json!({"shareProcessNamespace": true, "containers": [beside, own]}),
        ),
        (
            "other",
            json!({"containers": [container("web", debian, other)]}),
        ),
    ] {
        site.pod_like(name, "", "Running", &more, &json!({})).await;
    }
    let asked = |name| [name, "-c", "web", "--profile", "secrets", "-o", "json"];
    for name in ["exports", "shared"] {
        let seen = result(&site.run(&asked(name)).await);
        assert_eq!(seen["status"], "fail", "{seen}");
        assert_eq!(
            seen["evidence"],
            json!(["KEY (20 bytes, aws_key)"]),
            "{seen}"
        );
        assert_eq!(seen["limits"], json!([]), "{seen}");
    }
    let output = site.run(&asked("other")).await;
    let coverage = output.json()["coverage"].to_string();
    assert!(coverage.contains("/proc/1/environ"), "{coverage}");
    let hidden = result(&output);
    assert_eq!(hidden["status"], "pass", "{hidden}");
    let limits = hidden["limits"].to_string();
    assert!(limits.contains("/proc/1/environ: not readable"), "{hidden}");
    assert_eq!(hidden["not_read"], 1, "{hidden}");
    let whole = [&asked("other")[..], &["--require-complete"]].concat();
    assert_eq!(result(&site.run(&whole).await)["status"], "error");
    let probed = result(&site.probe(&asked("exports")).await);
    assert_eq!(probed["status"], "fail", "{probed}");
    let limits = probed["limits"].to_string();
    assert!(limits.contains("strategy container sees them"), "{probed}");
    site.remove().await;
}
