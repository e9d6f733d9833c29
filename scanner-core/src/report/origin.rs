//! Where a scan was made and by whom, so that a report can be traced.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::untrusted::Untrusted;

/// Longest text of a server or of a configuration that is kept, in characters.
const LONGEST: usize = 300;
/// Characters of a reason: the words of a server in it end with what went wrong.
const LONGEST_REASON: usize = 900;
/// Certificate authorities that are kept of one cluster.
const MOST: usize = 8;

/// Where a scan was made and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Origin {
    /// Host and port of the API server.
    pub server: Untrusted,
    /// Version that the API server says it has, where the scan asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Untrusted>,
    /// SHA-256, in hexadecimal, of each certificate authority that the server was verified with. None where the roots of the
    /// machine were taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_sha256: Vec<String>,
    /// Whose rights were used to set up the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorName>,
    /// What the scan asked the server for and did not get, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<Untrusted>,
}

/// A name of the operator, and how far it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OperatorName {
    /// The name.
    pub name: Untrusted,
    /// Who says so.
    pub known_by: KnownBy,
}

/// Who says what the operator's name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnownBy {
    /// The API server, by its `SelfSubjectReview`.
    Server,
    /// The configuration impersonates that user.
    Impersonation,
    /// The claims of the service account token that was sent.
    Token,
    /// The entry of the kubeconfig: its owner chose the name.
    Kubeconfig,
    /// A way of a later version.
    #[serde(other)]
    Unknown,
}

impl Origin {
    /// A cluster at that host and port, and the DER of the authorities that verify it.
    pub fn new(server: &str, authorities: &[impl AsRef<[u8]>]) -> Self {
        use sha2::{Digest as _, Sha256};
        let digest = |der: &dyn AsRef<[u8]>| hex::encode(Sha256::digest(der.as_ref()));
        let kept = authorities.iter().take(MOST);
        Self {
            server: bounded(server, LONGEST),
            ca_sha256: kept.map(|der| digest(der)).collect(),
            ..Self::default()
        }
    }

    /// The same with the version that the server says it has.
    #[must_use]
    pub fn with_version(mut self, version: &str) -> Self {
        self.version = Some(bounded(version, LONGEST));
        self
    }

    /// The same with a name of the operator.
    #[must_use]
    pub fn with_operator(mut self, operator: impl Into<Option<OperatorName>>) -> Self {
        self.operator = operator.into();
        self
    }

    /// The same with something that the server did not answer.
    #[must_use]
    pub fn with_unanswered(mut self, what: &str) -> Self {
        self.unanswered.push(bounded(what, LONGEST_REASON));
        self
    }
}

impl OperatorName {
    /// A name, and who says it.
    pub fn new(name: &str, known_by: KnownBy) -> Self {
        Self {
            name: bounded(name, LONGEST),
            known_by,
        }
    }
}

impl fmt::Display for KnownBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "as the API server knows the operator",
            Self::Impersonation => "impersonated",
            Self::Token => "by the claims of the token",
            Self::Kubeconfig => "user entry of the kubeconfig; the server was not asked",
            Self::Unknown => "known by a method of a later version",
        })
    }
}

/// A text of somebody else, of bounded length.
fn bounded(text: &str, most: usize) -> Untrusted {
    Untrusted::new(text.chars().take(most).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_bounded_and_escapes_itself() {
        let long = format!("\x1b[2J{}", "x".repeat(100_000));
        let operator = OperatorName::new(&long, KnownBy::Server);
        let origin = Origin::new(&long, &[long.as_bytes()])
            .with_version(&long)
            .with_unanswered(&long)
            .with_operator(operator);
        let json = serde_json::to_string(&origin).unwrap();
        assert!(json.len() < 6 * 400, "{}", json.len());
        let version = origin.version.unwrap();
        assert!(!version.to_string().contains('\x1b'), "{version}");
        let many = vec![b"ca"; 1000];
        assert_eq!(Origin::new("a", &many).ca_sha256.len(), MOST);
    }

    #[test]
    fn the_fingerprint_is_the_sha_256_of_the_certificate() {
        // `printf abc | sha256sum`
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Origin::new("a", &[b"abc"]).ca_sha256, [abc]);
    }
}
