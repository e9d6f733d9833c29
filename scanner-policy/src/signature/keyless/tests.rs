//! Tests of keyless signatures: a genuine one, and everything that an attacker could make of it.

#[path = "../../../../tests/src/sigstore.rs"]
#[expect(
    unreachable_pub,
    reason = "the end-to-end tests have it as a module of their library"
)]
mod sigstore;

use serde_json::Value;
use sigstore::{Ask, IDENTITY, ISSUER, Sigstore};

use super::*;
use crate::Signature;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn verify(root: &Value, identity: &str, issuer: &str, bundle: &Value) -> Result<String, String> {
    let root = root.to_string();
    let who = Keyless {
        trusted_root: &root,
        identity,
        issuer,
    };
    Signature::read_keyless(&who, &bundle.to_string())?.verify(&format!("web@sha256:{HEX}"))
}

#[test]
fn genuine() {
    let site = Sigstore::default();
    let said = verify(
        &site.trusted_root(),
        IDENTITY,
        ISSUER,
        &site.bundle(&Ask::of(HEX)),
    );
    assert_eq!(said.unwrap(), "");
}
