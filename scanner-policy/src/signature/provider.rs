//! `ring` as the cryptography of `sigstore-verify`: hashing and verification, no keys of its own.

use ring::{digest, signature as of};
use sigstore_verify::{
    crypto::{CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider},
    types::HashAlgorithm,
};

/// Makes `ring` the cryptography of sigstore in this process, which keyless signatures need; whether it now is.
///
/// Sigstore's crates know one provider for the whole process, so this is a choice of the program: nothing in this crate
/// calls it. A program that links another library installs that one instead, with sigstore's own
/// `install_default_provider`; the first to be installed stays.
pub fn install_ring() -> bool {
    install_default_provider(&Ring).is_ok()
}

#[derive(Debug)]
struct Ring;

struct Hash(digest::Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::UnsupportedAlgorithm(what.to_string())
}

fn algorithm(scheme: SigningScheme) -> Result<&'static dyn of::VerificationAlgorithm> {
    Ok(match scheme {
        SigningScheme::EcdsaP256Sha256 => &of::ECDSA_P256_SHA256_ASN1,
        SigningScheme::EcdsaP256Sha384 => &of::ECDSA_P256_SHA384_ASN1,
        SigningScheme::EcdsaP384Sha256 => &of::ECDSA_P384_SHA256_ASN1,
        SigningScheme::EcdsaP384Sha384 => &of::ECDSA_P384_SHA384_ASN1,
        SigningScheme::Ed25519 => &of::ED25519,
        SigningScheme::RsaPssSha256 => &of::RSA_PSS_2048_8192_SHA256,
        SigningScheme::RsaPssSha384 => &of::RSA_PSS_2048_8192_SHA384,
        SigningScheme::RsaPssSha512 => &of::RSA_PSS_2048_8192_SHA512,
        SigningScheme::RsaPkcs1Sha256 => &of::RSA_PKCS1_2048_8192_SHA256,
        SigningScheme::RsaPkcs1Sha384 => &of::RSA_PKCS1_2048_8192_SHA384,
        SigningScheme::RsaPkcs1Sha512 => &of::RSA_PKCS1_2048_8192_SHA512,
        other => return Err(unsupported(other.name())),
    })
}

impl CryptoProvider for Ring {
    fn hash(&self, wanted: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let algorithm = match wanted {
            HashAlgorithm::Sha2256 => &digest::SHA256,
            HashAlgorithm::Sha2384 => &digest::SHA384,
            HashAlgorithm::Sha2512 => &digest::SHA512,
            other => return Err(unsupported(other)),
        };
        Ok(Box::new(Hash(digest::Context::new(algorithm))))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        of::UnparsedPublicKey::new(algorithm(scheme)?, key)
            .verify(data, signature)
            .map_err(|_| Error::Verification(format!("{} signature invalid", scheme.name())))
    }

    /// `ring` hashes what it verifies itself. Only signatures of blobs need this, and they are refused before.
    fn verify_prehashed(&self, _: SigningScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<()> {
        Err(unsupported("a signature of a digest alone"))
    }
}
