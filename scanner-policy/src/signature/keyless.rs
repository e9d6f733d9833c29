//! Keyless signatures: in place of a key, a certificate that a sigstore CA gave to an identity for minutes.
//!
//! They are verified offline by `sigstore-verify`, a crate of the sigstore project, with `ring` below it,
//! against the trust root that the user gives (`trusted_root.json`). For an image to count as signed:
//!
//! - the certificate leads to a Fulcio CA of the trust root, is for code signing, and was valid at every
//!   signing time that the log (SET) or a timestamp authority (RFC 3161) vouches for; there is one at least;
//! - a CT log of the trust root signed its SCT; its identity and its issuer are exactly those asked for;
//! - every entry of the bundle is in the log: Merkle proof, checkpoint and, where there is one, SET are
//!   verified with a key of the trust root, and the entry names this payload, signature and certificate;
//! - the certificate's key signed the DSSE envelope, whose in-toto statement is a signature of `cosign` and
//!   names the digest that the node reports.
//!
//! Not looked at: revocation (Fulcio's certificates live for minutes), witnesses of the log, consistency of
//! the log over time, and whether the trust root itself is current. Signatures of blobs (`messageSignature`)
//! are refused, for they name no image. So are the certificates that `cosign download signature` prints.

use std::sync::Arc;

use scanner_core::escape::{visible, visible_ends};
use sigstore_verify::{
    Error, VerificationPolicy, Verifier,
    crypto::try_default_provider,
    trust_root::TrustedRoot,
    types::{Bundle, Sha256Hash, SignatureContent, bundle::VerificationMaterialContent},
};

use super::{
    error::SignatureError,
    statement::{MAX_BYTES, MAX_SIGNATURES, another_digest, statement_digests},
};

/// Who must have signed an image, and the authorities that say who it was.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Keyless<'a> {
    /// The trust root: a `trusted_root.json` of sigstore.
    pub trusted_root: &'a str,
    /// Subject alternative name that the certificate must have, such as an email address or the URI of a workflow.
    pub identity: &'a str,
    /// OIDC issuer that must have vouched for it, such as `https://accounts.google.com`.
    pub issuer: &'a str,
}

impl<'a> Keyless<'a> {
    /// The signer whom `trusted_root` vouches for as that identity of that issuer.
    pub const fn new(trusted_root: &'a str, identity: &'a str, issuer: &'a str) -> Self {
        Self {
            trusted_root,
            identity,
            issuer,
        }
    }
}

#[derive(Clone)]
pub(super) struct Signed {
    verifier: Arc<Verifier>,
    policy: VerificationPolicy,
    bundle: Arc<Bundle>,
    /// `IDENTITY (ISSUER)`
    signer: String,
}

impl Signed {
    pub(super) fn read(who: &Keyless<'_>, bundle: &str) -> Result<Self, SignatureError> {
        for (value, name) in [(who.identity, "identity"), (who.issuer, "OIDC issuer")] {
            if value.trim().is_empty() {
                return Err(SignatureError::NoSigner(name));
            }
        }
        if try_default_provider().is_none() {
            return Err(SignatureError::NoCryptoProvider);
        }
        let verifier = verifier(who.trusted_root).map_err(SignatureError::TrustRoot)?;
        let bundle = read_bundle(bundle).map_err(SignatureError::Bundle)?;
        Ok(Self {
            verifier: Arc::new(verifier),
            policy: VerificationPolicy::new(who.identity, who.issuer),
            bundle: Arc::new(bundle),
            signer: visible(&format!("{} ({})", who.identity, who.issuer), 300),
        })
    }

    pub(super) fn verify(&self, running: &str) -> Result<String, String> {
        let refused = |why: &str| format!("the keyless signature does not verify: {why}");
        let digest = running
            .strip_prefix("sha256:")
            .and_then(|hex| Sha256Hash::from_hex(hex).ok())
            .ok_or_else(|| refused("the node reports no SHA-256 digest"))?;
        let SignatureContent::DsseEnvelope(envelope) = &self.bundle.content else {
            return Err(refused("no DSSE envelope"));
        };
        let material = &self.bundle.verification_material;
        let entries = &material.tlog_entries;
        if entries.is_empty() {
            return Err(refused("the bundle has no entry of the log"));
        }
        // The crate accepts a SET alone if a bundle is of format 0.1, or if another entry has a proof.
        if entries.iter().any(|entry| entry.inclusion_proof.is_none()) {
            return Err(refused("an entry of the log comes without inclusion proof"));
        }
        let result = match self.verifier.verify(digest, &self.bundle, &self.policy) {
            Ok(result) => result,
            // Reached only for a signed payload: the crate compares digests after it has verified the envelope.
            Err(Error::ArtifactMismatch(why)) => {
                let named = statement_digests(envelope.payload.as_bytes(), &self.signer)?;
                return Err(if named.iter().any(|d| d == running) {
                    refused(&visible_ends(&why, 400))
                } else {
                    another_digest(&self.signer, &named, running)
                });
            }
            Err(error) => return Err(refused(&visible_ends(&error.to_string(), 400))),
        };
        if !(result.certificate_verified() && result.sct_verified() && result.tlog_verified()) {
            return Err(refused(
                "not all of certificate, SCT and log entry were verified",
            ));
        }
        let named = statement_digests(envelope.payload.as_bytes(), &self.signer)?;
        if !named.iter().any(|d| d == running) {
            return Err(another_digest(&self.signer, &named, running));
        }
        let at = result.verified_timestamps().iter().min();
        let at = at.ok_or_else(|| refused("no signing time was verified"))?;
        Ok(format!(
            "{} signed {running} at {at}, as logged",
            self.signer
        ))
    }
}

fn verifier(text: &str) -> Result<Verifier, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("a trust root has at most {MAX_BYTES} bytes"));
    }
    let not = |why: &dyn std::fmt::Display| {
        let why = visible(&why.to_string(), 300);
        format!("the trust root is not a trusted_root.json of sigstore that can be used: {why}")
    };
    let root = TrustedRoot::from_json(text).map_err(|e| not(&e))?;
    if !root
        .media_type
        .starts_with("application/vnd.dev.sigstore.trustedroot")
    {
        return Err(not(&format!("its media type is {:?}", root.media_type)));
    }
    for (number, what) in [
        (root.certificate_authorities.len(), "certificate authority"),
        (root.tlogs.len(), "transparency log"),
        (root.ctlogs.len(), "certificate transparency log"),
    ] {
        if number == 0 {
            return Err(not(&format!("it names no {what}")));
        }
    }
    Verifier::new(&root).map_err(|e| not(&e))
}

fn read_bundle(text: &str) -> Result<Bundle, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("a bundle has at most {MAX_BYTES} bytes"));
    }
    let bundle = Bundle::from_json(text).map_err(|e| {
        let why = visible(&e.to_string(), 300);
        format!("expected a sigstore bundle, as cosign 3 makes: {why}")
    })?;
    let material = &bundle.verification_material;
    if matches!(material.content, VerificationMaterialContent::PublicKey(_)) {
        return Err(
            "the bundle has no certificate: it was signed with a key, which must be given".into(),
        );
    }
    if !matches!(bundle.content, SignatureContent::DsseEnvelope(_)) {
        return Err("the bundle is the signature of a blob (messageSignature) and names no image: sign with cosign sign".into());
    }
    let timestamps = &material.timestamp_verification_data.rfc3161_timestamps;
    if material.tlog_entries.len().max(timestamps.len()) > MAX_SIGNATURES {
        return Err(format!(
            "a bundle has at most {MAX_SIGNATURES} log entries and timestamps"
        ));
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests;
