//! What each form says about a report: above all its verdict, since no form may show a report as clean that is not.

use serde_json::{Value, json};

use super::{completeness, prelude::*, sample};
use scanner_core::{
    gate::GateDecision,
    inventory::{LanguagePackage, OsRelease, Package},
};

pub(super) fn made(report: &ScanReport, format: Format) -> String {
    let document = Document::from(report.clone());
    render(&document, format, text::Style::default()).unwrap()
}

pub(super) fn json(report: &ScanReport, format: Format) -> Value {
    serde_json::from_str(&made(report, format)).unwrap()
}

pub(super) fn with_digest() -> ScanReport {
    let mut report = sample("/etc/shadow");
    report.plan.target.image_id = format!("web@sha256:{}", "b".repeat(64));
    report
}

pub(super) fn passed() -> ScanReport {
    let mut report = with_digest();
    report.verdict = Verdict::Passed;
    report.findings[0].results.drain(..3);
    report.controls.clear();
    report.coverage.clear();
    report
}

/// Reports that give no result as a whole, for each possible reason.
fn no_results() -> Vec<ScanReport> {
    let mut failed = with_digest();
    failed.verdict = Verdict::Failed;
    failed.findings.clear();
    failed.packages = None;
    failed.controls.clear();
    failed.failure = Some(Failure::new(Stage::Open, FailureKind::NoShell, "no shell"));
    let mut aborted = failed.clone();
    aborted.verdict = Verdict::GateAborted;
    aborted.gates = vec![GateResult::new(
        "expected-digest",
        GateDecision::Abort {
            reason: "another".into(),
        },
    )];
    let mut unclean = passed();
    unclean.verdict = Verdict::CleanupUnverified;
    let mut incomplete = with_digest();
    incomplete.verdict = Verdict::Incomplete;
    incomplete.findings[0].results.drain(..2);
    incomplete.controls.clear();
    let mut empty = passed();
    empty.verdict = Verdict::Incomplete;
    empty.findings[0].results.clear();
    let mut alerted = passed();
    alerted.verdict = Verdict::SecurityAlert;
    alerted.alerts = vec![SecurityAlert::new(
        "lease-disarmed",
        "somebody stopped the lease",
    )];
    let mut later = passed();
    later.verdict = Verdict::Unknown;
    let mut all = vec![failed, aborted, unclean, incomplete, empty, alerted, later];
    all.extend(completeness::incomplete());
    all
}

#[test]
fn no_form_reads_a_scan_that_is_no_result_as_clean() {
    for report in no_results() {
        let verdict = report.verdict;
        let sarif = json(&report, Format::Sarif);
        let invocation = &sarif["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false, "{verdict:?}");
        let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
        assert!(notes.iter().any(|n| n["level"] == "error"), "{verdict:?}");

        let junit = made(&report, Format::Junit);
        let junit = quick_junit::Report::deserialize_from_str(&junit).unwrap();
        assert!(junit.errors > 0, "{verdict:?}");

        let ohdf = json(&report, Format::Ohdf);
        let controls = ohdf["profiles"][0]["controls"].as_array().unwrap();
        let error = |c: &Value| c["results"][0]["status"] == "error" && c["impact"] != 0.0;
        assert!(controls.iter().any(error), "{verdict:?}");

        for format in [Format::OpenReports, Format::PolicyReport] {
            let object = json(&report, format);
            assert!(
                object["summary"]["error"].as_i64().unwrap() > 0,
                "{verdict:?}"
            );
        }
        let statement = json(&report, Format::InToto);
        assert_eq!(statement["predicate"]["complete"], false, "{verdict:?}");
        for format in [Format::Html, Format::Markdown, Format::Terminal] {
            let text = made(&report, format);
            assert!(text.contains(verdict.sentence()), "{format} {verdict:?}");
        }
        let bom = json(&report, Format::CycloneDx);
        assert_eq!(bom["metadata"]["properties"][0]["value"], verdict.name());
    }
}

#[test]
fn a_scan_that_passed_reads_as_clean() {
    let report = passed();
    let sarif = json(&report, Format::Sarif);
    assert_eq!(
        sarif["runs"][0]["invocations"][0]["executionSuccessful"],
        true
    );
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
    let junit = quick_junit::Report::deserialize_from_str(&made(&report, Format::Junit)).unwrap();
    assert_eq!((junit.errors, junit.failures), (0, 0));
    let statement = json(&report, Format::InToto);
    assert_eq!(statement["predicate"]["complete"], true);
    assert_eq!(statement["subject"][0]["digest"]["sha256"], "b".repeat(64));
}

#[test]
fn a_report_of_a_copy_says_how_it_differs_from_the_target() {
    let mut report = with_digest();
    for format in [Format::Html, Format::Markdown, Format::Terminal] {
        assert!(!made(&report, format).contains("Differs from the target"));
    }
    report.plan.differences = vec!["without volume data".into()];
    for format in [Format::Html, Format::Markdown, Format::Terminal] {
        let text = made(&report, format);
        assert!(text.contains("Differs from the target"), "{format}");
        assert!(text.contains("without volume data"), "{format}");
    }
    let json = json(&report, Format::Json);
    assert_eq!(json["plan"]["differences"][0], "without volume data");
}

#[test]
fn a_failed_check_below_the_threshold_is_no_failure_and_no_pass() {
    let mut report = with_digest();
    report.fail_on = Some(Severity::High);
    report.controls.clear();
    let text = made(&report, Format::Junit);
    let junit = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!(junit.failures, 1);
    assert!(
        text.contains("WARNING: What is wrong with low-one"),
        "{text}"
    );
    let object = json(&report, Format::PolicyReport);
    assert_eq!(object["summary"]["warn"], 1);
}

#[test]
fn package_urls_follow_the_specification() {
    let bom = json(&with_digest(), Format::CycloneDx);
    let purl = &bom["components"][0]["purl"];
    assert_eq!(
        purl,
        "pkg:deb/debian/%2Fetc%2Fshadow@1%3A2%2B3?arch=amd64&distro=debian-12"
    );
    // An rpm's epoch is a qualifier, its name keeps its case, and its vendor is the purl namespace.
    for (os, version, epoch_version, expected) in [
        (
            "rhel",
            "9.4",
            "1:1.9.5p2-10.el9_3",
            "pkg:rpm/redhat/GConf2@1.9.5p2-10.el9_3?arch=x86_64&distro=rhel-9.4&epoch=1",
        ),
        (
            "fedora",
            "41",
            "8.9.1-2.fc41",
            "pkg:rpm/fedora/GConf2@8.9.1-2.fc41?arch=x86_64&distro=fedora-41",
        ),
        (
            "opensuse-tumbleweed",
            "",
            "8.9.1-1",
            "pkg:rpm/opensuse/GConf2@8.9.1-1?arch=x86_64",
        ),
    ] {
        let mut report = with_digest();
        let packages = report.packages.as_mut().unwrap();
        packages.os = Some(OsRelease {
            id: os.into(),
            version: version.into(),
            ..OsRelease::default()
        });
        packages.items = vec![Package {
            name: "GConf2".into(),
            version: epoch_version.into(),
            arch: "x86_64".into(),
            manager: "rpm".into(),
            ..Package::default()
        }];
        let bom = json(&report, Format::CycloneDx);
        assert_eq!(bom["components"][0]["purl"], expected, "{os}");
    }
}

#[test]
fn packages_of_languages_are_components_with_their_places() {
    let mut report = with_digest();
    let package = |ecosystem: &str, name: &str, version: &str, path: &str| LanguagePackage {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
        license: String::new(),
        path: path.into(),
    };
    let packages = report.packages.as_mut().unwrap();
    packages.items.clear();
    packages.language = vec![
        package("npm", "@Babel/core", "7.26.0", "/a"),
        package("npm", "ms", "2.1.3", "/b"),
        package("npm", "ms", "2.1.3", "/c"),
        package("pypi", "Flask_Cors.x", "5.0.0", "/d"),
        package("gem", "nokogiri", "1.16.7-x86_64-linux", "/e"),
        package("gem", "rack", "3.1", "/f"),
        package("maven", "org.Slf4j:slf4j-api", "2.0.16", "/g"),
        package("jar", "shop", "", "/h"),
    ];
    packages.language[1].license = "MIT OR Apache-2.0".into();
    let bom = json(&report, Format::CycloneDx);
    let components = bom["components"].as_array().unwrap();
    let purls: Vec<&str> = components
        .iter()
        .filter(|c| c["type"] == "library")
        .map(|c| c["purl"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:gem/nokogiri@1.16.7?platform=x86_64-linux",
            "pkg:gem/rack@3.1",
            "-",
            "pkg:maven/org.Slf4j/slf4j-api@2.0.16",
            "pkg:npm/%40babel/core@7.26.0",
            "pkg:npm/ms@2.1.3",
            "pkg:pypi/flask-cors.x@5.0.0",
        ]
    );
    assert_eq!(components[3]["group"], "org.Slf4j");
    let ms = &components[5];
    let places = json!([{"location": "/b"}, {"location": "/c"}]);
    assert_eq!(ms["evidence"]["occurrences"], places);
    assert_eq!(ms["licenses"][0]["license"]["name"], "MIT OR Apache-2.0");
}

#[test]
fn a_bill_of_materials_is_whole_only_where_both_kinds_of_packages_were_seen() {
    let mut report = with_digest();
    let aggregate = |report: &ScanReport| {
        let bom = self::json(report, Format::CycloneDx);
        let properties = bom["metadata"]["properties"].as_array().unwrap();
        let packages = properties
            .iter()
            .find(|p| p["name"] == "secure-scan:packages");
        format!(
            "{} {}",
            bom["compositions"][0]["aggregate"],
            packages.unwrap()["value"]
        )
    };
    let missing = Coverage::Unavailable {
        reason: "a shell cannot".into(),
    };
    report
        .coverage
        .insert(Section::Packages, Coverage::Complete);
    assert!(aggregate(&report).starts_with("\"incomplete\""));
    report.coverage.insert(Section::LanguagePackages, missing);
    let text = aggregate(&report);
    assert!(
        text.starts_with("\"incomplete\"")
            && text.contains("language_packages: not available: a shell cannot"),
        "{text}"
    );
    report
        .coverage
        .insert(Section::LanguagePackages, Coverage::Complete);
    assert!(aggregate(&report).starts_with("\"incomplete_third_party_only\""));
}

#[test]
fn a_form_without_its_subject_is_refused_not_empty() {
    let mut report = sample("x");
    report.packages = None;
    let document = Document::from(report);
    for format in [Format::CycloneDx, Format::InToto] {
        assert!(
            render(&document, format, text::Style::default()).is_err(),
            "{format}"
        );
    }
}

#[test]
fn markdown_is_bounded_and_says_what_was_cut() {
    let mut report = with_digest();
    let results = &mut report.findings[0].results;
    let one = results[0].clone();
    results.extend((0..2000).map(|n| {
        let mut result = one.clone();
        result.id = format!("check-{n}");
        result
    }));
    let text = made(&report, Format::Markdown);
    assert!(text.len() <= markdown::MAX_BYTES, "{}", text.len());
    assert!(text.contains("were cut for length"), "{text}");
}

#[expect(
    clippy::too_many_lines,
    reason = "one bill, and what each program must find in it"
)]
#[test]
fn vulnerabilities_are_found_by_the_distribution_and_by_source_packages() {
    let package = |manager: &str, name: &str, version: &str, source: [&str; 2]| Package {
        name: name.into(),
        version: version.into(),
        manager: manager.into(),
        source: source[0].into(),
        source_version: source[1].into(),
        ..Package::default()
    };
    for (os, family, package, upstream, source) in [
        (
            "debian",
            "debian",
            package("dpkg", "libssl3", "3.0-1", ["openssl", ""]),
            "openssl",
            ["openssl", "3.0", "1", ""],
        ),
        (
            "debian",
            "debian",
            package("dpkg", "git-man", "1:2.39-0+b1", ["git", "1:2.39-0"]),
            "git%401%3A2.39-0",
            ["git", "2.39", "0", "1"],
        ),
        (
            "ubuntu",
            "ubuntu",
            package("dpkg", "bash", "5.2-1", ["", ""]),
            "",
            ["bash", "5.2", "1", ""],
        ),
        (
            "alpine",
            "alpine",
            package("apk", "libcrypto3", "3.1-r5", ["openssl", ""]),
            "openssl",
            ["openssl", "3.1-r5", "", ""],
        ),
        (
            "wolfi",
            "wolfi",
            package("apk", "bash", "5-r1", ["bash", ""]),
            "",
            ["bash", "5-r1", "", ""],
        ),
        (
            "rhel",
            "redhat",
            package(
                "rpm",
                "openssl-libs",
                "1:3.0.7-24.el9",
                ["openssl", "3.0.7-24.el9"],
            ),
            "openssl-3.0.7-24.el9.src.rpm",
            ["openssl", "3.0.7", "24.el9", "1"],
        ),
        (
            "amzn",
            "amazon",
            package("rpm", "bash", "5-1", ["bash", "5-1"]),
            "bash-5-1.src.rpm",
            ["bash", "5", "1", ""],
        ),
    ] {
        let mut report = with_digest();
        let packages = report.packages.as_mut().unwrap();
        packages.os = Some(OsRelease {
            id: os.into(),
            version: "9".into(),
            ..OsRelease::default()
        });
        packages.items = vec![package];
        let bom = json(&report, Format::CycloneDx);
        let components = bom["components"].as_array().unwrap();
        let systems: Vec<_> = components
            .iter()
            .filter(|c| c["type"] == "operating-system")
            .collect();
        assert_eq!(systems.len(), 1, "{os}");
        assert_eq!(
            (&systems[0]["name"], &systems[0]["version"]),
            (&json!(family), &json!("9"))
        );
        let value = |component: &serde_json::Value, name: &str| {
            let all = component["properties"].as_array().unwrap();
            let found = all.iter().find(|p| p["name"] == name);
            found.map_or(String::new(), |p| p["value"].as_str().unwrap().to_owned())
        };
        assert_eq!(value(systems[0], "syft:distro:id"), os);
        let of = |name: &str| value(&components[0], &format!("aquasecurity:trivy:{name}"));
        assert_eq!(
            ["SrcName", "SrcVersion", "SrcRelease", "SrcEpoch"].map(of),
            source,
            "{os}"
        );
        let purl = components[0]["purl"].as_str().unwrap();
        let found = purl
            .split_once("upstream=")
            .map_or("", |(_, upstream)| upstream);
        assert_eq!(found, upstream, "{purl}");
        assert_eq!(
            bom["dependencies"][1],
            json!({ "ref": "os", "dependsOn": ["package-1"] })
        );
    }
}
