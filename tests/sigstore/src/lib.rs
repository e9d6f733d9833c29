//! A sigstore of the tests' own: certificate authority, certificate log and transparency log, with their
//! trust root, and what they make of a statement that somebody signs.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "helpers of tests: what fails here fails the test"
)]

mod ca;
mod der;
mod log;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use ca::Ca;

/// Predicate of what `cosign sign` signs.
pub const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
/// Who signs, unless a test says otherwise.
pub const IDENTITY: &str = "https://ci.example/team/web/.ci/release.yaml@refs/heads/main";
/// Who vouches for it.
pub const ISSUER: &str = "https://token.ci.example";
/// 2026-01-02T00:05:00Z, five minutes into the ten minutes of a certificate.
pub const LOGGED_AT: i64 = 1_767_312_300;

/// The authorities. Each can be exchanged, for an attacker has some of his own.
#[derive(Clone)]
pub struct Sigstore {
    /// Certificate authority, as Fulcio.
    pub ca: Arc<Ca>,
    /// Log of certificates, which signs SCTs.
    pub ct: Arc<KeyPair>,
    /// Transparency log, as Rekor.
    pub log: Arc<KeyPair>,
}

/// A signature: its contents, signer, time and faults.
#[derive(Clone)]
pub struct Ask {
    /// Subject alternative name of the certificate.
    pub identity: String,
    /// OIDC issuer in the certificate.
    pub issuer: String,
    /// SHA-256 in hex that the statement names.
    pub digest: String,
    /// What the statement says about it.
    pub predicate: String,
    /// When the log took it, in seconds since 1970.
    pub logged_at: i64,
    /// Whether the certificate is for code signing.
    pub code_signing: bool,
    /// Whether the certificate has an SCT.
    pub sct: bool,
    /// Whether the signer's own key signed the certificate, in the authority's name.
    pub self_signed: bool,
}

impl Ask {
    /// A signature of an image as it should be.
    pub fn of(digest: &str) -> Self {
        Self {
            identity: IDENTITY.into(),
            issuer: ISSUER.into(),
            digest: digest.trim_start_matches("sha256:").into(),
            predicate: SIGN.into(),
            logged_at: LOGGED_AT,
            code_signing: true,
            sct: true,
            self_signed: false,
        }
    }
}

/// The in-toto statement of `cosign sign`, or of another predicate.
pub fn statement(digest: &str, predicate: &str) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest}}],
        "predicateType": predicate,
        "predicate": {},
    })
    .to_string()
}

/// The DSSE envelope of an in-toto statement.
pub fn envelope(key: &KeyPair, payload: &str) -> Value {
    let kind = "application/vnd.in-toto+json";
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let signature = key.sign(signed.as_bytes()).expect("signature");
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": kind,
        "signatures": [{"sig": STANDARD.encode(signature)}],
    })
}

impl Default for Sigstore {
    fn default() -> Self {
        Self {
            ca: Arc::new(Ca::root("fulcio")),
            ct: Arc::new(KeyPair::generate().expect("key")),
            log: Arc::new(KeyPair::generate().expect("key")),
        }
    }
}

impl Sigstore {
    /// The trust root that names these authorities.
    pub fn trusted_root(&self) -> Value {
        let log = |key: &KeyPair| {
            json!([{
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2025-01-01T00:00:00Z"},
                },
                "logId": {"keyId": STANDARD.encode(log_id(key))},
            }])
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": log(&self.log),
            "ctlogs": log(&self.ct),
            "certificateAuthorities": [{
                "uri": "https://ca.example",
                "certChain": {"certificates": [
                    {"rawBytes": STANDARD.encode(self.ca.certificate.der())},
                ]},
                "validFor": {"start": "2025-01-01T00:00:00Z"},
            }],
        })
    }

    /// A bundle of format 0.3, or 0.2 where there are certificates between the signer's and the trust root.
    pub fn bundle(&self, ask: &Ask) -> Value {
        let key = KeyPair::generate().expect("key");
        let leaf = self.ca.issue(ask, &key, &self.ct);
        let envelope = envelope(&key, &statement(&ask.digest, &ask.predicate));
        let entry = self.entry(&envelope, &leaf, ask.logged_at);
        let raw = |der: &[u8]| json!({"rawBytes": STANDARD.encode(der)});
        let (version, name, certificates) = if self.ca.below.is_empty() {
            (".v0.3+json", "certificate", raw(&leaf))
        } else {
            let mut chain = vec![raw(&leaf)];
            chain.extend(self.ca.below.iter().map(|der| raw(der)));
            let chain = json!({"certificates": chain});
            ("+json;version=0.2", "x509CertificateChain", chain)
        };
        json!({
            "mediaType": format!("application/vnd.dev.sigstore.bundle{version}"),
            "verificationMaterial": {name: certificates, "tlogEntries": [entry]},
            "dsseEnvelope": envelope,
        })
    }
}

type Hash = [u8; 32];

fn hash_of(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}

/// Both kinds of logs are known by the hash of their key.
fn log_id(key: &KeyPair) -> Hash {
    hash_of(&[&key.subject_public_key_info()])
}
