//! The transparency log: entries, proofs, checkpoints, promises.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::SigningKey as _;
use serde_json::{Value, json};

use crate::{Hash, Sigstore, hash_of, log_id};

/// Where RFC 6962, section 2.1, cuts a tree of more than one leaf.
fn cut(leaves: &[Hash]) -> usize {
    leaves.len().next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(cut(leaves));
    hash_of(&[&[1], &root(left), &root(right)])
}

fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let at = cut(leaves);
    let (left, right) = leaves.split_at(at);
    let (mut below, beside) = if index < at {
        (path(index, left), root(right))
    } else {
        (path(index - at, right), root(left))
    };
    below.push(beside);
    below
}

impl Sigstore {
    /// What the log has of an envelope: the fourth of five entries.
    pub fn entry(&self, envelope: &Value, leaf: &[u8], logged_at: i64) -> Value {
        let (index, size) = (3, 5);
        let payload = envelope["payload"].as_str().expect("payload");
        let payload = STANDARD.decode(payload).expect("payload");
        let hash =
            |data: &[u8]| json!({"algorithm": "sha256", "value": hex::encode(hash_of(&[data]))});
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(leaf)
        );
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": hash(envelope.to_string().as_bytes()),
                "payloadHash": hash(&payload),
                "signatures": [{
                    "signature": envelope["signatures"][0]["sig"],
                    "verifier": STANDARD.encode(pem),
                }],
            },
        })
        .to_string();
        let mut leaves: Vec<Hash> = (0..size).map(|n: u8| hash_of(&[&[0], &[n]])).collect();
        leaves[index] = hash_of(&[&[0], body.as_bytes()]);
        let root = root(&leaves);
        let id = log_id(&self.log);
        let body = STANDARD.encode(body);
        // RFC 8785: keys in their order.
        let promise = format!(
            r#"{{"body":"{body}","integratedTime":{logged_at},"logID":"{}","logIndex":{index}}}"#,
            hex::encode(id)
        );
        let promise = self.log.sign(promise.as_bytes()).expect("signature");
        let head = format!("log.example\n{size}\n{}\n", STANDARD.encode(root));
        let mut note = id[..4].to_vec();
        note.extend(self.log.sign(head.as_bytes()).expect("signature"));
        let path: Vec<String> = path(index, &leaves)
            .iter()
            .map(|h| STANDARD.encode(h))
            .collect();
        json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": STANDARD.encode(id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": logged_at.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(promise)},
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": STANDARD.encode(root),
                "treeSize": size.to_string(),
                "hashes": path,
                "checkpoint": {"envelope": format!("{head}\n— log.example {}\n", STANDARD.encode(note))},
            },
            "canonicalizedBody": body,
        })
    }
}
