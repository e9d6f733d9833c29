//! Signatures that cannot be verified for want of something: reported before any cluster is asked.

use std::{fs, process::Command};

use fake_sigstore::{Ask, IDENTITY, ISSUER, Sigstore};

#[test]
fn who_must_have_signed_is_said_once_and_wholly() {
    let folder = tempfile::tempdir().unwrap();
    let site = Sigstore::default();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("root.json", &site.trusted_root().to_string());
    write(
        "bundle.json",
        &site.bundle(&Ask::of(&"a".repeat(64))).to_string(),
    );
    write("garbage.json", "{}");
    write("big.json", &" ".repeat((1 << 20) + 1));
    let policy = |name: &str, signature: &str| {
        let head = "name: own\nversion: '1'\ntitle: T\nsignature: ";
        write(name, &format!("{head}{signature}\n"));
    };
    let who = format!("certificate_identity: '{IDENTITY}', certificate_oidc_issuer: '{ISSUER}'");
    policy("anyone.yaml", "{trusted_root: root.json}");
    policy(
        "keyless.yaml",
        &format!("{{trusted_root: root.json, {who}}}"),
    );
    policy("lost.yaml", &format!("{{trusted_root: lost.json, {who}}}"));
    let root = ["--signature-trusted-root", "root.json"];
    let bundle = ["--signature-bundle", "bundle.json"];
    let identity = ["--certificate-identity", IDENTITY];
    let issuer = ["--certificate-oidc-issuer", ISSUER];
    let keyless = |root: &'static str, bundle: &'static str| {
        let files = [
            "--signature-trusted-root",
            root,
            "--signature-bundle",
            bundle,
        ];
        [&files[..], &identity, &issuer].concat()
    };
    for (args, said) in [
        ([&root[..], &bundle].concat(), "would let anyone sign"),
        (
            [&root[..], &bundle, &issuer].concat(),
            "would let anyone sign",
        ),
        (
            [&root[..], &bundle, &identity].concat(),
            "would let anyone sign",
        ),
        (
            [&bundle[..], &identity, &issuer].concat(),
            "--signature-trusted-root",
        ),
        (
            [&root[..], &identity, &issuer].concat(),
            "--signature-bundle",
        ),
        (
            [&root[..], &bundle, &["--signature-key", "k"]].concat(),
            "cannot be used with",
        ),
        (bundle.to_vec(), "nothing says who must have signed"),
        (
            keyless("garbage.json", "bundle.json"),
            "not a trusted_root.json",
        ),
        (keyless("bundle.json", "bundle.json"), "media type"),
        (
            keyless("lost.json", "bundle.json"),
            "cannot read the trust root",
        ),
        (keyless("big.json", "bundle.json"), "at most"),
        (
            keyless("root.json", "garbage.json"),
            "expected a sigstore bundle",
        ),
        (keyless("root.json", "big.json"), "at most"),
        (
            ["--policy", "anyone.yaml"].to_vec(),
            "would let anyone sign",
        ),
        (
            ["--policy", "lost.yaml", bundle[0], bundle[1]].to_vec(),
            "lost.json",
        ),
        (
            [
                &["--policy", "keyless.yaml"],
                &keyless("root.json", "bundle.json")[..],
            ]
            .concat(),
            "and the arguments say who must have signed",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
        command
            .arg("scan")
            .arg("web")
            .args(&args)
            .current_dir(folder.path());
        let output = command.env("KUBECONFIG", "/dev/null").output().unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {talk}");
        assert!(talk.contains(said), "{args:?}: {talk}");
    }
}
