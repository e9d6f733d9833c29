//! Packages of languages in a bill of materials: read by the probe, and never absent to a shell.

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use scanner_tests::{TestNamespace, eventually, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

/// The packages that a target installs before it sleeps.
const INSTALL: &str = r#"
set -e
app=/tmp/app/node_modules/@e2e/app
python=/tmp/lib/e2e_thing-4.5.dist-info
mkdir -p $app $python /tmp/gems/specifications
echo '{"name": "@e2e/app", "version": "1.2.3", "license": "MIT"}' >$app/package.json
printf 'Metadata-Version: 2.1\nName: E2E_Thing\nVersion: 4.5\n' >$python/METADATA
: >/tmp/gems/specifications/rack-3.1.0.gemspec
: >/tmp/done
exec sleep 600
"#;

async fn target(site: &TestNamespace, name: &str, security: Value) {
    let object: Pod = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", INSTALL], "securityContext": security,
                "startupProbe": {
                    "exec": {"command": ["test", "-e", "/tmp/done"]}, "periodSeconds": 1, "timeoutSeconds": 30,
                    "failureThreshold": 300,
                },
            }],
        },
    }))
    .expect("pod");
    let pods = site.api::<Pod>();
    pods.create(&PostParams::default(), &object)
        .await
        .expect("pod");
    eventually(name, async || {
        let now = pods.get(name).await.expect("pod").status?;
        let containers = now.container_statuses?;
        containers.iter().any(|c| c.ready).then_some(())
    })
    .await;
}

fn json_of(output: &ProgramOutput) -> Value {
    serde_json::from_str(&output.out).unwrap_or_else(|_| unreachable!("{output:?}"))
}

#[tokio::test]
async fn a_bill_of_materials_has_packages_of_languages_or_says_that_none_could_look() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("langpkg").await;
    let user = json!({"runAsUser": 65532, "runAsGroup": 65532, "allowPrivilegeEscalation": false});
    tokio::join!(
        target(&site, "root", json!({})),
        target(&site, "user", user)
    );
    let bom_of = |pod| [pod, "--profile", "sbom", "-o", "cyclonedx"];
    let (of_root, of_user) = (bom_of("root"), bom_of("user"));
    let (root, user) = tokio::join!(site.probe(&of_root), site.probe(&of_user));
    // Not at the same time: a probe that another scan adds to the pod is none that this one planned.
    let shell = site.run(&["user", "--profile", "sbom", "-o", "json"]).await;
    for (name, output) in [("root", &root), ("user", &user)] {
        assert_eq!(output.code, 0, "{name}: {output:?}");
        let bom = json_of(output);
        let components = bom["components"].as_array().unwrap();
        let find = |purl: &str| components.iter().find(|c| c["purl"] == purl);
        let npm = find("pkg:npm/%40e2e/app@1.2.3").expect("npm");
        let place = "/tmp/app/node_modules/@e2e/app/package.json";
        assert_eq!(npm["evidence"]["occurrences"][0]["location"], place);
        assert_eq!(npm["licenses"][0]["license"]["name"], "MIT");
        assert!(find("pkg:pypi/e2e-thing@4.5").is_some(), "{bom:#}");
        assert!(find("pkg:gem/rack@3.1.0").is_some(), "{bom:#}");
        assert!(components.iter().any(|c| c["name"] == "libc6"));
        // The bill says that files which the target's user may not read were not read.
        assert_eq!(bom["compositions"][0]["aggregate"], "incomplete", "{name}");
        let why = "language_packages: partial";
        assert!(output.out.contains(why), "{output:?}");
    }
    assert_eq!(shell.code, 0, "{shell:?}");
    let report = json_of(&shell);
    let coverage = &report["coverage"]["language_packages"];
    assert_eq!(coverage["state"], "unavailable", "{coverage}");
    assert!(
        coverage["reason"]
            .as_str()
            .is_some_and(|r| r.contains("distroless"))
    );
    assert!(report["packages"].get("language").is_none());
    site.remove().await;
}
