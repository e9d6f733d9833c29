//! What a user mistypes or names: reported once, with what there is, and exit code 2 before anything is touched.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_secure-scan");
    let ran = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("KUBECONFIG", "/nowhere")
        .env_remove("SECURE_SCAN_PROBE_IMAGE")
        .output();
    ran.unwrap_or_else(|error| unreachable!("{program}: {error}"))
}

/// Standard error of a run that must not do anything.
fn refused(folder: &Path, args: &[&str]) -> String {
    let ran = run(folder, args);
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{args:?}: {err}");
    assert!(ran.stdout.is_empty(), "{args:?}");
    err
}

#[test]
fn each_mistake_says_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let local = ["local", "--root", "."];
    for (args, words) in [
        (
            &[&local[..], &["--waivers", "none.yaml"]].concat()[..],
            &["cannot read the waivers none.yaml", "docs/policy.md"][..],
        ),
        (
            &[&local[..], &["--threshold", "none.yaml"]].concat(),
            &["cannot read the thresholds", "inline"],
        ),
        (
            &[&local[..], &["--tag", "nope"]].concat(),
            &[
                "no check has tag \"nope\"",
                "profile explain container-baseline",
            ],
        ),
        (
            &[&local[..], &["-p", "cis-docker", "--input", "nope=1"]].concat(),
            &["no input \"nope\"", "profile explain cis-docker"],
        ),
        (
            &["profile", "test", "none.yaml"],
            &["cannot read the tests none.yaml", "docs/profiles.md"],
        ),
        (
            &["profile", "check", "none.yaml"],
            &["cannot read the profile none.yaml", "profile list"],
        ),
        (
            &["policy", "check", "none.yaml"],
            &["cannot read the policy none.yaml", "policy list"],
        ),
        (
            &["audit", "verify", "none"],
            &["cannot read the audit log none", "hint: "],
        ),
        (
            &["local", "--pid", "4194303"],
            &["process 4194303", "hint: "],
        ),
        (
            &["local", "--oci-archive", "none.tar"],
            &["none.tar", "hint: "],
        ),
        (
            &["container", "x", "--lease", "2h"],
            &["expected 30 to 3600 seconds"],
        ),
        (
            &["container", "x", "--idle-timeout", "0"],
            &["expected 1 to 3600 seconds"],
        ),
        (&["container"], &["--selector"]),
        (
            &[
                "rights",
                "-n",
                "shop",
                "--strategy",
                "sidecar",
                "--no-try-image",
            ],
            &["--no-try-image is for scan, distroless and drift", "hint: "],
        ),
        (&["container", "x", "-l", "a=b"], &["cannot be used with"]),
        (
            &["image", "Foo/Bar", "--probe-image", "p"],
            &["invalid value 'Foo/Bar'"],
        ),
    ] {
        let err = refused(folder.path(), args);
        for word in words {
            assert!(err.contains(word), "{args:?}: {err}");
        }
        let about_profiles = args.contains(&"check") || args.contains(&"--tag");
        assert!(
            about_profiles || !err.contains("secure-scan profile list"),
            "{args:?}: {err}"
        );
    }
}

#[test]
fn a_forgotten_image_of_the_probe_is_explained_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let of = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        refused(folder.path(), &arguments)
    };
    let explained = [
        "static program",
        "cargo xtask probe-image",
        "docs/probe-image.md",
    ];
    for command in [
        "distroless web-0",
        "sidecar web-0",
        "image web:1",
        "drift web-0",
        "scan web-0 --complete-from-image",
    ] {
        let err = of(command);
        for words in explained {
            assert!(err.contains(words), "{command}: {err}");
        }
    }
    for command in [
        "scan",
        "distroless web-0 --probe-image",
        "distroless web-0 --probe-image @",
    ] {
        let err = of(command);
        assert!(!err.contains(explained[0]), "{command}: {err}");
    }
}

#[test]
fn all_that_is_wrong_with_a_profile_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let check = |id: &str, pass: &str| {
        format!("  - {{id: {id}, title: T, severity: low, rationale: R, fix: F, pass: '{pass}'}}\n")
    };
    let text = [
        "name: p\nversion: \"1\"\ntitle: P\nchecks:\n".to_owned(),
        check("one", "users.size( == 0"),
        check("good", "users.size() == 0"),
        check("two", "nonsense == 1"),
    ]
    .concat();
    fs::write(folder.path().join("p.yaml"), text).unwrap();
    let err = refused(folder.path(), &["profile", "check", "p.yaml"]);
    assert!(err.contains("p.yaml:5:"), "{err}");
    assert!(err.contains("p.yaml:7:"), "{err}");
    assert!(err.contains("cannot be used: 2 errors"), "{err}");
    assert_eq!(
        err.matches("nonsense").count(),
        2,
        "message and excerpt: {err}"
    );
    assert_eq!(err.matches("hint: ").count(), 1, "{err}");
}

#[test]
fn what_a_policy_names_is_looked_at_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    fs::create_dir(&policies).unwrap();
    let policy = |more: &str| {
        let text = format!("name: p\nversion: \"1\"\ntitle: P\n{more}");
        fs::write(policies.join("p.yaml"), text).unwrap();
    };
    let args = ["policy", "check", "policies/p.yaml"];
    policy("waivers: none.yaml\n");
    let err = refused(folder.path(), &args);
    assert!(
        err.contains("policies/p.yaml: the waivers: cannot read \"none.yaml\""),
        "{err}"
    );
    policy("profile: none.yaml\n");
    let err = refused(folder.path(), &args);
    assert!(
        err.contains("policies/p.yaml: the profile: cannot read \"none.yaml\""),
        "{err}"
    );
    policy("signature: {key: none.pub}\n");
    let err = refused(folder.path(), &args);
    assert!(
        err.contains("policies/p.yaml: the signature key: cannot read \"none.pub\""),
        "{err}"
    );
    policy("profile: container-baseline\n");
    assert_eq!(run(folder.path(), &args).status.code(), Some(0));
    policy("profile: own.yaml\n");
    let own = "name: own\nversion: \"1\"\ntitle: P\nchecks:\n  - {id: a, title: T, severity: low, \
               rationale: R, fix: F, pass: 'users.size() == 0'}\n";
    fs::write(policies.join("own.yaml"), own).unwrap();
    assert_eq!(run(folder.path(), &args).status.code(), Some(0));
}

#[test]
fn quiet_is_taken_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["local", "--root", ".", "-q", "-o", "json=r.json"];
    let scanned = run(folder.path(), &args).status.code();
    assert!(scanned.is_some_and(|code| code != 2), "{scanned:?}");
    let args = ["report", "convert", "r.json", "-q"];
    assert_eq!(run(folder.path(), &args).status.code(), Some(0));
}

/// Of an authority that nobody has the key of.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUHyDI+rR6u1evVsiZxa/t3cYwhSowCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHbm93aGVyZTAgFw0yNjExMjUyMjEzMjNaGA8yMTI2MTEwMTIy
MTMyM1owEjEQMA4GA1UEAwwHbm93aGVyZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABKFCtY4SIkPK/y5IWtVGdxp5liT+iK3509XZRcyt+UIwAhwU16n8ompLHb6Y
+FMz6JSMxF4i23F1lveuGXNy1lWjUzBRMB0GA1UdDgQWBBRF1ZchRAd2MUfn3YaR
xe1yBwA0vjAfBgNVHSMEGDAWgBRF1ZchRAd2MUfn3YaRxe1yBwA0vjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICn+ZXqhNgBrsFBo4DtTTo1zy2to
2iJzGma8tpp+wQ6mAiEAyjvcrOQcqEHTQ1WcOCxvgmmKXnqGVVLwfbMQu69n0RY=
-----END CERTIFICATE-----
";

const NOWHERE: &str = "
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: 'https://127.0.0.1:1', certificate-authority: ca}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
";

#[test]
fn an_audit_log_is_closed_also_where_nothing_came_to_pass() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config"), NOWHERE).unwrap();
    fs::write(folder.path().join("ca"), AUTHORITY).unwrap();
    let probe = ["--probe-image", "probe:1"];
    let scans: [&[&str]; 3] = [
        &["container", "web"],
        &[&["drift", "web"][..], &probe].concat(),
        &["credential", "exec", "--pod", "web", "--exec", "id"],
    ];
    for (scan, n) in scans.into_iter().zip(0..) {
        let log = format!("log{n}");
        let mut all = scan.to_vec();
        all.extend(["--kubeconfig", "config", "--audit-log", &log]);
        if scan[0] == "credential" {
            all.extend(["--", "true"]);
        }
        let ran = run(folder.path(), &all);
        assert_eq!(ran.status.code(), Some(3), "{ran:?}");
        let verified = run(folder.path(), &["audit", "verify", &log]);
        assert_eq!(verified.status.code(), Some(0), "{scan:?}: {verified:?}");
    }
}

#[test]
fn a_log_without_an_end_is_not_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let err = refused(folder.path(), &["audit", "verify", "/dev/zero"]);
    assert!(err.contains("larger than 128 MiB"), "{err}");
}
