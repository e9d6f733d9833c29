//! Tests of the audit log: no change of it goes unseen, and a stranger's call is an alarm.

mod alarms;
mod bound;
mod forged;
mod strangers;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{reconcile::*, *};

const ACCOUNT: &str = "system:serviceaccount:shop:secure-scan-abcd1234";
const JTI: &str = "JTI=11111111-2222-3333-4444-555555555555";

fn call(id: &str, identity: Identity) -> Entry {
    Entry::Call(Call {
        id: id.into(),
        identity,
        verb: "get".into(),
        resource: "pods/exec".into(),
        namespace: Some("shop".into()),
        name: Some("web".into()),
        uri: "/api/v1/namespaces/shop/pods/web/exec?command=sh".into(),
        payload: None,
    })
}

fn answer(id: &str) -> Entry {
    Entry::Answer(Answer {
        id: id.into(),
        status: Some(101),
        echoed: true,
        error: None,
    })
}

fn log() -> AuditLog {
    let log = AuditLog::new();
    log.record(Entry::Planned {
        scan: "abcd1234".parse().unwrap(),
        target: "shop/web".into(),
        account: ACCOUNT.into(),
        plan: sha256(b"plan"),
    });
    log.record(Entry::Token {
        account: ACCOUNT.into(),
        credential: JTI.into(),
    });
    log.record(call("a", Identity::Scan));
    log.record(answer("a"));
    log.record(call("b", Identity::Operator));
    log
}

fn closed() -> (Vec<u8>, PublicKey) {
    let log = log();
    log.close().unwrap();
    (log.text().into_bytes(), log.public_key().unwrap())
}

#[test]
fn what_was_written_verifies() {
    let log = log();
    let report = log.checkpoint();
    log.record(Entry::Done { what: "x".into() });
    assert!(log.holds());
    log.close().unwrap();
    let key = log.public_key().unwrap();
    let verified = verify(log.text().as_bytes(), Some(&key)).unwrap();
    assert_eq!(verified.checkpoint.entries, 6);
    assert!(verified.passed_through(&report));
    let other = Checkpoint {
        entries: 2,
        ..report
    };
    assert!(!verified.passed_through(&other));
    let stranger = AuditKey::generate().unwrap().public();
    assert!(matches!(
        verify(log.text().as_bytes(), Some(&stranger)),
        Err(Broken::OtherKey { .. })
    ));
}

#[test]
fn a_log_that_nobody_closed_says_so() {
    assert_eq!(
        verify(log().text().as_bytes(), None).unwrap_err(),
        Broken::NotClosed
    );
    assert_eq!(verify(b"", None).unwrap_err(), Broken::Empty);
}

#[test]
fn what_comes_after_the_end_or_cannot_be_written_is_reported() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = log();
    log.write_to(Box::new(Full));
    assert!(!log.holds());
    assert!(log.close().unwrap_err().to_string().contains("disk full"));
    assert!(matches!(log.close(), Err(CloseError::Closed)));
}

#[test]
fn a_sink_gets_every_line_at_once() {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().map_or(Ok(0), |mut all| all.write(bytes))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (log, sink) = (log(), Shared::default());
    log.write_to(Box::new(sink.clone()));
    log.record(Entry::Done { what: "x".into() });
    assert_eq!(*sink.0.lock().unwrap(), log.text().into_bytes());
    log.close().unwrap();
    assert_eq!(*sink.0.lock().unwrap(), log.text().into_bytes());
}

/// Written by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`.
const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
/// The public half of test 1 of RFC 8032, whose private half is [`OPENSSL`].
const RFC8032: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[test]
fn keys_of_openssl_are_read() {
    let key = AuditKey::read(OPENSSL.as_bytes()).unwrap();
    let raw = AuditKey::read(
        &hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap(),
    )
    .unwrap();
    assert_eq!(key.public(), raw.public());
    let public = PublicKey::read(&hex::decode(RFC8032).unwrap()).unwrap();
    assert_eq!(key.public(), public);
    assert_eq!(PublicKey::read(public.to_pem().as_bytes()), Ok(public));
    for bad in [&b""[..], b"garbage", public.to_pem().as_bytes()] {
        assert!(AuditKey::read(bad).is_err());
    }
    assert!(PublicKey::read(OPENSSL.as_bytes()).is_err());
    assert!(!format!("{key:?}").contains("9d61"));
}

/// One change of a log.
#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Remove(usize),
    Insert(usize, u8),
    Cut(usize),
    DropLine(usize),
    Swap(usize, usize),
    Double(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..100_000_usize;
    prop_oneof![
        (at.clone(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        at.clone().prop_map(Change::Remove),
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        at.clone().prop_map(Change::Cut),
        at.clone().prop_map(Change::DropLine),
        (at.clone(), at.clone()).prop_map(|(a, b)| Change::Swap(a, b)),
        at.prop_map(Change::Double),
    ]
}

fn apply(log: &[u8], change: &Change) -> Vec<u8> {
    let mut bytes = log.to_vec();
    let mut lines: Vec<&[u8]> = log.split_inclusive(|b| *b == b'\n').collect();
    let (size, count) = (bytes.len(), lines.len());
    match *change {
        Change::Flip(at, bits) => bytes[at % size] ^= bits,
        Change::Remove(at) => drop(bytes.remove(at % size)),
        Change::Insert(at, byte) => bytes.insert(at % (size + 1), byte),
        Change::Cut(at) => bytes.truncate(at % size),
        Change::DropLine(at) => {
            lines.remove(at % count);
            return lines.concat();
        }
        Change::Swap(a, b) => {
            lines.swap(a % count, b % count);
            return lines.concat();
        }
        Change::Double(at) => {
            lines.insert(at % count, lines[at % count]);
            return lines.concat();
        }
    }
    bytes
}

proptest! {
    #[test]
    fn every_change_is_found(change in change()) {
        let (log, key) = closed();
        let changed = apply(&log, &change);
        prop_assume!(changed != log);
        prop_assert!(verify(&changed, Some(&key)).is_err());
        prop_assert!(verify(&changed, None).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(verify(&bytes, None).is_err());
    }
}

#[test]
fn a_log_that_somebody_wrote_anew_is_recognized_by_its_key() {
    let (_, key) = closed();
    let forged = log();
    forged.close().unwrap();
    assert!(verify(forged.text().as_bytes(), None).is_ok());
    assert!(verify(forged.text().as_bytes(), Some(&key)).is_err());
}

fn event(id: &str, user: &str, code: u16) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": id, "stage": "ResponseComplete", "verb": "get",
        "requestURI": "/api/v1/namespaces/shop/pods/web/exec?command=sh",
        "user": {"username": user, "extra": {"authentication.kubernetes.io/credential-id": [JTI]}},
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web"},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "sourceIPs": ["192.0.2.1"], "userAgent": "curl",
    })
}

fn reconciled(events: &[Value]) -> Reconciliation {
    let (log, _) = closed();
    let verified = verify(&log, None).unwrap();
    let mut reconciler = Reconciler::new(&verified);
    for event in events {
        reconciler.line(event.to_string().as_bytes());
    }
    reconciler.finish()
}

fn without_credential(mut event: Value) -> Value {
    event["user"]["extra"] = json!({});
    event
}

#[test]
fn logs_that_agree_raise_no_alarm() {
    let ours = event("a", ACCOUNT, 101);
    let operator = without_credential(event("b", "admin", 101));
    let other = without_credential(event("c", "somebody", 200));
    let found = reconciled(&[ours, operator, other]);
    assert_eq!(found.alarms, []);
    assert_eq!((found.matched, found.missing.len()), (2, 0));
}

#[test]
fn what_the_server_does_not_have_is_reported() {
    let found = reconciled(&[]);
    assert_eq!(found.missing.len(), 1, "the answered call");
    assert_eq!(found.never_arrived.len(), 1, "the call without an answer");
    assert_eq!(found.alarms, []);
}

#[test]
fn a_server_s_log_that_begins_too_late_is_reported_as_such() {
    let at = |time: &str| {
        let mut other = without_credential(event("c", "somebody", 200));
        other["requestReceivedTimestamp"] = json!(time);
        reconciled(&[other])
    };
    let late = at("2100-01-01T00:00:00.000000Z");
    assert_eq!(late.missing.len(), 1, "it is no agreement");
    assert_eq!(late.begins_late(), Some(Begins::AfterScan));
    let (first, last) = late.calls.clone().unwrap();
    let between: jiff::Timestamp = first.parse().unwrap();
    assert!(between <= last.parse().unwrap());
    assert_eq!(at("2000-01-01T00:00:00.000000Z").begins_late(), None);
    assert_eq!(
        reconciled(&[]).begins_late(),
        None,
        "nothing is known of it"
    );
    let during = Reconciliation {
        missing: vec!["a call".into()],
        first_event: Some("2026-01-01T00:00:01.000000Z".into()),
        calls: Some(("2026-01-01T00:00:00Z".into(), "2026-01-01T00:00:02Z".into())),
        ..Reconciliation::default()
    };
    assert_eq!(during.begins_late(), Some(Begins::DuringScan));
}

#[test]
fn every_forgery_is_an_alarm() {
    let base = event("x", ACCOUNT, 200);
    let mut impersonated = without_credential(event("x", "admin", 200));
    impersonated["impersonatedUser"] = json!({"username": ACCOUNT});
    let mut minted = without_credential(event("x", "admin", 201));
    minted["verb"] = json!("create");
    minted["objectRef"] = json!({"resource": "serviceaccounts", "subresource": "token",
        "namespace": "shop", "name": "secure-scan-abcd1234"});
    minted["annotations"] = json!({ISSUED_TEST: "JTI=other"});
    let mut other_uri = event("a", ACCOUNT, 101);
    other_uri["requestURI"] = json!("/api/v1/namespaces/shop/pods/web/exec?command=rm");
    let mut other_verb = event("a", ACCOUNT, 101);
    other_verb["verb"] = json!("create");
    let mut other_token = event("a", ACCOUNT, 101);
    other_token["user"]["extra"] = json!({USED_TEST: ["JTI=other"]});
    for (name, events) in [
        ("a call of the account", vec![base.clone()]),
        ("a call with the token", vec![event("x", "renamed", 200)]),
        ("impersonation", vec![impersonated]),
        ("another token", vec![minted]),
        ("another URI", vec![other_uri]),
        ("another verb", vec![other_verb]),
        ("another token under our id", vec![other_token]),
        ("another status", vec![event("a", ACCOUNT, 403)]),
        ("another user", vec![event("a", "admin", 101)]),
        ("the operator's id", vec![event("b", ACCOUNT, 101)]),
        (
            "an id twice",
            vec![event("a", ACCOUNT, 101), event("a", ACCOUNT, 101)],
        ),
    ] {
        let found = reconciled(&events);
        assert_eq!(found.alarms.len(), 1, "{name}: {found:?}");
    }
}

const ISSUED_TEST: &str = "authentication.kubernetes.io/issued-credential-id";
const USED_TEST: &str = "authentication.kubernetes.io/credential-id";
