//! Policy reports as objects of a cluster: each has its own name, and fits into etcd.

use serde_json::Value;

use super::{forms::*, prelude::*};
use scanner_core::target::PodName;

fn name(pod: &str, container: &str) -> String {
    let mut report = with_digest();
    report.plan.target.pod = pod.parse().unwrap();
    report.plan.target.container = container.parse().unwrap();
    let object = json(&report, Format::PolicyReport);
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    // It is one that Kubernetes takes.
    name.parse::<PodName>().unwrap();
    name
}

#[test]
fn no_two_containers_share_a_name() {
    assert!(name("web-0", "app").starts_with("secure-scan-web-0-app-"));
    assert_eq!(name("web-0", "app"), name("web-0", "app"));
    assert_ne!(name("web", "app-db"), name("web-app", "db"));
    assert_ne!(name("a.b", "c"), name("a-b", "c"));
    let long = "p".repeat(253);
    let container = "c".repeat(63);
    assert!(name(&long, &container).contains(&container));
    assert_ne!(name(&long, "a"), name(&long, "b"));
    assert_ne!(name(&long, "a"), name(&long[1..], "a"));
}

fn many(count: usize, text: &str) -> ScanReport {
    let mut report = with_digest();
    let results = &mut report.findings[0].results;
    let mut one = results[0].clone();
    one.status = CheckStatus::Pass;
    one.fix = text.into();
    one.limits = vec![text.into()];
    one.title = text.into();
    results.extend((0..count).map(|n| {
        let mut result = one.clone();
        result.id = format!("check-{n}");
        result
    }));
    report
}

#[test]
fn what_does_not_fit_into_an_object_is_counted_and_noted() {
    for (count, text) in [
        (1200, "short".to_owned()),
        (1100, "long text ".repeat(110)),
        (1100, "<&>\u{1f600}\"".repeat(220)),
    ] {
        for format in [Format::OpenReports, Format::PolicyReport] {
            let object: Value = json(&many(count, &text), format);
            let stored = object.to_string();
            let as_a_server_writes = stored.bytes().filter(|b| b"<>&".contains(b)).count() * 5;
            let size = stored.len() + as_a_server_writes;
            assert!(size < 3 << 19, "{format}: {size} bytes");
            let results = object["results"].as_array().unwrap();
            let noted = &object["metadata"]["annotations"]["secure-scan.io/results-left-out"];
            let left_out: usize = noted.as_str().unwrap().parse().unwrap();
            assert_eq!(results.len() - 1 + left_out, count + 4, "{format}");
            assert_eq!(object["summary"]["pass"], count + 1, "{format}");
            // The worst comes first and stays; the last counts the others.
            assert_eq!(results[0]["rule"], "worst", "{}", results[0]);
            let last = results.last().unwrap();
            assert_eq!(last["result"], "warn", "{format}");
            assert!(
                last["message"]
                    .as_str()
                    .unwrap()
                    .starts_with(noted.as_str().unwrap())
            );
        }
    }
    let whole = json(&many(20, "short"), Format::PolicyReport);
    assert_eq!(whole["results"].as_array().unwrap().len(), 24);
    assert!(!whole.to_string().contains("left-out"));
}
