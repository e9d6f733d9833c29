//! The SAF CLI reads the OHDF form, and counts as the report does.

use std::{fs, path::Path};

use scanner_core::finding::Findings;
use scanner_policy::Thresholds;
use scanner_report::Format;
use serde_json::{Value, json};

use super::{node, reports, run, write};

const SAF: &str = "node_modules/@mitre/saf/bin/run";

#[test]
fn the_saf_cli_counts_as_the_report_does() {
    let folder = tempfile::tempdir().unwrap();
    for (name, report) in reports() {
        let file = write(folder.path(), name, &report, Format::Ohdf);
        let results = report["findings"][0]["results"].as_array();
        let count = |status: &str| {
            let with = |r: &&Value| r["status"] == status;
            results.map_or(0, |all| all.iter().filter(with).count())
        };
        // A scan that was not done is one error.
        let errors = count("error") + usize::from(results.is_none());
        let thresholds = |failed: usize, errors: usize| {
            format!(
                "failed.total: {failed}\npassed.total: {}\nno_impact.total: {}\nerror.total: {errors}\n",
                count("pass"),
                count("not_applicable")
            )
        };
        let validate = |thresholds: String| {
            let template = folder.path().join("thresholds.yaml");
            fs::write(&template, thresholds).unwrap();
            let mut command = node(&[SAF, "validate", "threshold", "-T"]);
            run(command.arg(template).arg("-i").arg(&file))
        };
        let (met, said) = validate(thresholds(count("fail"), errors));
        assert!(met, "{name}: {said}");
        assert!(!validate(thresholds(count("fail") + 1, errors)).0, "{name}");
        assert!(!validate(thresholds(count("fail"), errors + 1)).0, "{name}");
    }
}

/// A report with each status and severity that OHDF counts, waivers of both kinds and a check of severity info.
fn mixed() -> Value {
    let (_, mut report) = reports().swap_remove(0);
    let like = report["findings"][0]["results"][0].clone();
    let results = [
        ("pass", "critical"),
        ("pass", "high"),
        ("pass", "info"),
        ("pass", "low"),
        ("pass", "medium"),
        ("fail", "critical"),
        ("fail", "info"),
        ("fail", "medium"),
        ("fail", "high"),
        ("error", "high"),
        ("not_applicable", "high"),
        ("not_applicable", "low"),
        ("not_applicable", "critical"),
    ];
    let mut all = Vec::new();
    for (at, (status, severity)) in results.iter().enumerate() {
        let mut result = like.clone();
        result["id"] = format!("c{at}").into();
        result["status"] = (*status).into();
        result["severity"] = (*severity).into();
        result["evidence"] = json!([]);
        all.push(result);
    }
    let waiver = json!({"justification": "J", "expires": "2030-01-01", "skipped": false});
    all[8]["waiver"] = waiver;
    // It was waived from being looked at.
    let waiver = json!({"justification": "J", "expires": "2030-01-01", "skipped": true});
    all[12]["waiver"] = waiver;
    report["findings"][0]["results"] = all.into();
    report
}

/// Passed 5, failed 3, waived 2 (one of them not looked at) and not applicable 2, error 1: compliance is 56 (5 of 9).
const READ_ALIKE: &[&str] = &[
    "compliance.min: 56",
    "compliance.min: 57",
    "compliance: {max: 56}",
    "compliance: {max: 55}",
    "compliance: {min: 0}",
    "compliance: {min: 50, max: 60}",
    "compliance.min: 101",
    "passed.total: 5",
    "passed.total: 4",
    "passed: {total: 5}",
    "passed: {total: {min: 5, max: 5}}",
    "passed.total.min: 6",
    "passed.total.max: 4",
    "passed.total.min: 0",
    "failed.total.max: 3",
    "failed.total.max: 2",
    "failed.total.min: 4",
    "failed.total: 0",
    "failed: {total: {max: 0}}",
    "skipped.total: 0",
    "skipped.total.max: 0",
    "skipped: {high: {min: 1}}",
    "error.total: 1",
    "error.total.max: 0",
    "error: {high: {max: 0}}",
    "error: {high: {min: 1, max: 1}, critical: {max: 0}}",
    "no_impact.total: 4",
    "no_impact.total: 3",
    "no_impact.total: 2",
    "no_impact: {critical: {min: 1, max: 1}}",
    "no_impact: {critical: {max: 0}}",
    "no_impact: {critical: {controls: [c12]}}",
    // It never compares these, which are named beside one that it does compare.
    "no_impact.total.max: 0\nfailed.total.max: 3",
    "no_impact: {total: {min: 9}}\nfailed: {total: {max: 2}}",
    "no_impact: {none: {min: 2, max: 2}}",
    "no_impact: {none: {max: 1}}",
    "no_impact: {high: {min: 1, max: 1}, low: {max: 0}}",
    // A failure of severity info counts as low.
    "passed: {low: {min: 2, max: 2}}",
    "failed: {low: {min: 1, max: 1}}",
    "failed: {low: {max: 0}}",
    "passed: {critical: {min: 1}, high: {min: 1}, medium: {min: 1}}",
    "failed: {critical: {max: 0}}",
    "failed: {critical: {max: 1}, high: {max: 0}, medium: {max: 1}}",
    "failed: {critical: {controls: [c5]}}",
    "failed: {critical: {controls: [c6]}}",
    "failed: {critical: {controls: [c5, c6]}}",
    "failed: {low: {controls: [c6]}}",
    "passed: {low: {controls: [c3, c2]}}",
    "passed: {low: {controls: [c3]}}",
    "no_impact: {none: {controls: [c10, c11]}}",
    "no_impact: {high: {controls: [c8]}}",
    "error: {high: {controls: [c9]}}",
    "skipped: {high: {controls: [c9]}}",
];

/// Files that the SAF CLI ignores or cannot read, and then reports success; secure-scan refuses them.
const SKIPPED_THERE: &[&str] = &[
    "compliance: {max: 0}",
    "failed.totl.max: 0",
    "faild: {total: {max: 0}}",
    "failed: {info: {max: 0}}",
    "failed: {none: {max: 0}}",
    "failed: {high: {maxi: 0}, medium: {max: 1}}",
    "failed: {total: {maximum: 0}}",
    "{}",
    "compliance: {minimum: 100}",
    "no_impact.total.max: 0",
    "no_impact: {total: {min: 9}}",
    // It warns that it cannot read these, and ends with exit code 0.
    "failed: [",
    "",
];

/// What neither says is well.
const REFUSED_BY_BOTH: &[&str] = &[
    "failed.total.max: -1",
    "failed: {critical: {controls: []}}",
    "passed.total: 5.5",
];

/// Whether the OHDF file meets each threshold file, by the SAF CLI.
fn validated(folder: &Path, ohdf: &Path, thresholds: &[&str]) -> Vec<Option<bool>> {
    let of = |(at, text): (usize, &&str)| {
        let file = folder.join(format!("{at}.yaml"));
        fs::write(&file, text).unwrap();
        json!({"validate": ["-i", ohdf, "-T", file]})
    };
    let list: Vec<Value> = thresholds.iter().enumerate().map(of).collect();
    let said = saf(folder, &list);
    assert_eq!(said.len(), thresholds.len());
    said
}

fn saf(folder: &Path, commands: &[Value]) -> Vec<Option<bool>> {
    let list = folder.join("list.json");
    fs::write(&list, json!(commands).to_string()).unwrap();
    let (done, said) = run(node(&["saf.mjs"]).arg(list));
    assert!(done, "{said}");
    serde_json::from_str(said.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn thresholds_have_the_verdicts_of_the_saf_cli() {
    let folder = tempfile::tempdir().unwrap();
    let report = mixed();
    let findings: Findings = serde_json::from_value(report["findings"][0].clone()).unwrap();
    let ohdf = write(folder.path(), "mixed", &report, Format::Ohdf);
    let theirs = validated(folder.path(), &ohdf, READ_ALIKE);
    let mut met = 0;
    for (text, theirs) in READ_ALIKE.iter().zip(theirs) {
        let outcome = Thresholds::parse(text, "t").unwrap().evaluate(&findings);
        let ours = outcome.breaches.is_empty();
        assert_eq!(Some(ours), theirs, "{text}: {outcome:?}");
        met += usize::from(ours);
    }
    assert!(
        met > 15 && READ_ALIKE.len() - met > 15,
        "both verdicts are seen: {met}"
    );
    for (list, expected) in [(SKIPPED_THERE, true), (REFUSED_BY_BOTH, false)] {
        let theirs = validated(folder.path(), &ohdf, list);
        for (text, theirs) in list.iter().zip(theirs) {
            assert_eq!(theirs.unwrap_or(false), expected, "{text}");
            assert!(Thresholds::parse(text, "t").is_err(), "{text}");
        }
    }
}

#[test]
fn thresholds_that_the_saf_cli_generates_are_read_and_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut better = mixed();
    better["findings"][0]["results"][5]["status"] = "pass".into();
    let files = [("mixed", mixed()), ("better", better)];
    let files = files.map(|(name, report)| {
        let ohdf = write(folder.path(), name, &report, Format::Ohdf);
        (
            ohdf,
            serde_json::from_value::<Findings>(report["findings"][0].clone()).unwrap(),
        )
    });
    let forms: [&[&str]; 4] = [&[], &["-e"], &["-c"], &["-e", "-c"]];
    let template = |at: usize| folder.path().join(format!("generated-{at}.yaml"));
    let of = |(at, form): (usize, &&[&str])| {
        let mut args = vec![
            json!("-i"),
            json!(files[0].0),
            json!("-o"),
            json!(template(at)),
        ];
        args.extend(form.iter().map(|flag| json!(flag)));
        json!({ "generate": args })
    };
    let list: Vec<Value> = forms.iter().enumerate().map(of).collect();
    assert_eq!(saf(folder.path(), &list), [Some(true); 4]);
    for (at, form) in forms.iter().enumerate() {
        let text = fs::read_to_string(template(at)).unwrap();
        let ours =
            Thresholds::parse(&text, "t").unwrap_or_else(|e| panic!("{form:?}: {e}: {text}"));
        for (ohdf, findings) in &files {
            let theirs = validated(folder.path(), ohdf, &[&text]);
            let met = ours.evaluate(findings).breaches.is_empty();
            assert_eq!(
                theirs,
                [Some(met)],
                "{form:?}: {:?}",
                ours.evaluate(findings)
            );
        }
    }
}
