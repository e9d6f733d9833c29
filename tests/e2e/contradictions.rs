//! An agent whose answer contradicts the node or the specification raises an alert, and the report names the containers that were not scanned.

use scanner_tests::{TestNamespace, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

/// A pod of Debian's image that puts a shell of its own in the place of `/bin/sh`, which starts the real one differently.
fn lying(before: &str, own: &Value) -> Value {
    let script = format!(
        "rm /bin/sh && printf '#!/bin/bash\\nexec {before} /bin/dash \"$@\"\\n' >/bin/sh && chmod 755 /bin/sh && \
         exec sleep 3600"
    );
    let mut container = json!({
        "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/bash", "-c", script],
        "securityContext": {"runAsUser": 0, "runAsGroup": 0},
    });
    for (key, value) in own.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    json!({"terminationGracePeriodSeconds": 0, "containers": [container]})
}

/// The alerts of a report that has no findings.
fn alerts(output: &ProgramOutput) -> Vec<String> {
    let report = output.json();
    assert_eq!(output.code, 4, "{output:?}");
    assert_eq!(report["verdict"], "security_alert", "{output:?}");
    assert_eq!(report["findings"], json!([]), "{output:?}");
    let all = report["alerts"].as_array().into_iter().flatten();
    all.map(|alert| alert["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_shell_of_another_user_or_without_the_variables_is_an_alert() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("contradicts").await;
    let drop = "setpriv --reuid 1000 --regid 1000 --clear-groups";
    let env =
        json!({"env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "MODE", "value": "y"}]});
    let clear = "env -i PATH=/usr/bin:/bin MODE=y";
    for (name, before, own, expected) in [
        ("user", drop, json!({}), "contradicts-user"),
        ("env", clear, env.clone(), "contradicts-environment"),
    ] {
        let more = lying(before, &own);
        site.pod_like(name, "", "Running", &more, &json!({})).await;
        let output = site.run(&[name, "-o", "json"]).await;
        assert_eq!(alerts(&output), [expected], "{output:?}");
        assert!(output.err.contains(expected) || output.out.contains(expected));
    }
    // The same shell that changes nothing agrees.
    let more = lying("env", &env);
    site.pod_like("honest", "", "Running", &more, &json!({}))
        .await;
    let honest = site.run(&["honest", "-o", "json"]).await;
    assert!([1, 3].contains(&honest.code), "{honest:?}");
    assert!(honest.json()["alerts"].is_null(), "{honest:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn containers_that_were_not_scanned_are_named() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("unscanned").await;
    let container = |name: &str| {
        json!({
            "name": name, "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["sleep", "3600"],
        })
    };
    let mut mesh = container("mesh");
    mesh["restartPolicy"] = json!("Always");
    let more = json!({
        "terminationGracePeriodSeconds": 0,
        "initContainers": [mesh], "containers": [container("web"), container("log")],
    });
    site.pod_like("many", "", "Running", &more, &json!({}))
        .await;
    let json = site.run(&["many", "-c", "web", "-o", "json"]).await;
    let named = &json.json()["plan"]["not_scanned"];
    assert_eq!(
        *named,
        json!(["log (container)", "mesh (sidecar)"]),
        "{json:?}"
    );
    for form in ["terminal", "markdown", "html"] {
        let output = site.run(&["many", "-c", "web", "-o", form]).await;
        let words = "log (container), mesh (sidecar)";
        assert!(output.out.contains(words), "{form}: {output:?}");
    }
    site.remove().await;
}
