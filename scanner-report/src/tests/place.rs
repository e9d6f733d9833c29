//! The series of results stays the same from scan to scan, and differs for another target.

use super::{forms::*, prelude::*};
use scanner_core::target::TargetForm;

#[test]
fn fingerprints_outlive_pods_and_builds_and_differ_for_each_check_and_target() {
    let report = with_digest();
    let of = |report: &ScanReport, check| View::from(report).fingerprint(check);
    let mut next = report.clone();
    next.plan.target.pod = "web-1".parse().unwrap();
    next.plan.target.image = "web:2@sha256:00".into();
    assert_eq!(of(&report, "a"), of(&next, "a"));
    assert_ne!(of(&report, "a"), of(&report, "b"));
    next.plan.target.image = "localhost:5000/web".into();
    assert_ne!(of(&report, "a"), of(&next, "a"));
    let tagged = next.clone();
    next.plan.target.image = "localhost:5000/web:3".into();
    assert_eq!(of(&tagged, "a"), of(&next, "a"));
}

fn category(report: impl Into<Document>) -> String {
    let document = report.into();
    let text = render(&document, Format::Sarif, text::Style::default()).unwrap();
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let id = &log["runs"][0]["automationDetails"]["id"];
    id.as_str().unwrap().to_owned()
}

#[test]
fn an_upload_to_code_scanning_replaces_the_last_of_the_same_target_alone() {
    let of = |pod: &str, container: &str, image: &str| {
        let mut report = with_digest();
        report.plan.target.pod = pod.parse().unwrap();
        report.plan.target.container = container.parse().unwrap();
        report.plan.target.image = image.into();
        category(report)
    };
    let web = of("web-7d4b9c6f5d-x2k9z", "app", "web:1");
    assert!(web.ends_with("/web/app/"), "{web}");
    assert_eq!(web, of("web-7d4b9c6f5d-bcdfg", "app", "web:1"));
    assert_eq!(web, of("web-5c9fbd7d8c-n4v6w", "app", "web:2"));
    // Another Deployment of the namespace, also of the same image.
    assert_ne!(web, of("shop-6c5b8f7d9-x2k9z", "app", "web:1"));
    assert_ne!(web, of("web-7d4b9c6f5d-x2k9z", "proxy", "web:1"));

    let image = |name: &str, pod: &str| {
        let mut report = with_digest();
        report.plan.target.form = TargetForm::Image;
        report.plan.target.pod = pod.parse().unwrap();
        report.plan.target.image = name.into();
        category(report)
    };
    assert_eq!(image("h:5000/a:1", "scan-1"), image("h:5000/a:2", "scan-2"));
    assert_ne!(image("h:5000/a:1", "scan-1"), image("h:5000/b:1", "scan-1"));
}

#[test]
fn scans_of_two_archives_do_not_share_a_category() {
    let of = |subject: &str| category(super::local(subject));
    assert_eq!(of("image web.tar"), of("image web.tar"));
    assert_ne!(of("image web.tar"), of("image shop.tar"));
    assert!(of("image web.tar").starts_with("secure-scan/local/"));
}

#[test]
fn what_was_read_on_this_machine_is_where_sarif_says_that_it_is() {
    let of = |subject: &str| {
        let document = Document::from(super::local(subject));
        let text = render(&document, Format::Sarif, text::Style::default()).unwrap();
        let log: serde_json::Value = serde_json::from_str(&text).unwrap();
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        place["artifactLocation"]["uri"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (subject, uri) in [
        ("image web.tar", "web.tar"),
        ("image ./out/web 1.tar", "out/web%201.tar"),
        ("image ../web.tar", "../web.tar"),
        ("image /builds/web.tar", "file:///builds/web.tar"),
        ("directory /srv/root", "file:///srv/root"),
        ("image javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("process 42", "process%2042"),
    ] {
        assert_eq!(of(subject), uri, "{subject}");
    }
}
