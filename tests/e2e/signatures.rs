//! Signatures of the image that runs, by a key and keyless: made here for the digest that the node reports,
//! and for others.

use std::{fs, path::Path};

use fake_sigstore::{Ask, IDENTITY, ISSUER, SIGN, Sigstore, envelope, statement};
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use rcgen::KeyPair;
use scanner_tests::{TestNamespace, program::ProgramOutput};
use serde_json::{Value, json};

use crate::gates::{decision, written};

const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The digest that the node reports for pod `web`.
async fn running(site: &TestNamespace) -> String {
    let pod = site.api::<Pod>().get("web").await.expect("pod");
    let statuses = pod.status.and_then(|s| s.container_statuses);
    let id = statuses.expect("statuses")[0].image_id.clone();
    let (_, digest) = id.rsplit_once("sha256:").expect("digest");
    digest.to_owned()
}

/// What `cosign sign --key` makes.
fn keyed(key: &KeyPair, digest: &str) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": envelope(key, &statement(digest, SIGN)),
    })
}

/// Keys, trust root, bundles and policies of one digest.
fn write(folder: &Path, digest: &str) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("write");
    let (key, authorities) = (KeyPair::generate().expect("key"), Sigstore::default());
    write("key.pub", &key.public_key_pem());
    write("root.json", &authorities.trusted_root().to_string());
    for (name, bundle) in [
        ("keyed.json", keyed(&key, digest)),
        ("keyed-other.json", keyed(&key, OTHER)),
        ("keyless.json", authorities.bundle(&Ask::of(digest))),
        ("keyless-other.json", authorities.bundle(&Ask::of(OTHER))),
        (
            "stranger.json",
            Sigstore::default().bundle(&Ask::of(digest)),
        ),
    ] {
        write(name, &bundle.to_string());
    }
    let keyless = |identity: &str| {
        format!(
            "{{trusted_root: root.json, certificate_identity: '{identity}', certificate_oidc_issuer: '{ISSUER}'}}"
        )
    };
    for (name, signature) in [
        ("key.yaml", "{key: key.pub}".to_owned()),
        ("identity.yaml", keyless(IDENTITY)),
        ("somebody.yaml", keyless("somebody@example.com")),
    ] {
        // A gate that the level does not use: a wrong signature stops a scan under every policy.
        let text =
            format!("name: own\nversion: '1'\ntitle: T\nlevel: baseline\nsignature: {signature}\n");
        write(name, &text);
        let strict = text.replace("level: baseline", "gates: {image-signature: abort}");
        write(&format!("must-{name}"), &strict);
    }
}

async fn scan(site: &TestNamespace, folder: &Path, args: &[&str]) -> ProgramOutput {
    let files = |arg: &&str| match arg.rsplit_once('.') {
        Some((_, "json" | "yaml" | "pub")) => folder.join(arg).to_string_lossy().into_owned(),
        _ => (*arg).to_owned(),
    };
    let mut all = vec!["web".to_owned(), "-o".into(), "json".into()];
    all.extend(args.iter().map(files));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    site.run(&all).await
}

#[tokio::test]
async fn a_signature_of_the_digest_that_runs_is_accepted_and_any_other_stops_the_scan() {
    let site = TestNamespace::new("signed").await;
    let digest = running(&site).await;
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    write(folder, &digest);
    let identity = ["--certificate-identity", IDENTITY];
    let issuer = ["--certificate-oidc-issuer", ISSUER];
    let by_arguments = [
        &[
            "--signature-trusted-root",
            "root.json",
            "--signature-bundle",
            "keyless.json",
        ],
        &identity[..],
        &issuer,
    ]
    .concat();
    let under = |policy, bundle| vec!["--policy", policy, "--signature-bundle", bundle];
    let of_key = format!("the key signed sha256:{digest}");
    let of_identity = format!("{IDENTITY} ({ISSUER}) signed sha256:{digest}");
    let rows: Vec<(Vec<&str>, bool, &str)> = vec![
        (under("must-key.yaml", "keyed.json"), true, &of_key),
        (
            under("must-identity.yaml", "keyless.json"),
            true,
            &of_identity,
        ),
        (by_arguments, true, &of_identity),
        (
            under("key.yaml", "keyed-other.json"),
            false,
            "the node runs",
        ),
        (
            under("identity.yaml", "keyless-other.json"),
            false,
            "the node runs",
        ),
        (
            under("identity.yaml", "stranger.json"),
            false,
            "does not verify",
        ),
        (
            under("somebody.yaml", "keyless.json"),
            false,
            "identity mismatch",
        ),
        (
            vec!["--policy", "must-identity.yaml"],
            false,
            "no signature was given to verify, and the policy says who must have signed",
        ),
    ];
    let plain = scan(&site, folder, &[]);
    let scans = join_all(rows.iter().map(|(args, ..)| scan(&site, folder, args)));
    let (plain, scans) = tokio::join!(plain, scans);
    for ((args, accepted, reason), output) in rows.iter().zip(scans) {
        let code = if *accepted { plain.code } else { 4 };
        assert_eq!(output.code, code, "{args:?}: {output:?}");
        let report = output.json();
        let made = &decision(&report["gates"], "image-signature")["decision"];
        let (kind, text) = if *accepted {
            ("allow", &made["evidence"])
        } else {
            ("abort", &made["reason"])
        };
        assert_eq!(made["decision"], kind, "{args:?}: {made}");
        let text = text.as_str().expect("text");
        assert!(text.contains(reason), "{args:?}: {text}");
        if !accepted {
            let scan_id = report["plan"]["scan_id"].as_str().expect("id");
            assert_eq!(written(scan_id), Vec::<String>::new(), "{args:?}");
        }
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
