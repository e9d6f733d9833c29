//! What every format renders: a report of either kind, borrowed, so that no format is written twice.

mod document;
mod of;
mod place;
mod scope;
mod source;

use std::{borrow::Cow, collections::BTreeMap};

use super::model::{
    ApiCalls, AuditSummary, ControlRecord, ControlStage, Packages, ScanReport, Timing,
};
use crate::{
    alert::SecurityAlert,
    failure::Failure,
    finding::{CheckResult, CheckStatus, Findings, Severity},
    gate::decision::GateResult,
    target::Target,
};
use crate::{
    evidence::{AuditOutcome, PostScanAudit},
    verdict::Verdict,
};
use scanner_inventory::{AgentInfo, Coverage, Section, escape::visible};

use source::Source;

/// What was scanned.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A running container of a cluster.
    Container(&'a Target),
    /// Something on this machine.
    Local(&'a str),
}

/// A report of either kind. Text in it is as the target or the server gave it: every format passes
/// it through [`scanner_inventory::escape::visible`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct View<'a> {
    /// Version of secure-scan.
    pub tool_version: &'a str,
    /// What was scanned.
    pub subject: Subject<'a>,
    /// What the scan amounts to.
    pub verdict: Verdict,
    /// Name and version of the profile.
    pub profile: &'a str,
    /// How the target was reached.
    pub strategy: &'a str,
    /// Why it was reached so.
    pub reason: Option<&'a str>,
    /// How far the evidence can be trusted.
    pub trust: &'a str,
    /// How the scanned copy differs from the target.
    pub differences: &'a [String],
    /// RFC 3339 time at which the scan started.
    pub started: Option<&'a str>,
    /// Seconds that it took.
    pub seconds: Option<f64>,
    /// Severity from which a failed check was a finding.
    pub fail_on: Option<Severity>,
    /// Why the scan could not be done.
    pub failure: Option<&'a Failure>,
    /// Name and version of the policy.
    pub policy: Option<&'a str>,
    /// How the alert of a gate that aborted was raised, or why it was not.
    pub gate_alert: Option<&'a str>,
    /// What the scan saw that somebody must look into.
    pub alerts: &'a [SecurityAlert],
    /// Allowances of the policy that matched nothing of this target.
    pub unused_allowances: &'a [String],
    /// What the gates said.
    pub gates: &'a [GateResult],
    /// What each engine found; empty when the scan could not be done.
    pub findings: &'a [Findings],
    /// Which agent answered.
    pub agent: Option<&'a AgentInfo>,
    /// How completely each section was collected.
    pub coverage: &'a BTreeMap<Section, Coverage>,
    /// Every control and what proves it.
    pub controls: &'a [ControlRecord],
    /// Seconds spent in each stage.
    pub timings: &'a [Timing],
    /// Requests sent to the API server.
    pub api_calls: Option<ApiCalls>,
    /// The post-scan audit.
    pub post_scan: Option<&'a PostScanAudit>,
    /// Where the audit log stood.
    pub audit: Option<&'a AuditSummary>,
    /// The scan that read the image before, where the two were compared.
    pub image_scan: Option<&'a ScanReport>,
    /// What is installed in the target.
    pub packages: Option<&'a Packages>,
    /// Digest of the image, `sha256:...`, where there is one.
    pub image_digest: Option<&'a str>,
    source: Source<'a>,
    sha256: Option<&'a str>,
}

impl View<'_> {
    /// What was scanned, in one line that is safe to show.
    pub fn subject_line(&self) -> String {
        match self.subject {
            Subject::Container(target) => target.to_string(),
            Subject::Local(subject) => visible(subject, 400),
        }
    }

    /// The image as it was asked for, or what was scanned.
    pub fn artifact(&self) -> Cow<'_, str> {
        match self.subject {
            Subject::Container(target) => Cow::Borrowed(&target.image),
            Subject::Local(subject) => Cow::Borrowed(subject),
        }
    }

    /// Every result of a check: failed ones first, then those that could not look, each the worst
    /// first and then by identifier. The order depends on nothing else.
    pub fn sorted(&self) -> Vec<&CheckResult> {
        let mut all: Vec<_> = self.findings.iter().flat_map(|f| &f.results).collect();
        all.sort_by(|a, b| order(a).cmp(&order(b)));
        all
    }

    /// Results with that status, in the order of [`View::sorted`].
    pub fn with_status(&self, status: CheckStatus) -> impl Iterator<Item = &CheckResult> {
        self.sorted()
            .into_iter()
            .filter(move |r| r.status == status)
    }

    /// Number of results with that status.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.findings.iter().map(|f| f.count(status)).sum()
    }

    /// Failed checks that no waiver covers, in the order of [`View::sorted`].
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        self.sorted().into_iter().filter(|r| r.is_finding())
    }

    /// Whether that failed check counts, as the verdict has it: no waiver covers it, and it is at
    /// the threshold or above. Where there are thresholds of numbers, each counts if they are not met.
    pub fn counts(&self, result: &CheckResult) -> bool {
        let engine = self.engine_of(result);
        let thresholds = engine.and_then(|f| f.thresholds.as_ref());
        let reached = |from: Option<Severity>| from.is_some_and(|s| result.severity >= s);
        result.is_finding()
            && match thresholds {
                Some(outcome) => !outcome.breaches.is_empty() || reached(outcome.fail_on),
                None => self.fail_on.is_none() || reached(self.fail_on),
            }
    }

    /// Thresholds that were not met. Not yet safe to show.
    pub fn breaches(&self) -> Vec<&str> {
        let thresholds = self.findings.iter().filter_map(|f| f.thresholds.as_ref());
        let breaches = thresholds.flat_map(|outcome| &outcome.breaches);
        breaches.map(String::as_str).collect()
    }

    /// The findings that hold this result.
    pub fn engine_of(&self, result: &CheckResult) -> Option<&Findings> {
        let holds = |found: &&Findings| found.results.iter().any(|r| std::ptr::eq(r, result));
        self.findings.iter().find(holds)
    }

    /// When the scan started, where the report says so in a way that can be read.
    pub fn started_at(&self) -> Option<jiff::Timestamp> {
        self.started?.parse().ok()
    }

    /// That time in UTC with milliseconds, which every consumer reads.
    pub fn started_utc(&self) -> Option<String> {
        let started = self.started_at()?;
        Some(started.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
    }

    /// What could not be looked at, one line for each section; not yet safe to show.
    pub fn gaps(&self) -> Vec<(Section, String)> {
        let gap = |(section, coverage): (&Section, &Coverage)| match coverage {
            Coverage::Partial { gaps } => Some((
                *section,
                format!("partial, {} not looked at: {gaps}", gaps.total()),
            )),
            Coverage::Unavailable { reason } => {
                Some((*section, format!("not available: {reason}")))
            }
            Coverage::Complete | Coverage::NotRequested => None,
        };
        self.coverage.iter().filter_map(gap).collect()
    }

    /// Why the scan as a whole is no result: it failed, a gate refused, or something may be left.
    /// Not yet safe to show.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(failure) = self.failure {
            let hint = failure.hint.as_ref();
            let hint = hint.map_or_else(String::new, |hint| format!(" (hint: {hint})"));
            problems.push(format!("{}{hint}", failure.message));
        }
        for control in self.controls {
            if let ControlStage::Failed { reason } = &control.release_verified {
                problems.push(format!(
                    "control {}: not confirmed deleted: {reason}",
                    control.id
                ));
            }
        }
        for alert in self.alerts {
            problems.push(format!("security alert {}: {}", alert.id, alert.message));
        }
        let audit = self.post_scan.map_or(&[][..], |audit| &audit.checks);
        for check in audit
            .iter()
            .filter(|c| c.outcome == AuditOutcome::NotVerified)
        {
            let evidence = check.evidence.join("; ");
            problems.push(format!(
                "after the scan, {}: not verified: {evidence}",
                check.id
            ));
        }
        let whole = matches!(
            self.verdict,
            Verdict::Failed
                | Verdict::GateAborted
                | Verdict::SecurityAlert
                | Verdict::CleanupUnverified
        );
        if problems.is_empty() && (whole || self.verdict == Verdict::Incomplete && self.nothing()) {
            problems.push(self.verdict.sentence().to_owned());
        }
        problems
    }

    fn nothing(&self) -> bool {
        self.findings.iter().all(|f| f.results.is_empty())
    }
}

fn order(result: &CheckResult) -> (u8, std::cmp::Reverse<Severity>, &str) {
    let status = match result.status {
        CheckStatus::Fail => 0,
        CheckStatus::Error => 1,
        CheckStatus::Pass => 2,
        CheckStatus::NotApplicable => 3,
    };
    (status, std::cmp::Reverse(result.severity), &result.id)
}
