//! This crate installs no cryptography for the process: a program that did not choose gets an error, not a panic.

#![cfg(feature = "signatures")]

use scanner_policy::{
    Signature,
    signature::{Keyless, SignatureError, install_ring},
};

#[test]
fn keyless_signatures_need_cryptography_that_the_program_chose() {
    let who = Keyless::new("{}", "ci@acme.example", "https://accounts.example");
    let error = Signature::read_keyless(&who, "{}").err();
    assert_eq!(error, Some(SignatureError::NoCryptoProvider));
    assert!(install_ring(), "nothing was installed before");
    assert!(!install_ring(), "the first to be installed stays");
    let error = Signature::read_keyless(&who, "{}").err();
    assert!(
        matches!(error, Some(SignatureError::TrustRoot(_))),
        "{error:?}"
    );
}
