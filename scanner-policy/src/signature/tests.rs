//! Tests of signatures, with keys that are made here.

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn key() -> (EcdsaKeyPair, String) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
    let pair = pair.unwrap();
    let mut spki = P256_SPKI.to_vec();
    spki.extend(pair.public_key().as_ref());
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", spki));
    (pair, public)
}

fn sign(pair: &EcdsaKeyPair, text: &[u8]) -> String {
    STANDARD.encode(pair.sign(&SystemRandom::new(), text).unwrap())
}

fn payload(digest: &str, kind: &str) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"web"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"}},"optional":null}}"#
    )
}

fn simple(pair: &EcdsaKeyPair, payload: &str) -> String {
    format!(
        r#"{{"Base64Signature":"{}","Payload":"{}","Cert":null,"Chain":null,"Bundle":null}}"#,
        sign(pair, payload.as_bytes()),
        STANDARD.encode(payload)
    )
}

fn dsse(pair: &EcdsaKeyPair, predicate: &str, hex: &str) -> String {
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{hex}"}}}}],"predicateType":"{predicate}"}}"#
    );
    let kind = "application/vnd.in-toto+json";
    let signed = format!(
        "DSSEv1 {} {kind} {} {statement}",
        kind.len(),
        statement.len()
    );
    format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"x"}}}},"dsseEnvelope":{{"payload":"{}","payloadType":"{kind}","signatures":[{{"sig":"{}"}}]}}}}"#,
        STANDARD.encode(&statement),
        sign(pair, signed.as_bytes())
    )
}

const KIND: &str = "cosign container image signature";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

#[test]
fn what_the_key_signed_is_accepted_and_nothing_else() {
    let (pair, public) = key();
    let (other, _) = key();
    let running = format!("web@sha256:{HEX}");
    let good = format!("sha256:{HEX}");
    let bad = format!("sha256:{}", "b".repeat(64));
    let tampered = simple(&pair, &payload(&bad, KIND)).replace(
        &STANDARD.encode(payload(&bad, KIND)),
        &STANDARD.encode(payload(&good, KIND)),
    );
    for (bundle, expected) in [
        (simple(&pair, &payload(&good, KIND)), Ok("signed")),
        (
            format!(
                "{}\n{}\n",
                simple(&other, &payload(&good, KIND)),
                simple(&pair, &payload(&good, KIND))
            ),
            Ok("signed"),
        ),
        (dsse(&pair, SIGN, HEX), Ok("signed")),
        (simple(&pair, &payload(&bad, KIND)), Err("the node runs")),
        (
            simple(&other, &payload(&good, KIND)),
            Err("by the given key"),
        ),
        (tampered, Err("by the given key")),
        (
            simple(&pair, &payload(&good, "something else")),
            Err("not a signature of a container image"),
        ),
        (simple(&pair, "{}"), Err("not a simple-signing payload")),
        (
            dsse(&pair, "https://spdx.dev/Document", HEX),
            Err("not a signature of cosign"),
        ),
        (dsse(&other, SIGN, HEX), Err("by the given key")),
        (dsse(&pair, SIGN, &"b".repeat(64)), Err("the node runs")),
    ] {
        let signature = Signature::read(&public, &bundle).unwrap();
        match (signature.verify(&running), expected) {
            (Ok(said), Ok(word)) | (Err(said), Err(word)) => assert!(said.contains(word), "{said}"),
            (said, expected) => unreachable!("{said:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_payload_is_not_accepted_as_an_envelope_or_the_other_way() {
    let (pair, public) = key();
    let running = format!("web@sha256:{HEX}");
    // The signature of a simple payload, presented as that of an envelope of the same bytes.
    let text = payload(&format!("sha256:{HEX}"), KIND);
    let confused = format!(
        r#"{{"dsseEnvelope":{{"payload":"{}","payloadType":"x","signatures":[{{"sig":"{}"}}]}}}}"#,
        STANDARD.encode(&text),
        sign(&pair, text.as_bytes())
    );
    let signature = Signature::read(&public, &confused).unwrap();
    assert!(signature.verify(&running).is_err());
}

#[test]
fn a_node_that_reports_no_digest_has_nothing_that_is_signed() {
    let (pair, public) = key();
    let bundle = simple(&pair, &payload("", KIND));
    let signature = Signature::read(&public, &bundle).unwrap();
    assert!(signature.verify("").is_err() && signature.verify("web:1").is_err());
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let (pair, public) = key();
    let bundle = simple(&pair, &payload("", KIND));
    for (key, bundle, word) in [
        ("", bundle.as_str(), "PEM"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            &bundle,
            "P-256",
        ),
        (&public, "", "no signature"),
        (&public, "{}", "cosign download signature"),
        (
            &public,
            r#"{"Base64Signature":"?","Payload":"e30="}"#,
            "base64",
        ),
        (&public, r#"{"messageSignature":{}}"#, "dsseEnvelope"),
    ] {
        let error = Signature::read(key, bundle).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
