//! Why a scan as a whole gives no result, and what somebody must investigate.

use super::View;
use crate::{evidence::AuditOutcome, failure::FailureKind, report::ControlStage, verdict::Verdict};

/// The words for a scan that had to be complete and is not, whatever its checks found.
const INCOMPLETE: &str = "the scan must be complete, but not everything that its checks ask for was read: more may be wrong than was found";

impl View<'_> {
    /// Security alerts, one line each. Not yet safe to show.
    pub fn alert_lines(&self) -> Vec<String> {
        let line = |alert: &crate::SecurityAlert| {
            format!("security alert {}: {}", alert.id, alert.message.raw())
        };
        self.alerts.iter().map(line).collect()
    }

    /// Why the scan as a whole gives no result: it failed, a gate refused, an alert must be investigated,
    /// something may be left, or something that had to be read was not. Not yet safe to show.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.alert_lines();
        problems.extend(self.faults());
        problems.extend(self.incompleteness().map(str::to_owned));
        if problems.is_empty() && self.is_no_result() {
            problems.push(self.verdict.sentence().to_owned());
        }
        problems
    }

    /// Why the scan gives no result although its checks may have passed: something that had to be read was not.
    pub fn incompleteness(&self) -> Option<&'static str> {
        self.lacks_completeness().then_some(INCOMPLETE)
    }

    /// The same as [`View::problems`] without the alerts, for a form that shows those by themselves.
    pub fn problems_beside_alerts(&self) -> Vec<String> {
        let mut problems = self.problems();
        problems.drain(..self.alerts.len());
        problems
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(failure) = self.failure {
            let hint = failure.hint.as_ref();
            let hint = hint.map_or_else(String::new, |hint| format!(" (hint: {hint})"));
            faults.push(format!("{}{hint}", failure.message.raw()));
        }
        for control in self.controls {
            if let ControlStage::Failed { reason } = &control.release_verified {
                let id = &control.id;
                faults.push(format!("control {id}: not confirmed deleted: {reason}"));
            }
        }
        let audit = self.post_scan.map_or(&[][..], |audit| &audit.checks);
        for check in audit {
            if matches!(
                check.outcome,
                AuditOutcome::NotVerified | AuditOutcome::Unknown
            ) {
                let evidence = check.evidence.join("; ");
                faults.push(format!(
                    "after the scan, {}: not verified: {evidence}",
                    check.id
                ));
            }
        }
        faults
    }

    /// Kind of the failure and the stage that failed, in one line, where the report says so.
    pub fn failure_kind(&self) -> Option<String> {
        let failure = self.failure?;
        let known = failure.kind != FailureKind::Unknown;
        known.then(|| format!("{} (stage {})", failure.kind, failure.stage.name()))
    }

    fn is_no_result(&self) -> bool {
        match self.verdict {
            Verdict::Passed | Verdict::Findings => false,
            Verdict::Incomplete => self.findings.iter().all(|f| f.results.is_empty()),
            Verdict::Failed
            | Verdict::GateAborted
            | Verdict::SecurityAlert
            | Verdict::CleanupUnverified
            | Verdict::Unknown => true,
        }
    }
}
