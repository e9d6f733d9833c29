//! The ed25519 keys that sign and check the head of a log (RFC 8032, RFC 8410).

use pem::{EncodeConfig, LineEnding, Pem};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use super::hash::sha256;

/// DER of a `SubjectPublicKeyInfo` of ed25519, up to the 32 bytes of the key.
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const KEY_BYTES: usize = 32;

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not {0}")]
pub struct InvalidKey(&'static str);

/// A private key that signs heads.
pub struct AuditKey(Ed25519KeyPair);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AuditKey")
            .field(&self.public().id())
            .finish_non_exhaustive()
    }
}

impl AuditKey {
    /// A new key from the system's source of random numbers.
    ///
    /// # Errors
    ///
    /// Fails when the system gives none.
    pub fn generate() -> Result<Self, InvalidKey> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| InvalidKey("a system with random numbers"))?;
        Self::read(document.as_ref())
    }

    /// Reads PEM or DER (PKCS #8, as `openssl genpkey -algorithm ed25519` writes it), or 32 raw bytes.
    ///
    /// # Errors
    ///
    /// Fails on anything else.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let invalid = InvalidKey("an ed25519 private key: PKCS #8 in PEM or DER, or 32 raw bytes");
        if bytes.len() == KEY_BYTES {
            let pair = Ed25519KeyPair::from_seed_unchecked(bytes);
            return pair.map(Self).map_err(|_| invalid);
        }
        let der = match pem::parse(bytes) {
            Ok(parsed) if parsed.tag() == "PRIVATE KEY" => parsed.into_contents(),
            Ok(_) => return Err(invalid),
            Err(_) => bytes.to_vec(),
        };
        // PKCS #8 without the public key is what openssl writes.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        pair.map(Self).map_err(|_| invalid)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// A public key that checks heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Reads PEM or DER (`SubjectPublicKeyInfo`), or 32 raw bytes.
    ///
    /// # Errors
    ///
    /// Fails on anything else.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let invalid = InvalidKey(
            "an ed25519 public key: SubjectPublicKeyInfo in PEM or DER, or 32 raw bytes",
        );
        let der = match pem::parse(bytes) {
            Ok(parsed) if parsed.tag() == "PUBLIC KEY" => parsed.into_contents(),
            Ok(_) => return Err(invalid),
            Err(_) => bytes.to_vec(),
        };
        let raw = der.strip_prefix(&SPKI).unwrap_or(&der);
        raw.try_into().map(Self).map_err(|_| invalid)
    }

    /// PEM of its `SubjectPublicKeyInfo`.
    pub fn to_pem(&self) -> String {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new("PUBLIC KEY", self.der()), config)
    }

    /// SHA-256 of its `SubjectPublicKeyInfo` in lower-case hexadecimal: the key id of envelopes.
    pub fn id(&self) -> String {
        sha256(&self.der())
    }

    fn der(&self) -> Vec<u8> {
        [&SPKI[..], &self.0].concat()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}
