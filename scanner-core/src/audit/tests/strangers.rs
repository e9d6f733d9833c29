//! Lines of the server's log that raise no alarm, and the line numbers and times in the report.

use super::*;

fn log_with(entries: impl IntoIterator<Item = Entry>) -> Verified {
    let log = log();
    for entry in entries {
        log.record(entry);
    }
    log.close().unwrap();
    verify(log.text().as_bytes(), None).unwrap()
}

fn found(verified: &Verified, events: &[Value]) -> Reconciliation {
    let mut reconciler = Reconciler::new(verified);
    for event in events {
        reconciler.line(event.to_string().as_bytes());
    }
    reconciler.finish()
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_empty_ones_are_not() {
    let verified = log_with([]);
    let mut reconciler = Reconciler::new(&verified);
    for line in ["", "  ", "{", "[]", "\u{fffd}"] {
        reconciler.line(line.as_bytes());
    }
    assert_eq!(reconciler.finish().unreadable, 3);
}

#[test]
fn the_first_and_the_last_event_are_found_in_whatever_order_they_come() {
    let at = |second: u8| {
        let mut event = without_credential(event("x", "somebody", 200));
        event["requestReceivedTimestamp"] = json!(format!("2026-01-01T00:00:0{second}.000000Z"));
        event
    };
    let report = found(&log_with([]), &[at(5), at(9), at(1), at(5)]);
    let first = report.first_event.as_deref();
    assert_eq!(first, Some("2026-01-01T00:00:01.000000Z"));
    let last = report.last_event.as_deref();
    assert_eq!(last, Some("2026-01-01T00:00:09.000000Z"));
}

#[test]
fn a_call_that_is_missing_is_reported_by_verb_uri_and_id() {
    let report = found(&log_with([]), &[]);
    assert_eq!(
        report.missing,
        ["get /api/v1/namespaces/shop/pods/web/exec?command=sh (a)"]
    );
}

#[test]
fn only_a_token_that_was_issued_for_the_scan_s_account_is_an_alarm() {
    let minted = || {
        let mut event = without_credential(event("x", "admin", 201));
        event["verb"] = json!("create");
        event["objectRef"] = json!({"resource": "serviceaccounts", "subresource": "token",
            "namespace": "shop", "name": "secure-scan-abcd1234"});
        event["annotations"] = json!({ISSUED_TEST: "JTI=other"});
        event
    };
    let alarms = |change: &dyn Fn(&mut Value)| {
        let mut event = minted();
        change(&mut event);
        found(&log_with([]), &[event]).alarms.len()
    };
    assert_eq!(alarms(&|_| {}), 1);
    assert_eq!(alarms(&|e| e["verb"] = json!("get")), 0);
    assert_eq!(alarms(&|e| e["objectRef"]["resource"] = json!("pods")), 0);
    assert_eq!(alarms(&|e| e["objectRef"]["subresource"] = json!("")), 0);
    assert_eq!(alarms(&|e| e["objectRef"]["namespace"] = json!("other")), 0);
    assert_eq!(alarms(&|e| e["objectRef"]["name"] = json!("builder")), 0);
    // A server that does not say which token it issued, and one whose answer is not there yet.
    assert_eq!(alarms(&|e| e["annotations"] = json!({})), 1);
    assert_eq!(
        alarms(&|e| {
            e["annotations"] = json!({});
            e["responseStatus"] = Value::Null;
        }),
        1
    );
    // It was refused: nobody got one.
    assert_eq!(
        alarms(&|e| {
            e["annotations"] = json!({});
            e["responseStatus"]["code"] = json!(403);
        }),
        0
    );
}

#[test]
fn a_token_that_is_dead_belongs_to_nobody() {
    let refused = Entry::Answer(Answer {
        id: "c".into(),
        status: Some(401),
        echoed: true,
        error: None,
    });
    let verified = log_with([call("c", Identity::Scan), refused]);
    let mut dead = without_credential(event("c", "", 401));
    assert_eq!(found(&verified, &[dead.clone()]).alarms, []);
    dead["responseStatus"]["code"] = json!(403);
    assert_eq!(found(&verified, &[dead]).alarms.len(), 2);
}

#[test]
fn a_chain_holds_only_as_it_was_written() {
    let log = log();
    let (text, at) = (log.text(), log.checkpoint());
    let holds = |text: &str| verify::chain_holds(text, &at);
    assert!(holds(&text));
    let lines: Vec<&str> = text.lines().collect();
    for drop in 0..lines.len() {
        let mut left = lines.clone();
        left.remove(drop);
        assert!(!holds(&left.join("\n")), "without line {drop}");
    }
    let mut turned = lines.clone();
    turned.swap(1, 2);
    assert!(!holds(&turned.join("\n")));
    // A first line that claims another place, or another line before it.
    assert!(!holds(&text.replacen("\"seq\":0", "\"seq\":7", 1)));
    let alone = lines[4..].join("\n");
    let moved = Checkpoint {
        entries: 1,
        head: sha256(lines[4].as_bytes()),
    };
    assert!(!verify::chain_holds(&alone, &moved));
    let renumbered = alone.replacen("\"seq\":4", "\"seq\":0", 1);
    let moved = Checkpoint {
        head: sha256(renumbered.as_bytes()),
        ..moved
    };
    assert!(!verify::chain_holds(&renumbered, &moved));
    assert!(!holds("no line of a log"));
}

#[test]
fn the_head_is_an_envelope_that_others_verify() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let log = log();
    let key = AuditKey::read(OPENSSL.as_bytes()).unwrap();
    log.sign_with(key);
    log.close().unwrap();
    let text = log.text();
    let head: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let payload = decoded(&head["payload"]);
    // Pre-authentication encoding, as the specification of DSSE v1 writes it.
    let mut signed = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
    signed.push_str(std::str::from_utf8(&payload).unwrap());
    let raw = hex::decode(RFC8032).unwrap();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, raw)
        .verify(signed.as_bytes(), &decoded(&head["signatures"][0]["sig"]))
        .unwrap();
    let verified = verify(text.as_bytes(), None).unwrap();
    assert_eq!(verified.entries().count(), 5);
}

#[test]
fn who_enters_a_pod_or_container_of_the_scan_is_an_alarm() {
    let alarms = |subresource: &str, pod: &str, query: &str, status: u16| {
        let mut event = without_credential(event("x", "tenant", status));
        event["objectRef"] = json!({"resource": "pods", "subresource": subresource, "namespace": "shop", "name": pod});
        event["requestURI"] = json!(format!(
            "/api/v1/namespaces/shop/pods/{pod}/{subresource}?{query}"
        ));
        let report = found(&log_with([]), &[event]);
        report
            .alarms
            .into_iter()
            .map(|alarm| alarm.kind)
            .collect::<Vec<_>>()
    };
    let entered = [AlarmKind::EnteredByOther];
    let own = "secure-scan-abcd1234";
    for way in ["exec", "attach", "portforward", "proxy"] {
        assert_eq!(alarms(way, own, "command=sh", 101), entered, "{way}");
    }
    assert_eq!(
        alarms("exec", "web", &format!("command=sh&container={own}"), 101),
        entered
    );
    let encoded = "container=%73ecure-scan-abcd1234&command=sh";
    assert_eq!(alarms("exec", "web", encoded, 101), entered);
    // It was refused, enters another container, or only reads.
    assert_eq!(alarms("exec", own, "command=sh", 403), []);
    assert_eq!(
        alarms(
            "exec",
            "web",
            "container=app&command=secure-scan-abcd1234",
            101
        ),
        []
    );
    assert_eq!(alarms("log", own, "", 200), []);
}

#[test]
fn a_request_that_was_received_and_then_refused_is_no_alarm() {
    let stage = |stage: &str, status: Option<u16>| {
        let mut event = without_credential(event("x", "tenant", status.unwrap_or(200)));
        event["stage"] = json!(stage);
        event["verb"] = json!("create");
        event["objectRef"] = json!({"resource": "serviceaccounts", "subresource": "token",
            "namespace": "shop", "name": "secure-scan-abcd1234"});
        if status.is_none() {
            event["responseStatus"] = Value::Null;
        }
        event
    };
    let alarms = |events: &[Value]| found(&log_with([]), events).alarms.len();
    let (received, refused) = (
        stage("RequestReceived", None),
        stage("ResponseComplete", Some(403)),
    );
    assert_eq!(alarms(std::slice::from_ref(&received)), 1, "still open");
    assert_eq!(alarms(&[received.clone(), refused]), 0);
    let made = stage("ResponseComplete", Some(201));
    assert_eq!(alarms(&[received, made]), 1);
}
