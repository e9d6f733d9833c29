//! Forged heads, invalid keys, and logs that end before their entries do.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

/// A closed log as its lines without the head, and the head.
fn parts() -> (Vec<String>, String, PublicKey) {
    let (log, key) = closed();
    let text = String::from_utf8(log).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = lines.pop().unwrap();
    (lines, head, key)
}

fn joined(lines: &[String], head: &str) -> Vec<u8> {
    format!("{}\n{head}\n", lines.join("\n")).into_bytes()
}

/// The text of a field of the envelope, which is written in one way only.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let rest = head.split_once(&format!("\"{name}\":\"")).unwrap().1;
    rest.split_once('"').unwrap().0
}

#[test]
fn a_signature_of_which_a_byte_is_another_is_refused() {
    let (lines, head, _) = parts();
    assert!(verify(&joined(&lines, &head), None).is_ok());
    let sig = field(&head, "sig");
    let bytes = STANDARD.decode(sig).unwrap();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let forged = head.replace(sig, &STANDARD.encode(other));
        let broken = verify(&joined(&lines, &forged), None).unwrap_err();
        assert_eq!(broken, Broken::NotClosed, "byte {at}");
    }
}

#[test]
fn a_head_that_is_made_to_fit_a_shortened_log_is_refused() {
    let (mut lines, head, key) = parts();
    let last = lines.pop().unwrap();
    let payload = field(&head, "payload");
    let statement = String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap();
    let fitting = statement.replace("\"entries\":5", "\"entries\":4").replace(
        &sha256(last.as_bytes()),
        &sha256(lines.last().unwrap().as_bytes()),
    );
    assert_ne!(fitting, statement);
    let forged = head.replace(payload, &STANDARD.encode(fitting));
    for key in [None, Some(&key)] {
        let broken = verify(&joined(&lines, &forged), key).unwrap_err();
        assert_eq!(broken, Broken::NotClosed);
    }
}

#[test]
fn a_head_that_names_another_key_than_it_holds_is_refused() {
    let (lines, head, key) = parts();
    let other = AuditKey::generate().unwrap().public();
    let forged = head.replace(&key.id(), &other.id());
    assert_ne!(forged, head);
    let broken = verify(&joined(&lines, &forged), Some(&other)).unwrap_err();
    assert_eq!(broken, Broken::NotClosed);
}

#[test]
fn the_id_of_a_key_is_the_digest_that_others_compute() {
    let key = PublicKey::read(&hex::decode(RFC8032).unwrap()).unwrap();
    // openssl pkey -pubin -outform DER | sha256sum
    assert_eq!(
        key.id(),
        "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9"
    );
    let named = AuditKey::read(OPENSSL.as_bytes()).unwrap();
    assert!(format!("{named:?}").contains(&key.id()));
}

#[test]
fn what_pem_calls_something_else_is_no_key() {
    let key = AuditKey::read(OPENSSL.as_bytes()).unwrap();
    let other = OPENSSL.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert!(AuditKey::read(other.as_bytes()).is_err());
    let other = key.public().to_pem().replace("PUBLIC KEY", "CERTIFICATE");
    assert!(PublicKey::read(other.as_bytes()).is_err());
}

#[test]
fn a_key_that_is_given_signs_the_head() {
    let log = log();
    let key = AuditKey::read(OPENSSL.as_bytes()).unwrap();
    let public = key.public();
    log.sign_with(key);
    log.close().unwrap();
    let verified = verify(log.text().as_bytes(), Some(&public)).unwrap();
    assert_eq!(verified.key, public);
}

#[test]
fn nothing_is_added_to_a_closed_log() {
    let log = log();
    log.close().unwrap();
    let text = log.text();
    log.record(Entry::Done { what: "x".into() });
    assert_eq!(log.text(), text);
    assert!(!log.holds());
}

#[test]
fn a_log_that_is_full_says_that_something_is_missing() {
    let full = log();
    let much = || Entry::Done {
        what: "x".repeat(30 << 20),
    };
    for _ in 0..3 {
        full.record(much());
    }
    assert!(full.holds());
    let before = full.checkpoint();
    full.record(Entry::Done { what: "x".into() });
    assert_eq!(full.checkpoint(), before);
    assert!(full.close().unwrap_err().to_string().contains("full"));
    assert!(verify(full.text().as_bytes(), None).is_ok());
}
