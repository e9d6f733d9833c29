//! A report and a log are bound to each other: no other report fits the log, and no other log fits the report.

use std::fmt::Write as _;

use super::*;
use crate::report::{ScanReport, Unbound, Verdict};

/// A report of the scan of [`log`].
fn report() -> ScanReport {
    let plan = json!({
        "scan_id": "abcd1234",
        "target": {
            "namespace": "shop", "pod": "web", "pod_uid": "u", "container": "app", "container_id": "containerd://c",
            "image": "i", "image_id": "d", "node": "n", "restarts": 0,
        },
        "strategy": "container", "profile": "baseline 1", "lease_seconds": 60, "objects": [], "rules": [],
        "commands": [], "gates": [], "controls": [],
    });
    let mut report = ScanReport::new(serde_json::from_value(plan).unwrap(), Verdict::Passed);
    report.trust = "some".into();
    report.seconds = 1.25;
    report
}

/// A log of the scan, before its report.
fn planned() -> AuditLog {
    let log = AuditLog::new();
    log.record(Entry::Planned {
        scan: "abcd1234".parse().unwrap(),
        target: "shop/web/app".into(),
        account: ACCOUNT.into(),
        plan: sha256(b"plan"),
    });
    log
}

/// Report and log, bound and closed.
fn bound() -> (Vec<u8>, Verified) {
    let (log, mut report) = (planned(), report());
    log.bind(&mut report);
    log.close().unwrap();
    let json = serde_json::to_vec_pretty(&report).unwrap();
    (json, verify(log.text().as_bytes(), None).unwrap())
}

#[test]
fn the_last_entry_holds_the_digest_of_the_report_that_names_the_line_before_it() {
    let (json, verified) = bound();
    let held = verified.holds_report(&json).unwrap();
    assert_eq!(held.sha256, canonical_sha256(&json).unwrap());
    let last = verified.entries().last().unwrap();
    assert_eq!(*last, Entry::Report(held.clone()));
    assert_eq!(
        (held.verdict, held.target.as_str(), held.profile.as_str()),
        (Verdict::Passed, "shop/web/app", "baseline 1")
    );
    let report: ScanReport = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        report.audit.unwrap().at.entries,
        verified.checkpoint.entries - 1
    );
}

#[test]
fn layout_and_order_are_no_difference() {
    let (json, verified) = bound();
    let value: Value = serde_json::from_slice(&json).unwrap();
    let compact = value.to_string();
    assert_ne!(compact.as_bytes(), json);
    assert!(verified.holds_report(compact.as_bytes()).is_ok());
    let mut turned = String::from("{");
    for (index, (key, value)) in value.as_object().unwrap().iter().rev().enumerate() {
        let comma = if index == 0 { "" } else { " ,\n" };
        let key = Value::from(key.as_str());
        write!(turned, "{comma}{key}\t: {value}").unwrap();
    }
    turned.push('}');
    assert!(verified.holds_report(turned.as_bytes()).is_ok());
    let spelt = compact
        .replace("\"some\"", "\"s\\u006fme\"")
        .replace("1.25", "125e-2");
    assert!(verified.holds_report(spelt.as_bytes()).is_ok(), "{spelt}");
}

#[test]
fn what_differs_is_named() {
    let (json, verified) = bound();
    let with = |pointer: &str, other: Value| {
        let mut value: Value = serde_json::from_slice(&json).unwrap();
        *value.pointer_mut(pointer).unwrap() = other;
        match verified.holds_report(value.to_string().as_bytes()) {
            Err(Unbound::Differs(what)) => what,
            other => panic!("{pointer}: {other:?}"),
        }
    };
    assert_eq!(with("/verdict", json!("findings")), ["verdict", "content"]);
    assert_eq!(
        with("/plan/target/pod", json!("db")),
        ["target", "plan", "content"]
    );
    assert_eq!(
        with("/plan/target/image_id", json!("e")),
        ["plan", "content"]
    );
    assert_eq!(
        with("/plan/profile", json!("none 1")),
        ["plan", "profile", "content"]
    );
    assert_eq!(
        with("/plan/scan_id", json!("00000000")),
        ["scan id", "plan", "content"]
    );
    assert_eq!(with("/trust", json!("much")), ["content"]);
    assert_eq!(with("/seconds", json!(1.5)), ["content"]);
    // What no reader of this version knows is a difference too.
    let mut value: Value = serde_json::from_slice(&json).unwrap();
    value["waived"] = json!(true);
    let differs = verified.holds_report(value.to_string().as_bytes());
    assert_eq!(differs.unwrap_err(), Unbound::Differs(vec!["content"]));
}

#[test]
fn a_report_of_another_log_or_key_or_of_no_digest_is_refused() {
    let (json, verified) = bound();
    let (other, _) = bound();
    assert_eq!(verified.holds_report(&other), Err(Unbound::OtherLog));
    let mut value: Value = serde_json::from_slice(&json).unwrap();
    value["audit"]["public_key"] = AuditKey::generate().unwrap().public().to_pem().into();
    let text = value.to_string();
    assert_eq!(
        verified.holds_report(text.as_bytes()),
        Err(Unbound::OtherKey)
    );
    value["audit"] = Value::Null;
    let text = value.to_string();
    assert_eq!(
        verified.holds_report(text.as_bytes()),
        Err(Unbound::NamesNoLog)
    );
    // A log that ends where the report says, and one that goes on with something else.
    for more in [None, Some(Entry::Done { what: "x".into() })] {
        let (log, mut report) = (planned(), report());
        report.audit = Some(crate::report::AuditSummary::of(&log));
        if let Some(entry) = more {
            log.record(entry);
        }
        log.close().unwrap();
        let verified = verify(log.text().as_bytes(), None).unwrap();
        let json = serde_json::to_vec(&report).unwrap();
        assert_eq!(verified.holds_report(&json), Err(Unbound::NoDigest));
    }
    let (log, mut report) = (AuditLog::new(), report());
    log.record(Entry::Done {
        what: "no plan".into(),
    });
    log.bind(&mut report);
    log.close().unwrap();
    let verified = verify(log.text().as_bytes(), None).unwrap();
    let json = serde_json::to_vec(&report).unwrap();
    assert_eq!(verified.holds_report(&json), Err(Unbound::NoSuchScan));
}

#[test]
fn what_two_readers_read_in_two_ways_is_no_report() {
    let (json, verified) = bound();
    let text = String::from_utf8(json).unwrap();
    let refused = |text: &str| {
        let refused = verified.holds_report(text.as_bytes());
        assert!(
            matches!(refused, Err(Unbound::NotAReport(_))),
            "{refused:?}"
        );
    };
    for (from, to) in [
        ("\"verdict\"", "\"verdict\": \"findings\", \"verdict\""),
        ("\"pod\"", "\"pod\": \"db\", \"pod\""),
        ("\"pod\"", "\"\\u0070od\": \"db\", \"pod\""),
        ("\"seconds\": 1.25", "\"seconds\": 9007199254740993"),
        ("\"seconds\": 1.25", "\"seconds\": 1e300"),
        ("\"seconds\": 1.25", "\"seconds\": -9007199254740993"),
        ("secure-scan.io/report", "secure-scan.io/plan"),
    ] {
        assert!(text.contains(from), "{from}");
        refused(&text.replacen(from, to, 1));
    }
    refused("");
    refused("[]");
    refused(&format!("{text} {{}}"));
    refused(&"[".repeat(100_000));
}

#[test]
fn a_report_without_a_canonical_form_is_a_line_that_was_lost() {
    let (log, mut report) = (planned(), report());
    report.api_calls.operator = u64::MAX;
    log.bind(&mut report);
    let lost = log.close().unwrap_err();
    assert!(lost.to_string().contains("too large"), "{lost}");
}

#[test]
fn two_reports_in_one_log_are_each_bound() {
    let log = planned();
    let (mut first, mut second) = (report(), report());
    second.trust = "another".into();
    log.bind(&mut first);
    log.record(Entry::Done {
        what: "between".into(),
    });
    log.bind(&mut second);
    log.close().unwrap();
    let verified = verify(log.text().as_bytes(), None).unwrap();
    for report in [&first, &second] {
        let json = serde_json::to_vec(report).unwrap();
        assert!(verified.holds_report(&json).is_ok());
    }
    first.audit = second.audit;
    let json = serde_json::to_vec(&first).unwrap();
    assert_eq!(
        verified.holds_report(&json),
        Err(Unbound::Differs(vec!["content"]))
    );
}

#[test]
fn the_canonical_form_is_the_one_of_the_standard() {
    // Section 3.2.3 of RFC 8785, and its digest by another program.
    let given = r#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
    let canonical = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,4.5,0.002,1e-27],\
        \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(
        canonical_sha256(given.as_bytes()).unwrap(),
        sha256(canonical.as_bytes())
    );
}

/// Every place of a document that holds something.
fn leaves(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{key}"), all);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), all);
            }
        }
        _ => all.push(at.to_owned()),
    }
}

proptest! {
    #[test]
    fn no_other_content_fits(place in any::<prop::sample::Index>(), other in "[A-Z]{9}", drop in any::<bool>()) {
        let (json, verified) = bound();
        let mut value: Value = serde_json::from_slice(&json).unwrap();
        let mut all = Vec::new();
        leaves(&value, "", &mut all);
        let pointer = place.get(&all);
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let within = value.pointer_mut(parent).unwrap();
        match within {
            Value::Object(map) if drop => drop_key(map, key),
            Value::Object(map) => drop_in(map, key, &other),
            Value::Array(list) => list.push(other.into()),
            _ => unreachable!("a leaf has a parent"),
        }
        prop_assert!(verified.holds_report(value.to_string().as_bytes()).is_err());
    }

    #[test]
    fn no_bytes_make_a_comparison_panic(bytes in any::<Vec<u8>>()) {
        let (_, verified) = bound();
        prop_assert!(verified.holds_report(&bytes).is_err());
    }
}

fn drop_key(map: &mut serde_json::Map<String, Value>, key: &str) {
    map.remove(key).expect("it is there");
}

fn drop_in(map: &mut serde_json::Map<String, Value>, key: &str, other: &str) {
    map.insert(key.into(), other.into());
}
