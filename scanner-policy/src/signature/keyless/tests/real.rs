//! Bundles of the public sigstore instance, with its trust root, as `sigstore-verify` and `sigstore-trust-root`
//! (Apache-2.0, <https://github.com/sigstore/sigstore-rust>) have them among their tests.

use sigstore_verify::trust_root::{
    SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT,
};

use super::*;

const IMAGE: &str = "web@sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";
const BUNDLES: [(&str, &str, &str); 2] = [
    (
        "dsse 0.0.1",
        SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        include_str!("../../../../tests/sigstore/rekor-v1.json"),
    ),
    (
        "hashedrekord 0.0.2",
        SIGSTORE_STAGING_TRUSTED_ROOT,
        include_str!("../../../../tests/sigstore/rekor-v2.json"),
    ),
];

/// Both logs of it, and its timestamp authority: all holds, and what is signed is no signature of an image.
#[test]
fn bundles_of_the_public_instance_verify_up_to_what_they_say() {
    for (format, trusted_root, bundle) in BUNDLES {
        install_ring();
        let parsed = Bundle::from_json(bundle).unwrap();
        let certificate = parsed.signing_certificate().unwrap();
        let found = sigstore_verify::crypto::parse_certificate_info(certificate).unwrap();
        let (identity, issuer) = (found.identity.unwrap(), found.issuer.unwrap());
        let say = |identity: &str, image: &str| {
            let who = Keyless {
                trusted_root,
                identity,
                issuer: &issuer,
            };
            Signature::read_keyless(&who, bundle)
                .unwrap()
                .verify(image)
                .unwrap_err()
        };
        let said = say(identity.as_str(), IMAGE);
        assert!(
            said.contains("signed something that is not a signature of cosign"),
            "{format}: {said}"
        );
        let said = say("somebody@example.com", IMAGE);
        assert!(said.contains("identity mismatch"), "{format}: {said}");
    }
}

/// If the log vouches for no time, only a timestamp authority of the trust root can.
#[test]
fn a_timestamp_is_needed_and_must_be_of_the_trust_root() {
    let (_, root, bundle) = BUNDLES[1];
    let root: Value = serde_json::from_str(root).unwrap();
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    let stamps = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let none = with(&bundle, |b| *b.pointer_mut(stamps).unwrap() = json!([]));
    let other = flipped(&bundle, &format!("{stamps}/0/signedTimestamp"));
    let word = "RFC 3161 timestamp";
    refused(
        &root,
        vec![
            ("no timestamp", none, "RFC3161"),
            ("another one", other, word),
        ],
    );
    let without = with(&root, |r| r["timestampAuthorities"] = json!([]));
    refused(&without, vec![("no authority", bundle, word)]);
}
