//! Failed checks that the threshold allows: they do not change the verdict, and every format shows them.

use super::View;
use crate::{finding::CheckResult, verdict::Verdict};

impl View<'_> {
    /// Failed checks that do not count, in the order of [`View::sorted`]: they are below the severity from which a failed
    /// check is a finding, or within thresholds that decide alone. What a waiver covers is not among them.
    pub fn warnings(&self) -> impl Iterator<Item = &CheckResult> {
        self.failed().filter(|result| !self.counts(result))
    }

    /// Why a failed check is a warning: `below high`, or `within the thresholds`. `None` for every other result.
    pub fn allowed_as(&self, result: &CheckResult) -> Option<String> {
        if !result.is_finding() || self.counts(result) {
            return None;
        }
        let of_engine = self.engine_of(result).map(|found| self.fail_on_of(found));
        Some(match of_engine.unwrap_or(self.fail_on) {
            Some(severity) => format!("below {severity}"),
            None => "within the thresholds".to_owned(),
        })
    }

    /// Why the warnings of this view are warnings, where there are any.
    pub fn warnings_allowed_as(&self) -> Option<String> {
        let mut all = self.warnings().filter_map(|r| self.allowed_as(r));
        let first = all.next()?;
        if all.all(|other| other == first) {
            Some(first)
        } else {
            Some("below the thresholds of their engines".to_owned())
        }
    }

    /// The warnings in a few words, such as `3 checks failed below high`; `None` where there are none.
    pub fn warning_line(&self) -> Option<String> {
        let why = self.warnings_allowed_as()?;
        Some(match self.warnings().count() {
            1 => format!("1 check failed {why}"),
            count => format!("{count} checks failed {why}"),
        })
    }

    /// What the sentence of the verdict says of the warnings: nothing where there are none, or no result.
    pub(super) fn warning_clause(&self) -> String {
        match (
            self.verdict,
            self.warning_line(),
            self.warnings_allowed_as(),
        ) {
            (Verdict::Passed, Some(line), _) => format!("; {line}"),
            (Verdict::Findings, _, Some(why)) => {
                format!("; {} more failed {why}", self.warnings().count())
            }
            _ => String::new(),
        }
    }
}
