//! Signatures of images, verified offline against a local public key or, keyless, a trust root.
//!
//! Two forms of `cosign`: a simple-signing payload with its signature (`cosign download signature`, one JSON object a
//! line), and a sigstore bundle with a DSSE envelope of an in-toto statement (`cosign` 3). A key is ECDSA P-256, as `cosign
//! generate-key-pair` makes it. With a key, only the signature is verified; with a trust root, the entries of the
//! transparency log too.

mod error;
mod keyless;
mod provider;
mod statement;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use scanner_core::escape::visible;
use serde::Deserialize;

use statement::{MAX_BYTES, MAX_SIGNATURES, another_digest, statement_digests};

pub use error::SignatureError;
pub use keyless::Keyless;
pub use provider::install_ring;

/// `SubjectPublicKeyInfo` of a P-256 key up to its uncompressed point (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Signed claims about images, and who must have signed them.
#[derive(Clone)]
pub struct Signature(By);

#[derive(Clone)]
enum By {
    Key { point: Vec<u8>, claims: Vec<Claim> },
    Certificate(keyless::Signed),
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            By::Key { claims, .. } => write!(f, "Signature({} claims)", claims.len()),
            By::Certificate(_) => f.write_str("Signature(keyless)"),
        }
    }
}

#[derive(Clone)]
struct Claim {
    /// The bytes that were signed.
    signed: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    envelope: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    base64_signature: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
struct SimpleSigning {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: SignedImage,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SignedImage {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl Signature {
    /// Reads a public key (PEM) and what `cosign` wrote.
    ///
    /// # Errors
    ///
    /// Fails, saying what was expected, on a key or a bundle that cannot be read.
    pub fn read(key: &str, bundle: &str) -> Result<Self, SignatureError> {
        let point = point(key).map_err(SignatureError::Key)?;
        let claims = claims(bundle).map_err(SignatureError::Bundle)?;
        Ok(Self(By::Key { point, claims }))
    }

    /// Reads a trust root and a sigstore bundle that was signed without a key of the signer's own.
    ///
    /// # Errors
    ///
    /// Fails, saying what was expected, where identity or issuer are empty, on a trust root or a bundle that
    /// cannot be read, and where the program installed no cryptography: [`install_ring`], or a provider of its own. Whether the signature holds is asked later, for the digest that runs.
    pub fn read_keyless(who: &Keyless<'_>, bundle: &str) -> Result<Self, SignatureError> {
        Ok(Self(By::Certificate(keyless::Signed::read(who, bundle)?)))
    }

    /// What proves that the digest that the node reports is signed, or why nothing proves it.
    pub(crate) fn verify(&self, image_id: &str) -> Result<String, String> {
        let running = image_id.rsplit('@').next().unwrap_or_default();
        if !running.starts_with("sha256:") {
            return Err(format!(
                "the node reports no digest that a signature could name: {:?}",
                visible(image_id, 120)
            ));
        }
        let (point, claims) = match &self.0 {
            By::Key { point, claims } => (point, claims),
            By::Certificate(signed) => return signed.verify(running),
        };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        let mut named = Vec::new();
        for claim in claims {
            if key.verify(&claim.signed, &claim.signature).is_err() {
                continue;
            }
            let digests = claim.digests()?;
            if digests.iter().any(|d| d == running) {
                return Ok(format!("the key signed {running}"));
            }
            named.extend(digests);
        }
        Err(if named.is_empty() {
            "no signature of the bundle is by the given key".into()
        } else {
            another_digest("the key", &named, running)
        })
    }
}

impl Claim {
    /// The digests that a payload names. Called only for a payload that the key signed.
    fn digests(&self) -> Result<Vec<String>, String> {
        let not = |what: &str| format!("the key signed something that is not a {what}");
        if self.envelope {
            return statement_digests(&self.payload, "the key");
        }
        let payload: SimpleSigning =
            serde_json::from_slice(&self.payload).map_err(|_| not("simple-signing payload"))?;
        if payload.critical.kind != "cosign container image signature" {
            return Err(not("signature of a container image"));
        }
        Ok(vec![payload.critical.image.digest])
    }
}

/// The point of a P-256 public key in PEM.
fn point(key: &str) -> Result<Vec<u8>, String> {
    let key = pem::parse(key).map_err(|e| format!("the key is not PEM: {e}"))?;
    let point = key
        .contents()
        .strip_prefix(&P256_SPKI[..])
        .filter(|point| key.tag() == "PUBLIC KEY" && point.len() == 65 && point[0] == 4)
        .ok_or("the key is not an ECDSA P-256 public key, as cosign generate-key-pair makes")?;
    Ok(point.to_vec())
}

fn claims(bundle: &str) -> Result<Vec<Claim>, String> {
    if bundle.len() > MAX_BYTES {
        return Err(format!("a bundle has at most {MAX_BYTES} bytes"));
    }
    let claims = match serde_json::from_str::<Bundle>(bundle) {
        Ok(bundle) => envelope(&bundle.dsse_envelope)?,
        Err(_) => downloaded(bundle)?,
    };
    if claims.is_empty() {
        return Err("the bundle has no signature".into());
    }
    Ok(claims)
}

fn decode(text: &str, what: &str) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(text.trim())
        .map_err(|_| format!("{what} is not base64"))
}

fn downloaded(text: &str) -> Result<Vec<Claim>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .take(MAX_SIGNATURES)
        .map(|line| {
            let one: Downloaded = serde_json::from_str(line).map_err(|_| {
                "expected what `cosign download signature` prints (Base64Signature and Payload), or a \
                 sigstore bundle with dsseEnvelope"
                    .to_owned()
            })?;
            let payload = decode(&one.payload, "Payload")?;
            Ok(Claim {
                signed: payload.clone(),
                payload,
                signature: decode(&one.base64_signature, "Base64Signature")?,
                envelope: false,
            })
        })
        .collect()
}

/// DSSE signs its pre-authentication encoding: `DSSEv1 LEN TYPE LEN PAYLOAD`.
fn envelope(envelope: &Envelope) -> Result<Vec<Claim>, String> {
    let payload = decode(&envelope.payload, "the payload of dsseEnvelope")?;
    let kind = &envelope.payload_type;
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend(&payload);
    let signatures = envelope.signatures.iter().take(MAX_SIGNATURES);
    signatures
        .map(|signature| {
            Ok(Claim {
                signed: signed.clone(),
                payload: payload.clone(),
                signature: decode(&signature.sig, "sig of dsseEnvelope")?,
                envelope: true,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
