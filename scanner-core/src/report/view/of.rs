//! A view of each kind of report.

use super::{Subject, View, source::Source};
use crate::{
    finding::Findings,
    report::model::{LocalReport, ScanReport},
    target::image_digest,
};

/// Reports of local scans did not say it in version 1.
const UNSTATED: &str = "not stated by the version that made this report";

/// The engines that made findings; where none did, those of the plan.
fn engines(findings: &[Findings], planned: &str) -> String {
    if findings.is_empty() {
        return planned.to_owned();
    }
    let names: Vec<String> = findings.iter().map(|f| f.engine.to_string()).collect();
    names.join(", ")
}

impl<'a> From<&'a ScanReport> for View<'a> {
    fn from(report: &'a ScanReport) -> Self {
        Self {
            tool_version: &report.tool_version,
            scan_id: Some(&report.plan.scan_id),
            origin: report.origin.as_ref(),
            subject: Subject::Container(&report.plan.target),
            verdict: report.verdict,
            engines: engines(&report.findings, &report.plan.profile),
            strategy: &report.plan.strategy,
            reason: report.plan.reason.as_deref(),
            trust: &report.trust,
            differences: &report.plan.differences,
            not_scanned: &report.plan.not_scanned,
            target_choice: &report.plan.target_choice,
            started: Some(&report.started),
            seconds: Some(report.seconds),
            fail_on: report.fail_on,
            failure: report.failure.as_ref(),
            policy: report.plan.policy.as_deref(),
            gate_alert: report.gate_alert.as_deref(),
            alerts: &report.alerts,
            unused_allowances: &report.unused_allowances,
            gates: &report.gates,
            findings: &report.findings,
            agent: report.agent.as_ref(),
            coverage: &report.coverage,
            controls: &report.controls,
            timings: &report.timings,
            api_calls: Some(report.api_calls),
            post_scan: report.post_scan.as_ref(),
            audit: report.audit.as_ref(),
            from_image: report.from_image.as_ref(),
            image_scan: report.image_scan.as_deref(),
            packages: report.packages.as_ref(),
            image_digest: report.plan.target.digest(),
            all: &report.findings,
            source: Source::Scan(report),
            sha256: None,
        }
    }
}

impl<'a> From<&'a LocalReport> for View<'a> {
    fn from(report: &'a LocalReport) -> Self {
        Self {
            tool_version: &report.tool_version,
            scan_id: None,
            origin: None,
            subject: Subject::Local(&report.subject),
            verdict: report.verdict,
            engines: engines(&report.findings, &report.profile),
            strategy: "local",
            reason: None,
            trust: if report.trust.is_empty() {
                UNSTATED
            } else {
                &report.trust
            },
            differences: &[],
            not_scanned: &[],
            target_choice: &[],
            started: report.started.as_deref(),
            seconds: None,
            fail_on: report.fail_on,
            failure: report.failure.as_ref(),
            policy: None,
            gate_alert: None,
            alerts: &[],
            unused_allowances: &[],
            gates: &[],
            findings: &report.findings,
            agent: Some(&report.agent),
            coverage: &report.coverage,
            controls: &[],
            timings: &[],
            api_calls: None,
            post_scan: None,
            audit: None,
            from_image: None,
            image_scan: None,
            packages: report.packages.as_ref(),
            image_digest: report.image_digest.as_deref().and_then(image_digest),
            all: &report.findings,
            source: Source::Local(report),
            sha256: None,
        }
    }
}
