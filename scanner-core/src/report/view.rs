//! What every format renders: a report of either kind, borrowed, so that no format is written twice.

mod completeness;
mod document;
mod engines;
mod of;
mod place;
mod problems;
mod scope;
mod source;
mod trace;
mod traced;
mod warnings;

use std::borrow::Cow;

use super::{
    coverage::SectionCoverage,
    model::{NO_CONTROLS, ScanReport},
    origin::Origin,
    packages::Packages,
    record::{ApiCalls, AuditSummary, ControlRecord, Timing},
};
use crate::{
    alert::SecurityAlert,
    failure::Failure,
    finding::{CheckResult, CheckStatus, Findings, Severity},
    gate::decision::GateResult,
    plan::ScanId,
    target::Target,
};
use crate::{evidence::PostScanAudit, verdict::Verdict};
use scanner_inventory::{AgentInfo, Coverage, FromImage, escape::visible};

use source::Source;

pub use trace::Trace;

/// What was scanned.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A running container of a cluster.
    Container(&'a Target),
    /// Something on this machine.
    Local(&'a str),
}

/// A report of either kind. Text in its fields is as the target or the server gave it: every format passes
/// it through [`scanner_inventory::escape::visible`], or takes [`View::rows`], whose texts escape themselves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct View<'a> {
    /// Version of secure-scan.
    pub tool_version: &'a str,
    /// Identifier of the scan, where it was one of a cluster.
    pub scan_id: Option<&'a ScanId>,
    /// Where the scan was made and by whom. [`View::trace`] has all of it for a reader.
    pub origin: Option<&'a Origin>,
    /// What was scanned.
    pub subject: Subject<'a>,
    /// The result of the scan.
    pub verdict: Verdict,
    /// Names and versions of the engines, in one line.
    pub engines: String,
    /// How the target was chosen, where its name left a choice.
    pub target_choice: &'a [String],
    /// How the target was reached.
    pub strategy: &'a str,
    /// Why it was reached so.
    pub reason: Option<&'a str>,
    /// How far the evidence can be trusted.
    pub trust: &'a str,
    /// How the scanned copy differs from the target.
    pub differences: &'a [String],
    /// The other containers of the pod, which were not scanned.
    pub not_scanned: &'a [String],
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
    /// What the scan saw that somebody must investigate.
    pub alerts: &'a [SecurityAlert],
    /// Allowances of the policy that matched nothing of this target.
    pub unused_allowances: &'a [String],
    /// What the gates said.
    pub gates: &'a [GateResult],
    /// What each engine found; empty when the scan could not be done. [`View::per_engine`] gives a view of each.
    pub findings: &'a [Findings],
    /// Which agent answered.
    pub agent: Option<&'a AgentInfo>,
    /// How completely each section was collected.
    pub coverage: &'a SectionCoverage,
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
    /// What was read from the image, where the scan reads there what the container does not show.
    pub from_image: Option<&'a FromImage>,
    /// The scan that read the image first, if the two were compared or the image completes the container.
    pub image_scan: Option<&'a ScanReport>,
    /// What is installed in the target.
    pub packages: Option<&'a Packages>,
    /// Digest of the image, `sha256:...`, where there is one.
    pub image_digest: Option<&'a str>,
    /// The findings of every engine of the report.
    all: &'a [Findings],
    source: Source<'a>,
    sha256: Option<&'a str>,
}

impl<'a> View<'a> {
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

    /// The words for a scan that no security control surrounded; `None` for every other.
    pub const fn no_controls(&self) -> Option<&'static str> {
        match self.subject {
            Subject::Local(_) => Some(NO_CONTROLS),
            Subject::Container(_) => None,
        }
    }

    /// Every result of a check: failed ones first, then those that were not done, each the worst
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

    /// When the scan started, where the report says so in a way that can be read.
    pub fn started_at(&self) -> Option<jiff::Timestamp> {
        self.started?.parse().ok()
    }

    /// That time in UTC with milliseconds, which every consumer reads.
    pub fn started_utc(&self) -> Option<String> {
        let started = self.started_at()?;
        Some(started.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
    }

    /// The agent whose answer was verified by its length alone, where that is so. An agent without a name did not answer.
    pub fn without_checksums(&self) -> Option<&'a AgentInfo> {
        self.agent
            .filter(|agent| !agent.digests && !agent.name.is_empty())
    }

    /// The other containers of the pod, which were not scanned, in one line; not yet safe to show.
    pub fn beside(&self) -> Option<String> {
        (!self.not_scanned.is_empty()).then(|| self.not_scanned.join(", "))
    }

    /// What could not be collected, one line for each section, whose name is safe to show; the line is not yet.
    pub fn gaps(&self) -> Vec<(&'a str, String)> {
        let gap = |coverage: &Coverage| match coverage {
            Coverage::Partial { gaps } => {
                let all: Vec<String> = gaps.iter().map(ToString::to_string).collect();
                Some(format!(
                    "partial, {} paths or items not read: {}",
                    gaps.total(),
                    all.join("; ")
                ))
            }
            Coverage::Unavailable { reason } => Some(format!("not available: {reason}")),
            Coverage::Complete | Coverage::NotRequested => None,
        };
        let named = |(section, coverage)| gap(coverage).map(|text| (section, text));
        self.coverage.by_name().filter_map(named).collect()
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
