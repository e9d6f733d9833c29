//! The SAF CLI reads the OHDF form, and counts as the report does.

use std::fs;

use scanner_core::report::Format;
use serde_json::Value;

use super::{node, reports, run, write};

const SAF: &str = "node_modules/@mitre/saf/bin/run";

#[test]
fn the_saf_cli_counts_as_the_report_does() {
    let folder = tempfile::tempdir().unwrap();
    for (name, report) in reports() {
        let file = write(folder.path(), name, &report, Format::Ohdf);
        let results = report["findings"]["results"].as_array();
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
