//! The signed head: an in-toto statement (v1) in a DSSE envelope (v1), the last line of a log.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    checkpoint::Checkpoint,
    key::{AuditKey, PublicKey},
};

/// `predicateType` of the statement over a log.
pub const PREDICATE_TYPE: &str = "https://secure-scan.io/audit-log/v1";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    entries: u64,
    closed: String,
    tool_version: String,
    public_key: String,
}

/// What a good envelope says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) checkpoint: Checkpoint,
    pub(super) closed: String,
    pub(super) key: PublicKey,
}

/// The line that closes a log at `checkpoint`.
pub(super) fn seal(checkpoint: &Checkpoint, closed: &str, key: &AuditKey) -> String {
    let public = key.public();
    let statement = Statement {
        kind: STATEMENT_TYPE.into(),
        subject: vec![Subject {
            name: "secure-scan audit log".into(),
            digest: SubjectDigest {
                sha256: checkpoint.head.clone(),
            },
        }],
        predicate_type: PREDICATE_TYPE.into(),
        predicate: Predicate {
            entries: checkpoint.entries,
            closed: closed.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            public_key: public.to_pem(),
        },
    };
    let payload = serde_json::to_vec(&statement).unwrap_or_default();
    let envelope = Envelope {
        payload_type: PAYLOAD_TYPE.into(),
        signatures: vec![Signature {
            keyid: public.id(),
            sig: STANDARD.encode(key.sign(&pae(&payload))),
        }],
        payload: STANDARD.encode(payload),
    };
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// Reads the line that closes a log; `None` when any byte of it is not as it was written.
pub(super) fn open(line: &[u8]) -> Option<Head> {
    let envelope: Envelope = serde_json::from_slice(line).ok()?;
    // Another way to write the same envelope is not what was written.
    if serde_json::to_vec(&envelope).ok()? != line || envelope.payload_type != PAYLOAD_TYPE {
        return None;
    }
    let payload = STANDARD.decode(&envelope.payload).ok()?;
    let statement: Statement = serde_json::from_slice(&payload).ok()?;
    let key = PublicKey::read(statement.predicate.public_key.as_bytes()).ok()?;
    let [signature] = envelope.signatures.as_slice() else {
        return None;
    };
    let sig = STANDARD.decode(&signature.sig).ok()?;
    let [subject] = statement.subject.as_slice() else {
        return None;
    };
    let good = signature.keyid == key.id()
        && key.verify(&pae(&payload), &sig)
        && statement.kind == STATEMENT_TYPE
        && statement.predicate_type == PREDICATE_TYPE;
    good.then(|| Head {
        checkpoint: Checkpoint {
            entries: statement.predicate.entries,
            head: subject.digest.sha256.clone(),
        },
        closed: statement.predicate.closed,
        key,
    })
}

/// Pre-authentication encoding of DSSE.
fn pae(payload: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    )
    .into_bytes();
    message.extend_from_slice(payload);
    message
}
