//! Tests of keyless signatures: genuine ones, and what an attacker could make of them.

mod log;
mod real;
mod unreadable;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fake_sigstore::{Ask, Ca, IDENTITY, ISSUER, LOGGED_AT, SIGN, Sigstore, envelope, statement};
use rcgen::{IsCa, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::signature::{Signature, install_ring};

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The result for the digest `HEX`.
fn verify(root: &Value, identity: &str, bundle: &Value) -> Result<String, String> {
    let who = Keyless {
        trusted_root: &root.to_string(),
        identity,
        issuer: ISSUER,
    };
    install_ring();
    Signature::read_keyless(&who, &bundle.to_string())
        .map_err(|e| e.to_string())?
        .verify(&format!("web@sha256:{HEX}"))
}

/// Each with what makes it different, and a part of its error.
fn refused(root: &Value, rows: Vec<(&str, Value, &str)>) {
    for (what, bundle, word) in rows {
        let said = verify(root, IDENTITY, &bundle);
        let Err(said) = said else {
            unreachable!("{what}: {said:?}")
        };
        assert!(said.contains(word), "{what}: {said}");
    }
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// The bundle with one bit flipped in the value at a place.
fn flipped(bundle: &Value, pointer: &str) -> Value {
    let mut bundle = bundle.clone();
    let place = bundle.pointer_mut(pointer).unwrap();
    let mut bytes = STANDARD.decode(place.as_str().unwrap()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    *place = STANDARD.encode(bytes).into();
    bundle
}

fn with(bundle: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut bundle = bundle.clone();
    change(&mut bundle);
    bundle
}

#[test]
fn a_genuine_signature_is_accepted_and_says_who_signed_when() {
    let site = Sigstore::default();
    let root = site.trusted_root();
    let said = verify(&root, IDENTITY, &site.bundle(&Ask::of(HEX))).unwrap();
    assert_eq!(
        said,
        format!("{IDENTITY} ({ISSUER}) signed sha256:{HEX} at 2026-01-02T00:05:00Z, as logged")
    );
    let below = site
        .ca
        .intermediate(IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let chained = Sigstore {
        ca: Arc::new(below),
        ..site
    };
    let said = verify(&root, IDENTITY, &chained.bundle(&Ask::of(HEX)));
    assert!(said.is_ok(), "{said:?}");
}

#[test]
fn a_certificate_of_anybody_else_is_refused() {
    let site = Sigstore::default();
    let root = site.trusted_root();
    let ask = Ask::of(HEX);
    let signed = |change: &dyn Fn(&mut Ask)| {
        let mut ask = ask.clone();
        change(&mut ask);
        site.bundle(&ask)
    };
    let by = |ca: Ca| {
        let ca = Arc::new(ca);
        Sigstore { ca, ..site.clone() }.bundle(&ask)
    };
    let other_ct = Sigstore {
        ct: Sigstore::default().ct,
        ..site.clone()
    };
    let longer = format!("{IDENTITY}-2");
    let rows = vec![
        (
            "another identity",
            signed(&|a| a.identity = "https://evil.example".into()),
            "identity mismatch",
        ),
        (
            "an identity that begins like it",
            signed(&|a| a.identity.clone_from(&longer)),
            "identity mismatch",
        ),
        (
            "another issuer",
            signed(&|a| a.issuer = "https://evil.example".into()),
            "issuer mismatch",
        ),
        ("another authority", by(Ca::root("other")), "UnknownIssuer"),
        (
            "another authority of the same name",
            by(Ca::root("fulcio")),
            "chain validation failed",
        ),
        (
            "self-signed with the same names",
            signed(&|a| a.self_signed = true),
            "chain validation failed",
        ),
        (
            "below one that is no authority",
            by(site.ca.intermediate(IsCa::ExplicitNoCa)),
            "EndEntityUsedAsCa",
        ),
        (
            "below one that does not say what it is",
            by(site.ca.intermediate(IsCa::NoCa)),
            "EndEntityUsedAsCa",
        ),
        (
            "not for code signing",
            signed(&|a| a.code_signing = false),
            "RequiredEkuNotFound",
        ),
        (
            "without SCT",
            signed(&|a| a.sct = false),
            "missing SCT extension",
        ),
        ("SCT of another log", other_ct.bundle(&ask), "timestamp"),
        (
            "expired when it was logged",
            signed(&|a| a.logged_at = LOGGED_AT + 301),
            "CertExpired",
        ),
        (
            "logged before it was valid",
            signed(&|a| a.logged_at = LOGGED_AT - 301),
            "CertNotValidYet",
        ),
        (
            "logged in the future",
            signed(&|a| a.logged_at = 4_000_000_000),
            "future",
        ),
    ];
    refused(&root, rows);
    let bundle = site.bundle(&ask);
    for identity in [
        &IDENTITY[..IDENTITY.len() - 1],
        &longer,
        "https://ci.example/*",
    ] {
        let said = verify(&root, identity, &bundle).unwrap_err();
        assert!(said.contains("identity mismatch"), "{said}");
    }
    for list in ["certificateAuthorities", "tlogs", "ctlogs"] {
        let mut ended = root.clone();
        let window = json!({"start": "2025-01-01T00:00:00Z", "end": "2025-12-31T00:00:00Z"});
        match list {
            "certificateAuthorities" => ended[list][0]["validFor"] = window,
            _ => ended[list][0]["publicKey"]["validFor"] = window,
        }
        refused(&ended, vec![(list, bundle.clone(), "valid at")]);
    }
}

#[test]
fn what_was_not_signed_or_is_no_signature_of_the_digest_is_refused() {
    let site = Sigstore::default();
    let bad = "b".repeat(64);
    let good = site.bundle(&Ask::of(HEX));
    let wanted = STANDARD.encode(statement(HEX, SIGN));
    let stranger = KeyPair::generate().unwrap();
    let of = |predicate: &str| {
        site.bundle(&Ask {
            predicate: predicate.into(),
            ..Ask::of(HEX)
        })
    };
    let rows = vec![
        (
            "another digest",
            site.bundle(&Ask::of(&bad)),
            "the node runs",
        ),
        (
            "the payload exchanged",
            with(&site.bundle(&Ask::of(&bad)), |b| {
                b["dsseEnvelope"]["payload"] = wanted.into();
            }),
            "DSSE signature verification failed",
        ),
        (
            "signed with another key",
            with(&good, |b| {
                b["dsseEnvelope"] = envelope(&stranger, &statement(HEX, SIGN));
            }),
            "DSSE signature verification failed",
        ),
        (
            "another signature",
            flipped(&good, "/dsseEnvelope/signatures/0/sig"),
            "DSSE signature verification failed",
        ),
        (
            "another kind of payload",
            with(&good, |b| b["dsseEnvelope"]["payloadType"] = "x".into()),
            "unsupported DSSE payload type",
        ),
        (
            "an SBOM",
            of("https://spdx.dev/Document"),
            "not a signature of cosign",
        ),
        (
            "provenance",
            of("https://slsa.dev/provenance/v1"),
            "not a signature of cosign",
        ),
    ];
    refused(&site.trusted_root(), rows);
    let who = Keyless {
        trusted_root: &site.trusted_root().to_string(),
        identity: IDENTITY,
        issuer: ISSUER,
    };
    install_ring();
    let signature = Signature::read_keyless(&who, &good.to_string()).unwrap();
    for image_id in [
        "",
        "web:1",
        "web@sha256:",
        "web@sha256:aaaa",
        "web@sha512:aa",
    ] {
        assert!(signature.verify(image_id).is_err(), "{image_id}");
    }
}
