//! Input that is not a trust root or a bundle, too large input, and damaged bundles.

use proptest::prelude::*;

use super::*;

fn read(
    root: &str,
    identity: &str,
    issuer: &str,
    bundle: &str,
) -> Result<Signature, SignatureError> {
    let who = Keyless {
        trusted_root: root,
        identity,
        issuer,
    };
    install_ring();
    Signature::read_keyless(&who, bundle)
}

#[test]
fn a_trust_root_that_could_not_vouch_is_an_error() {
    let site = Sigstore::default();
    let bundle = site.bundle(&Ask::of(HEX)).to_string();
    let root = site.trusted_root();
    let changed = |pointer: &str, value: Value| {
        with(&root, |r| *r.pointer_mut(pointer).unwrap() = value).to_string()
    };
    let twice = with(&root, |r| {
        let log = r["tlogs"][0].clone();
        r["tlogs"].as_array_mut().unwrap().push(log);
    });
    for (text, word) in [
        (String::new(), "not a trusted_root.json"),
        ("{}".into(), "mediaType"),
        ("\u{1b}[2J".into(), "not a trusted_root.json"),
        ("[".repeat(100_000), "not a trusted_root.json"),
        (" ".repeat(MAX_BYTES + 1), "at most"),
        (bundle.clone(), "media type"),
        (changed("/mediaType", "text/plain".into()), "media type"),
        (
            changed("/certificateAuthorities", json!([])),
            "certificate authority",
        ),
        (changed("/tlogs", json!([])), "no transparency log"),
        (
            changed("/ctlogs", json!([])),
            "certificate transparency log",
        ),
        (
            changed(
                "/certificateAuthorities/0/certChain/certificates",
                json!([]),
            ),
            "empty certificate chain",
        ),
        (
            changed(
                "/certificateAuthorities/0/certChain/certificates/0/rawBytes",
                "AAAA".into(),
            ),
            "certificate",
        ),
        (
            changed("/tlogs/0/publicKey/rawBytes", "AAAA".into()),
            "trust root",
        ),
        (changed("/tlogs/0/logId/keyId", "AAAA".into()), "trust root"),
        (
            changed("/tlogs/0/hashAlgorithm", "\u{1b}[2J".into()),
            "hash algorithm",
        ),
        (twice.to_string(), "duplicate"),
    ] {
        let said = read(&text, IDENTITY, ISSUER, &bundle)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains(word) && !said.contains('\u{1b}'),
            "{word}: {said}"
        );
    }
    for (identity, issuer) in [("", ISSUER), (" ", ISSUER), (IDENTITY, "")] {
        let said = read(&root.to_string(), identity, issuer, &bundle)
            .unwrap_err()
            .to_string();
        assert!(said.contains("anyone"), "{said}");
    }
}

#[test]
fn what_is_no_bundle_of_an_image_is_an_error() {
    let site = Sigstore::default();
    let root = site.trusted_root().to_string();
    let good = site.bundle(&Ask::of(HEX));
    let blob = with(&good, |b| {
        b.as_object_mut().unwrap().remove("dsseEnvelope");
        b["messageSignature"] = json!({
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode([0xaa; 32])},
            "signature": "AAAA",
        });
    });
    let keyed = with(&good, |b| {
        let entries = b["verificationMaterial"]["tlogEntries"].clone();
        b["verificationMaterial"] = json!({"publicKey": {"hint": "x"}, "tlogEntries": entries});
    });
    let many = with(&good, |b| {
        let one = entry(b).clone();
        b["verificationMaterial"]["tlogEntries"] = json!(vec![one; MAX_SIGNATURES + 1]);
    });
    let signatures = with(&good, |b| {
        let one = b["dsseEnvelope"]["signatures"][0].clone();
        b["dsseEnvelope"]["signatures"] = json!([one, one]);
    });
    for (text, word) in [
        (String::new(), "expected a sigstore bundle"),
        ("{}".into(), "expected a sigstore bundle"),
        ("[".repeat(100_000), "expected a sigstore bundle"),
        (" ".repeat(MAX_BYTES + 1), "at most"),
        (
            with(&good, |b| b["mediaType"] = "\u{1b}[2J".into()).to_string(),
            "expected a sigstore bundle",
        ),
        (blob.to_string(), "sign with cosign sign"),
        (keyed.to_string(), "signed with a key"),
        (many.to_string(), "at most 100 log entries"),
        (signatures.to_string(), "expected a sigstore bundle"),
        (
            r#"{"Base64Signature":"AA==","Payload":"e30=","Cert":"x","Chain":"x","Bundle":{}}"#
                .into(),
            "expected a sigstore bundle",
        ),
    ] {
        let said = read(&root, IDENTITY, ISSUER, &text)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains(word) && !said.contains('\u{1b}'),
            "{word}: {said}"
        );
    }
}

/// The parts on which a verification rests; the rest of a bundle may be written in another way.
fn signed(bundle: &str) -> Option<(Value, Value)> {
    let bundle: Value = serde_json::from_str(bundle).ok()?;
    let material = &bundle["verificationMaterial"]["certificate"];
    Some((bundle["dsseEnvelope"]["payload"].clone(), material.clone()))
}

proptest! {
    #[test]
    fn anything_in_place_of_a_file_is_an_error(text in "\\PC{0,200}", json in "[\\[\\]{}\":,a-z0-9]{0,80}") {
        for text in [&text, &json] {
            prop_assert!(read(text, IDENTITY, ISSUER, text).is_err());
            let root = Sigstore::default().trusted_root().to_string();
            prop_assert!(read(&root, IDENTITY, ISSUER, text).is_err());
        }
    }

    /// Bytes of a genuine bundle are changed: nothing panics, and a bundle that is still accepted says what was signed.
    #[test]
    fn a_damaged_bundle_is_never_another_signature(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        static GENUINE: std::sync::LazyLock<(String, String)> = std::sync::LazyLock::new(|| {
            let site = Sigstore::default();
            (site.trusted_root().to_string(), site.bundle(&Ask::of(HEX)).to_string())
        });
        let (root, bundle) = &*GENUINE;
        let mut bytes = bundle.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let text = String::from_utf8_lossy(&bytes);
        let said = read(root, IDENTITY, ISSUER, &text)
            .map_err(|e| e.to_string())
            .and_then(|signature| signature.verify(&format!("sha256:{HEX}")));
        if let Ok(said) = said {
            prop_assert!(said.contains(IDENTITY), "{}", said);
            prop_assert_eq!(signed(&text), signed(bundle));
        }
    }
}
