//! The scripts of `scripts/security-enhanced`, each end to end: positional arguments, thresholds of the SAF CLI, exit codes.

use std::{fs, path::PathBuf, process::Stdio};

use scanner_tests::{
    TestNamespace,
    program::{ProgramOutput, probe_image},
};
use tokio::process::Command;

async fn script(name: &str, arguments: &[&str]) -> ProgramOutput {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("../scripts/security-enhanced").join(name);
    let program = std::env::var("SCANNER_E2E_PROGRAM").expect("SCANNER_E2E_PROGRAM");
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut command = Command::new(path);
    let command = command
        .args(arguments)
        .args(["--", "-o", "json", "--context", &context])
        .env("SECURE_SCAN", program)
        .env("SECURE_SCAN_PROBE_IMAGE", probe_image())
        .stdin(Stdio::null());
    command.output().await.expect("the script starts").into()
}

/// Runs a script with thresholds that the target keeps and with ones that it breaks, and with no target at all.
async fn thresholds(site: &TestNamespace, name: &str, target: &[&str], strategy: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("write");
        path.to_str().expect("a path that is text").to_owned()
    };
    // A profile of one check that passes and one that fails for every target.
    let profile = file(
        "profile.yaml",
        "name: two\nversion: \"1\"\ntitle: T\nchecks:\n\
         - {id: good, title: T, severity: low, rationale: R, fix: F, pass: 'users.size() >= 0'}\n\
         - {id: bad, title: T, severity: high, rationale: R, fix: F, pass: 'users.size() < 0'}\n",
    );
    let kept = file(
        "kept.yml",
        "compliance:\n  min: 50\nfailed:\n  high:\n    max: 1\n",
    );
    let broken = file("broken.yml", "failed:\n  total:\n    max: 0\n");
    let mut all = vec![site.namespace.as_str()];
    all.extend(target);
    all.push(&profile);
    let with = |more: &'static str, file: &str| {
        let mut all: Vec<String> = all.iter().map(ToString::to_string).collect();
        all.extend((!more.is_empty()).then(|| file.to_owned()));
        all
    };
    for (more, threshold, code, verdict) in [
        ("", "", 1, "findings"),
        ("with", kept.as_str(), 0, "passed"),
        ("with", broken.as_str(), 1, "findings"),
    ] {
        let given = with(more, threshold);
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let output = script(name, &given).await;
        assert_eq!(output.code, code, "{name} {given:?}: {output:?}");
        let report = output.json();
        assert_eq!(report["verdict"], verdict, "{output:?}");
        assert_eq!(report["plan"]["strategy"], strategy, "{output:?}");
        assert_eq!(report["post_scan"]["verified"], true, "{output:?}");
    }
    for absent in ["/no/such/threshold.yml", ""] {
        let given = with("with", absent);
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let output = script(name, &given).await;
        assert_eq!(output.code, 2, "{name} {given:?}: {output:?}");
    }
}

#[tokio::test]
async fn the_container_script_scans_a_container_with_a_shell() {
    let site = TestNamespace::new("script-shell").await;
    let name = "secure-scan-container.sh";
    thresholds(&site, name, &["web", "web"], "container").await;
    let unknown = [&site.namespace, "nobody", "web", "container-baseline"];
    let output = script(name, &unknown).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_distroless_script_scans_a_container_by_the_probe() {
    let site = TestNamespace::new("script-probe").await;
    let name = "secure-scan-distroless-container.sh";
    thresholds(&site, name, &["web", "web"], "distroless").await;
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_sidecar_script_scans_an_image() {
    let site = TestNamespace::new("script-image").await;
    let image = std::env::var("SCANNER_E2E_IMAGE").unwrap_or("lab.local/busybox:1".into());
    let name = "secure-scan-with-sidecar.sh";
    thresholds(&site, name, &[&image], "image").await;
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
