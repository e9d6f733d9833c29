//! What is not in the log, or not proven to be.

use super::*;

/// The checkpoint of an entry.
fn note(entry: &Value) -> &str {
    entry["inclusionProof"]["checkpoint"]["envelope"]
        .as_str()
        .unwrap()
}

/// A signed note with the key hint of another.
fn renamed(note: &str, other: &str) -> String {
    let split = |note: &str| {
        let (head, signature) = note.trim_end().rsplit_once(' ').unwrap();
        (head.to_owned(), STANDARD.decode(signature).unwrap())
    };
    let ((head, mut signature), (_, named)) = (split(note), split(other));
    signature[..4].copy_from_slice(&named[..4]);
    format!("{head} {}\n", STANDARD.encode(signature))
}

const PROOF: &str = "inclusionProof";
const PROMISE: &str = "inclusionPromise";

fn lacks(bundle: &Value, name: &str) -> Value {
    with(bundle, |b| {
        entry(b).as_object_mut().unwrap().remove(name);
    })
}

#[test]
fn an_entry_of_another_log_or_another_signature_is_refused() {
    let site = Sigstore::default();
    let ask = Ask::of(HEX);
    let good = site.bundle(&ask);
    let real = good["verificationMaterial"]["tlogEntries"][0].clone();
    // The same entry in a log of the attacker's own.
    let other = Sigstore {
        log: Sigstore::default().log,
        ..site.clone()
    };
    let leaf = &good["verificationMaterial"]["certificate"]["rawBytes"];
    let leaf = STANDARD.decode(leaf.as_str().unwrap()).unwrap();
    let forged = other.entry(&good["dsseEnvelope"], &leaf, LOGGED_AT);
    let replaced = |new: &Value| with(&good, |b| *entry(b) = new.clone());
    let of = |mut bundle: Value| replaced(entry(&mut bundle));
    let claimed = renamed(note(&forged), note(&real));
    let rows = vec![
        ("another log", replaced(&forged), "No log key valid"),
        (
            "another log in the name of the right one",
            with(&replaced(&forged), |b| {
                entry(b)["logId"] = real["logId"].clone();
            }),
            "SET verification failed",
        ),
        (
            "the right promise, proven by another log",
            with(&good, |b| entry(b)[PROOF] = forged[PROOF].clone()),
            "No matching Rekor key",
        ),
        (
            "a checkpoint that only claims the right key",
            with(&good, |b| {
                entry(b)[PROOF]["checkpoint"]["envelope"] = claimed.into();
            }),
            "No valid Rekor signature",
        ),
        (
            "the entry of another signature of the same",
            of(site.bundle(&ask)),
            "log entry does not match",
        ),
        (
            "the entry of another envelope",
            of(site.bundle(&Ask::of(&"b".repeat(64)))),
            "DSSE payload hash mismatch",
        ),
    ];
    refused(&site.trusted_root(), rows);
}

#[test]
fn an_entry_that_does_not_prove_what_it_says_is_refused() {
    let site = Sigstore::default();
    let good = site.bundle(&Ask::of(HEX));
    let at = "/verificationMaterial/tlogEntries/0";
    let (hash, promise, body) = (
        format!("{at}/inclusionProof/hashes/0"),
        format!("{at}/inclusionPromise/signedEntryTimestamp"),
        format!("{at}/canonicalizedBody"),
    );
    let rows = vec![
        (
            "no entry",
            with(&good, |b| {
                b["verificationMaterial"]["tlogEntries"] = json!([]);
            }),
            "no entry of the log",
        ),
        ("no proof", lacks(&good, PROOF), "without inclusion proof"),
        ("no promise", lacks(&good, PROMISE), "No verified timestamp"),
        (
            "no time",
            lacks(&good, "integratedTime"),
            "No verified timestamp",
        ),
        (
            "another hash in the proof",
            flipped(&good, &hash),
            "inclusion proof verification failed",
        ),
        (
            "another place in the log",
            with(&good, |b| entry(b)[PROOF]["logIndex"] = json!("2")),
            "inclusion proof verification failed",
        ),
        (
            "another promise",
            flipped(&good, &promise),
            "SET verification failed",
        ),
        (
            "another body",
            flipped(&good, &body),
            "SET verification failed",
        ),
        (
            "another time",
            with(&good, |b| {
                entry(b)["integratedTime"] = json!((LOGGED_AT + 1).to_string());
            }),
            "SET verification failed",
        ),
        (
            "a second entry that proves nothing",
            with(&good, |b| {
                let second = entry(&mut lacks(&lacks(b, PROOF), PROMISE)).clone();
                let entries = b["verificationMaterial"]["tlogEntries"].as_array_mut();
                entries.unwrap().push(second);
            }),
            "without inclusion proof",
        ),
    ];
    refused(&site.trusted_root(), rows);
}
