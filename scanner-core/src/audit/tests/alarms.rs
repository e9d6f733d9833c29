//! Each way to act as a scan's identity is an alarm with its own words.

use super::{reconcile::AlarmKind, *};

const CONTROLLER: &str = "system:kube-controller-manager";

fn alarms(events: &[Value]) -> Vec<AlarmKind> {
    let found = reconciled(events);
    found.alarms.iter().map(|alarm| alarm.kind).collect()
}

/// A call that the scan did not log, by its identity.
fn stolen(subresource: &str, credentials: &Value) -> Value {
    let mut event = event("x", ACCOUNT, 200);
    event["objectRef"]["subresource"] = json!(subresource);
    event["user"]["extra"] = json!({USED_TEST: credentials});
    event
}

#[test]
fn words_say_which_token_was_used_and_for_what() {
    let (ours, other, none) = (json!([JTI]), json!(["JTI=other"]), json!([]));
    for (subresource, token, kind) in [
        ("exec", &ours, AlarmKind::StreamWithToken),
        ("attach", &other, AlarmKind::StreamWithOtherToken),
        ("portforward", &none, AlarmKind::StreamWithoutId),
        ("proxy", &none, AlarmKind::StreamWithoutId),
        ("", &ours, AlarmKind::CallWithToken),
        ("ephemeralcontainers", &other, AlarmKind::CallWithOtherToken),
        ("log", &none, AlarmKind::CallWithoutId),
    ] {
        assert_eq!(alarms(&[stolen(subresource, token)]), [kind]);
    }
    let mut without_extra = stolen("exec", &none);
    without_extra["user"] = json!({"username": ACCOUNT});
    assert_eq!(alarms(&[without_extra]), [AlarmKind::StreamWithoutId]);
    let kinds = [
        AlarmKind::StreamWithToken,
        AlarmKind::CallWithToken,
        AlarmKind::StreamWithoutId,
        AlarmKind::CallWithoutId,
        AlarmKind::StreamWithOtherToken,
        AlarmKind::CallWithOtherToken,
        AlarmKind::Impersonated,
        AlarmKind::TokenIssued,
        AlarmKind::EnteredByOther,
        AlarmKind::TokenSecret,
        AlarmKind::UnknownTokenSecret,
        AlarmKind::Contradicted,
    ];
    let words: std::collections::BTreeSet<&str> = kinds.iter().map(|kind| kind.words()).collect();
    assert_eq!(words.len(), kinds.len());
}

#[test]
fn our_call_with_a_token_that_has_no_id_is_an_alarm() {
    let mut forged = event("a", ACCOUNT, 101);
    for extra in [json!({}), json!({USED_TEST: []})] {
        forged["user"]["extra"] = extra;
        let found = reconciled(&[forged.clone()]);
        assert_eq!(found.alarms.len(), 1, "{found:?}");
        assert!(
            found.alarms[0].to_string().contains("without an id"),
            "{found:?}"
        );
    }
    let mut impersonated = without_credential(event("a", "admin", 101));
    impersonated["impersonatedUser"] = json!({"username": ACCOUNT});
    assert_eq!(alarms(&[impersonated]), [AlarmKind::Contradicted]);
}

#[test]
fn a_loan_excuses_no_call_that_is_not_in_the_log() {
    let log = log();
    log.record(Entry::Lent {
        namespace: "shop".into(),
        pod: "web".into(),
        container: "app".into(),
        may: vec!["run any command, 1 time".into()],
        tool: "kubectl".into(),
    });
    // What the program asked of the proxy is no call to the server.
    log.record(Entry::LoanCall(LoanCall {
        method: "GET".into(),
        path: "/api/v1/namespaces/shop/pods/web/exec".into(),
        command: vec!["sh".into()],
        allowed: true,
        why: "planned".into(),
    }));
    log.close().unwrap();
    let verified = verify(log.text().as_bytes(), None).unwrap();
    let kinds = |event: &Value| {
        let mut reconciler = Reconciler::new(&verified);
        reconciler.line(event.to_string().as_bytes());
        let found = reconciler.finish();
        found.alarms.iter().map(|a| a.kind).collect::<Vec<_>>()
    };
    let (ours, other, none) = (json!([JTI]), json!(["JTI=other"]), json!([]));
    for (ids, stream, call) in [
        (&ours, AlarmKind::StreamWithToken, AlarmKind::CallWithToken),
        (
            &other,
            AlarmKind::StreamWithOtherToken,
            AlarmKind::CallWithOtherToken,
        ),
        (&none, AlarmKind::StreamWithoutId, AlarmKind::CallWithoutId),
    ] {
        assert_eq!(kinds(&stolen("exec", ids)), [stream], "{ids}");
        assert_eq!(kinds(&stolen("", ids)), [call], "{ids}");
        let mut discovery = stolen("", ids);
        discovery["objectRef"] = Value::Null;
        for uri in [
            "/api",
            "/apis/apps/v1?timeout=32s",
            "/version",
            "/openapi/v3",
        ] {
            discovery["requestURI"] = json!(uri);
            assert_eq!(kinds(&discovery), [call], "{uri}");
        }
    }
}

#[test]
fn a_call_is_one_alarm_in_all_its_stages_and_two_calls_are_two() {
    let at = |stage: &str| {
        let mut event = stolen("exec", &json!([JTI]));
        event["stage"] = json!(stage);
        event
    };
    let (received, started, complete) = (
        at("RequestReceived"),
        at("ResponseStarted"),
        at("ResponseComplete"),
    );
    let count =
        |events: &[&Value]| alarms(&events.iter().map(|e| (*e).clone()).collect::<Vec<_>>()).len();
    assert_eq!(count(&[&received, &started, &complete]), 1);
    assert_eq!(count(&[&complete, &started, &received]), 1);
    // An exec that is still open when the log ends.
    assert_eq!(count(&[&received]), 1);
    // One id for two calls.
    assert_eq!(count(&[&started, &complete, &started, &complete]), 3);
    assert_eq!(count(&[&complete, &complete]), 2);
}

#[test]
fn any_number_of_alarms_takes_bounded_memory() {
    let (text, _) = closed();
    let verified = verify(&text, None).unwrap();
    let mut reconciler = Reconciler::new(&verified);
    for id in 0..5000 {
        let mut event = stolen("exec", &json!([]));
        event["auditID"] = json!(format!("x{id}"));
        reconciler.line(event.to_string().as_bytes());
    }
    let found = reconciler.finish();
    assert_eq!((found.alarms.len(), found.more_alarms), (1000, 4000));
}

/// A write of a Secret, at that second.
fn secret(verb: &str, user: &str, second: u8, object: Option<Value>) -> Value {
    let mut event = without_credential(event(&format!("s{second}"), user, 200));
    event["verb"] = json!(verb);
    event["objectRef"] = json!({"resource": "secrets", "namespace": "shop", "name": "innocent"});
    event["requestReceivedTimestamp"] = json!(format!("2026-01-01T00:00:{second:02}.000000Z"));
    event["requestObject"] = object.unwrap_or_default();
    event
}

/// What reconcile says of these, beside a scan whose identity lived from second 10 to 20.
fn with_life(events: &[Value]) -> Vec<AlarmKind> {
    let log = log();
    let mut lines = Vec::new();
    for (id, verb, second, code) in [("made", "create", 10, 201), ("gone", "delete", 20, 200)] {
        let uri = "/api/v1/namespaces/shop/serviceaccounts";
        log.record(Entry::Call(Call {
            id: id.into(),
            identity: Identity::Operator,
            verb: verb.into(),
            resource: "serviceaccounts".into(),
            namespace: Some("shop".into()),
            name: None,
            uri: uri.into(),
            payload: None,
        }));
        let mut line = without_credential(event(id, "admin", code));
        line["verb"] = json!(verb);
        line["requestURI"] = json!(uri);
        line["objectRef"] = json!({"resource": "serviceaccounts", "namespace": "shop", "name": "secure-scan-abcd1234"});
        line["requestReceivedTimestamp"] = json!(format!("2026-01-01T00:00:{second}.000000Z"));
        lines.push(line);
    }
    log.close().unwrap();
    let verified = verify(log.text().as_bytes(), None).unwrap();
    let mut reconciler = Reconciler::new(&verified);
    for line in lines.iter().chain(events) {
        assert!(reconciler.line(line.to_string().as_bytes()));
    }
    let found = reconciler.finish();
    found.alarms.iter().map(|alarm| alarm.kind).collect()
}

#[test]
fn a_secret_that_the_cluster_fills_beside_the_identity_is_an_alarm() {
    let unknown = [AlarmKind::UnknownTokenSecret];
    let filled = |second| secret("update", CONTROLLER, second, None);
    assert_eq!(with_life(&[filled(15)]), unknown);
    assert_eq!(with_life(&[filled(15), filled(16)]), unknown, "one Secret");
    assert_eq!(with_life(&[filled(5)]), [], "before the identity was made");
    assert_eq!(with_life(&[filled(25)]), [], "after it was deleted");
    let mut named = secret("patch", "somebody", 15, None);
    named["userAgent"] =
        json!("kube-controller-manager/v1.37.2 (linux/amd64) kubernetes/0/tokens-controller");
    assert_eq!(with_life(&[named]), unknown);
    let mut elsewhere = filled(15);
    elsewhere["objectRef"]["namespace"] = json!("other");
    assert_eq!(with_life(&[elsewhere]), []);
    let mut refused = filled(15);
    refused["responseStatus"]["code"] = json!(409);
    assert_eq!(with_life(&[refused]), []);
    // What somebody writes, of which the log has no more, may be any Secret.
    assert_eq!(with_life(&[secret("create", "tenant", 15, None)]), []);
}

#[test]
fn where_the_log_has_the_request_it_says_for_which_account_a_secret_is() {
    let of = |kind: &str, account: &str| {
        let annotations = json!({"kubernetes.io/service-account.name": account});
        Some(json!({"type": kind, "metadata": {"annotations": annotations}}))
    };
    let token = "kubernetes.io/service-account-token";
    let filled = secret("update", CONTROLLER, 15, None);
    let ours = secret("create", "tenant", 14, of(token, "secure-scan-abcd1234"));
    assert_eq!(
        with_life(std::slice::from_ref(&ours)),
        [AlarmKind::TokenSecret]
    );
    assert_eq!(
        with_life(&[ours, filled.clone()]),
        [AlarmKind::TokenSecret],
        "one Secret is one alarm"
    );
    let builder = secret("create", "tenant", 14, of(token, "builder"));
    assert_eq!(with_life(&[builder, filled.clone()]), []);
    let opaque = secret("create", "tenant", 14, of("Opaque", "secure-scan-abcd1234"));
    assert_eq!(with_life(&[opaque]), []);
    let patched = secret(
        "patch",
        "tenant",
        14,
        Some(json!({"metadata": {"labels": {"a": "b"}}})),
    );
    assert_eq!(
        with_life(&[patched, filled]),
        [AlarmKind::UnknownTokenSecret]
    );
}

#[test]
fn a_secret_of_another_account_may_be_turned_into_one_of_the_identity() {
    let annotations = json!({"kubernetes.io/service-account.name": "builder"});
    let builder = json!({"type": "kubernetes.io/service-account-token", "metadata": {"annotations": annotations}});
    let made = secret("create", "tenant", 11, Some(builder));
    let filled = secret("update", CONTROLLER, 15, None);
    let turn = |request| {
        let patched = secret("patch", "tenant", 14, request);
        with_life(&[made.clone(), patched, filled.clone()])
    };
    let unknown = [AlarmKind::UnknownTokenSecret];
    let path = "/metadata/annotations/kubernetes.io~1service-account.name";
    let list = json!([{"op": "replace", "path": path, "value": "secure-scan-abcd1234"}]);
    assert_eq!(turn(Some(list)), unknown);
    assert_eq!(turn(None), unknown, "the log does not have the request");
    let labels = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}});
    assert_eq!(turn(Some(labels)), [], "a merge that changes no account");
}

#[test]
fn a_line_of_another_kind_is_no_event() {
    let (text, _) = closed();
    let verified = verify(&text, None).unwrap();
    let mut reconciler = Reconciler::new(&verified);
    assert!(reconciler.has_scan());
    for (field, value) in [("kind", "EventList"), ("apiVersion", "v1"), ("kind", "")] {
        let mut other = event("x", ACCOUNT, 200);
        other[field] = json!(value);
        assert!(!reconciler.line(other.to_string().as_bytes()));
    }
    let found = reconciler.finish();
    assert_eq!((found.events, found.unreadable), (0, 3));
    let empty = AuditLog::new();
    empty.close().unwrap();
    let verified = verify(empty.text().as_bytes(), None).unwrap();
    assert!(!Reconciler::new(&verified).has_scan());
}
