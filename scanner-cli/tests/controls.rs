//! The list of controls, and policies that require one that does not exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, process::Command};

use secure_scan::SHIPPED_CONTROLS;
use serde_json::Value;

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    let ran = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        ran.status.code().unwrap(),
        text(ran.stdout),
        text(ran.stderr),
    )
}

#[test]
fn every_control_is_listed_with_what_it_proves_and_which_levels_require_it() {
    let (code, text, _) = run(&["controls"]);
    assert_eq!(code, 0);
    let (code, json, _) = run(&["controls", "--format", "json"]);
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let listed = json["controls"].as_array().unwrap();
    assert_eq!(listed.len(), SHIPPED_CONTROLS.len());
    let document = include_str!("../../docs/policy.md");
    for (control, entry) in SHIPPED_CONTROLS.iter().zip(listed) {
        assert_eq!(entry["id"], control.id);
        assert!(text.contains(&format!("{}\n", control.id)), "{text}");
        assert!(text.contains(control.proves), "{text}");
        let row = format!("| `{}` | {} |", control.id, control.proves);
        assert!(document.contains(&row), "docs/policy.md has no row: {row}");
    }
    let levels = |id: &str| {
        let entry = listed.iter().find(|entry| entry["id"] == id).unwrap();
        entry["required_by"].clone()
    };
    assert_eq!(
        levels("lease"),
        serde_json::json!(["baseline", "hardened", "strict"])
    );
    assert_eq!(levels("identity-exclusive"), serde_json::json!(["strict"]));
    assert_eq!(levels("network"), serde_json::json!(["strict"]));
    assert_eq!(levels("admission-guard"), serde_json::json!([]));
}

#[test]
fn a_policy_that_requires_a_control_which_does_not_exist_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yaml");
    let policy = |controls: &str| {
        let text = format!("name: own\nversion: '1'\ntitle: T\nrequire_controls: [{controls}]\n");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap()
    };
    let (code, _, err) = run(&["policy", "check", policy("lease, targetpin")]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("own.yaml:4:27"), "{err}");
    assert!(err.contains("did you mean target-pin?"), "{err}");
    assert!(err.contains("secure-scan controls"), "{err}");
    // The same before a scan asks for its cluster.
    let missing = ["--kubeconfig", "/does/not/exist"];
    let scan = ["container", "web-0", "--policy", policy("acme-ticket")];
    let (code, _, err) = run(&[&scan[..], &missing].concat());
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("no control \"acme-ticket\""), "{err}");
    let (code, _, err) = run(&["policy", "check", policy("lease, admission-guard")]);
    assert_eq!(code, 0, "{err}");
}
