//! Who must have signed an image, as a policy states it.

use serde::Deserialize;

/// Who must have signed an image. Files are relative to the one that names them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Raw")]
pub enum Signer {
    /// The holder of the key whose public half (PEM) is in this file.
    Key(String),
    /// An identity that an authority of a trust root vouches for.
    Keyless {
        /// File of the trust root.
        trusted_root: String,
        /// Subject alternative name of the certificate.
        certificate_identity: String,
        /// OIDC issuer that vouched for it.
        certificate_oidc_issuer: String,
    },
}

/// Who must have signed an image: either the holder of `key`, or, keyless, the identity that an authority of
/// `trusted_root` vouches for.
#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Signer", extend("oneOf" = [
    {"required": ["key"]},
    {"required": ["trusted_root", "certificate_identity", "certificate_oidc_issuer"]},
]))]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Public key (PEM, ECDSA P-256), relative to this file.
    #[serde(default)]
    key: Option<String>,
    /// Trust root of sigstore (`trusted_root.json`), relative to this file.
    #[serde(default)]
    trusted_root: Option<String>,
    /// Identity that the certificate must have, exactly: an email address, or the URI of a workflow.
    #[serde(default)]
    certificate_identity: Option<String>,
    /// OIDC issuer that the certificate must name, exactly, such as `https://accounts.google.com`.
    #[serde(default)]
    certificate_oidc_issuer: Option<String>,
}

impl TryFrom<Raw> for Signer {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let identity = given(raw.certificate_identity);
        let issuer = given(raw.certificate_oidc_issuer);
        match (given(raw.key), given(raw.trusted_root)) {
            (Some(key), None) if identity.is_none() && issuer.is_none() => Ok(Self::Key(key)),
            (Some(_), _) => Err("signature: a key, or a trust root with an identity, not both"),
            (None, Some(trusted_root)) => Ok(Self::Keyless {
                trusted_root,
                certificate_identity: identity.ok_or(LACKS)?,
                certificate_oidc_issuer: issuer.ok_or(LACKS)?,
            }),
            (None, None) => Err("signature: expected key or trusted_root"),
        }
    }
}

const LACKS: &str = "signature: a trust root alone would let anyone sign; certificate_identity and \
                     certificate_oidc_issuer must say who";
