//! Why a signature cannot be read.

/// Why a signature, or what it is verified with, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The public key cannot be used.
    #[error("{0}")]
    Key(String),
    /// The bundle cannot be used.
    #[error("{0}")]
    Bundle(String),
    /// The trust root cannot be used.
    #[error("{0}")]
    TrustRoot(String),
    /// Identity or issuer of the signer is empty.
    #[error("no certificate {0} was given: a trust root alone would let anyone sign")]
    NoSigner(&'static str),
    /// The program chose no cryptography for sigstore; see [`install_ring`](super::install_ring).
    #[error("no cryptography provider is installed for keyless signatures")]
    NoCryptoProvider,
}
