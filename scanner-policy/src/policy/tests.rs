//! Tests of policies: what is shipped, what is inherited, and how errors are reported.

use super::*;

#[test]
fn the_shipped_policies_decide_about_every_gate() {
    for (level, name) in [
        (Level::Baseline, "baseline"),
        (Level::Hardened, "hardened"),
        (Level::Strict, "strict"),
    ] {
        let policy = Policy::shipped(level).unwrap();
        assert_eq!(policy.name, name);
        assert_eq!(policy.gates.len(), GateId::ALL.len());
        assert!(policy.require_controls.contains("lease"));
    }
}

#[test]
fn every_level_and_every_policy_without_a_severity_fails_at_the_same_one() {
    assert_eq!(Severity::FAIL_ON, Severity::High);
    for (name, text) in LEVELS {
        assert!(text.contains("\nfail_on: high\n"), "{name} says it");
        let own = format!("name: own\nversion: '1'\ntitle: T\nlevel: {name}\n");
        let own = Policy::parse(&own, "f", None).unwrap();
        assert_eq!(own.fail_on, Severity::FAIL_ON, "{name}");
        assert!(!own.own_fail_on, "{name}: thresholds take its place");
    }
}

#[test]
fn levels_only_get_stricter() {
    let rank = |level, gate| Policy::shipped(level).unwrap().action(gate) as u8;
    for gate in GateId::ALL {
        let all = [Level::Baseline, Level::Hardened, Level::Strict].map(|l| rank(l, *gate));
        assert!(all[0] <= all[1] && all[1] <= all[2], "{}", gate.name());
    }
}

#[test]
fn only_strict_requires_isolation_unless_a_policy_says_so() {
    let of = |text: &str| Policy::parse(text, "f", None).unwrap().require_isolation;
    let head = "name: own\nversion: '1'\ntitle: T\n";
    assert!(!of(head));
    assert!(of(&format!("{head}level: strict\n")));
    assert!(!of(&format!(
        "{head}level: strict\nrequire_isolation: false\n"
    )));
    assert!(of(&format!("{head}require_isolation: true\n")));
}

#[test]
fn a_gate_has_the_same_name_in_policies_and_reports() {
    for gate in GateId::ALL {
        assert_eq!(serde_json::to_value(gate).unwrap(), gate.name());
    }
}

#[test]
fn what_a_policy_does_not_say_comes_from_its_level() {
    let text = "name: own\nversion: '1'\ntitle: T\nlevel: strict\ngates: {privileged: allow}\n";
    let policy = Policy::parse(text, "f", None).unwrap();
    assert_eq!(policy.action(GateId::Privileged), Action::Allow);
    assert_eq!(policy.action(GateId::HostPid), Action::Abort);
    let milder = Policy::parse(text, "f", Some(Level::Baseline)).unwrap();
    assert_eq!(milder.action(GateId::HostPid), Action::Warn);
    let plain = Policy::parse("name: own\nversion: '1'\ntitle: T\n", "f", None).unwrap();
    assert_eq!(plain.action(GateId::HostPid), Action::Warn, "hardened");
}

#[test]
fn a_policy_says_who_must_have_signed() {
    let head = "name: own\nversion: '1'\ntitle: T\n";
    let of = |more: &str| {
        let policy = Policy::parse(&format!("{head}{more}"), "f", None);
        policy.unwrap().signature
    };
    assert_eq!(of(""), None);
    let key = "signature: {key: cosign.pub}\n";
    assert_eq!(of(key), Some(Signer::Key("cosign.pub".into())));
    let keyless = "signature: {trusted_root: r.json, certificate_identity: a@b.c, certificate_oidc_issuer: 'https://i'}\n";
    assert_eq!(
        of(keyless),
        Some(Signer::Keyless {
            trusted_root: "r.json".into(),
            certificate_identity: "a@b.c".into(),
            certificate_oidc_issuer: "https://i".into(),
        })
    );
    // An editor reports the same by the schema.
    let schema = serde_json::from_str(&json_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (more, valid) in [
        (key, true),
        (keyless, true),
        ("signature: {trusted_root: r.json}\n", false),
        ("signature: {}\n", false),
        ("signature: {keys: cosign.pub}\n", false),
    ] {
        let value: serde_json::Value = serde_saphyr::from_str(&format!("{head}{more}")).unwrap();
        assert_eq!(validator.is_valid(&value), valid, "{more}");
    }
}

#[test]
fn errors_name_the_place() {
    let head = "name: own\nversion: '1'\ntitle: T\n";
    for (more, place, word) in [
        ("gate: {}\n", "f:4:1", "gate"),
        ("gates: {no-such: warn}\n", "f:4:", "no-such"),
        ("gates: {privileged: maybe}\n", "f:4:", "maybe"),
        (
            "gates:\n  privileged: warn\n  privileged: allow\n",
            "f:6:",
            "privileged",
        ),
        ("registries: ['*.io']\n", "f:4:15", "*.io"),
        ("registries:\n  - https://ghcr.io\n", "f:5:5", "https"),
        ("allow_capabilities: [net_raw]\n", "f:4:22", "net_raw"),
        ("allow_host_paths: [etc]\n", "f:4:20", "etc"),
        ("fail_on: bad\n", "f:4:", "bad"),
        ("thresholds: {failed: {total: {mx: 0}}}\n", "f:4:", ""),
        ("thresholds: {}\n", "f:4:1", "thresholds has no value"),
        ("registries:\n", "f:4:1", "registries has no value"),
        ("gates: {privileged: }\n", "f:4:", "privileged has no value"),
        ("signature: ~\n", "f:4:1", "signature has no value"),
        ("signature: {}\n", "f:4:", "expected key or trusted_root"),
        ("signature: {keys: cosign.pub}\n", "f:4:", "keys"),
        (
            "signature: {trusted_root: r.json}\n",
            "f:4:",
            "would let anyone sign",
        ),
        (
            "signature: {trusted_root: r.json, certificate_identity: a@b.c, certificate_oidc_issuer: ''}\n",
            "f:4:",
            "would let anyone sign",
        ),
        (
            "signature: {key: cosign.pub, trusted_root: r.json}\n",
            "f:4:",
            "not both",
        ),
        (
            "signature: {key: cosign.pub, certificate_identity: a@b.c}\n",
            "f:4:",
            "not both",
        ),
    ] {
        let error = Policy::parse(&format!("{head}{more}"), "f", None)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(place) && error.contains(word),
            "{more}: {error}"
        );
    }
}

#[test]
fn the_published_schema_is_that_of_the_code_and_takes_the_shipped_policies() {
    let path = format!("{}/../docs/policy.schema.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, json_schema()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        published,
        json_schema(),
        "run: UPDATE_SCHEMA=1 cargo test -p secure-scan-policy"
    );
    let schema = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, text) in LEVELS {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        assert!(validator.is_valid(&value), "{name}");
        let mut broken = value.clone();
        broken["gates"]["privileged"] = "maybe".into();
        assert!(!validator.is_valid(&broken), "{name}");
    }
}

#[test]
fn a_control_that_nobody_has_is_refused_with_its_place_and_the_one_that_was_meant() {
    let text = "name: own\nversion: '1'\ntitle: T\nrequire_controls: [lease, creditial]\n";
    let policy = Policy::parse(text, "own.yaml", None).unwrap();
    let refused = policy.requires_only(&["lease", "credential"], text, "own.yaml");
    let error = refused.unwrap_err().to_string();
    assert!(
        error.starts_with("own.yaml:4:") && error.ends_with("did you mean credential?"),
        "{error}"
    );
    let refused = policy.requires_only(&["lease", "pod"], text, "own.yaml");
    let error = refused.unwrap_err().to_string();
    assert!(error.ends_with("there are: lease, pod"), "{error}");
    assert!(
        policy
            .requires_only(&["lease", "creditial"], text, "own.yaml")
            .is_ok()
    );
}
