//! The digests that a signed statement names, and the bounds of what is read.

use scanner_core::escape::visible;
use serde::Deserialize;

/// Largest bundle, and largest trust root, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Signatures of one bundle that are tried, and entries that it may have.
pub(super) const MAX_SIGNATURES: usize = 100;

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: std::collections::BTreeMap<String, String>,
}

pub(super) fn another_digest(signer: &str, named: &[String], running: &str) -> String {
    format!(
        "{signer} signed {}, the node runs {}; an index and its manifest have different digests: sign the one \
         that the node reports too (cosign sign --recursive)",
        visible(&named.join(", "), 300),
        visible(running, 100)
    )
}

/// The digests that a signed in-toto statement names, if it is a signature of an image.
pub(super) fn statement_digests(payload: &[u8], signer: &str) -> Result<Vec<String>, String> {
    let not = |what: &str| format!("{signer} signed something that is not {what}");
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|_| not("an in-toto statement"))?;
    // Other predicates, such as an SBOM, describe an image but do not vouch for it.
    if !statement.kind.starts_with("https://in-toto.io/Statement/")
        || statement.predicate != "https://sigstore.dev/cosign/sign/v1"
    {
        return Err(not("a signature of cosign"));
    }
    let digests = statement.subject.into_iter();
    Ok(digests
        .filter_map(|s| Some(format!("sha256:{}", s.digest.get("sha256")?)))
        .collect())
}
