//! One result of a check for third-party formats: no text in it can control the program that displays it.

use crate::{
    finding::{CheckResult, CheckStatus, Severity},
    report::view::View,
    untrusted::Untrusted,
};

/// One result of a check. Its texts are of a type that escapes itself where it is displayed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Row {
    /// Name and version of the engine.
    pub engine: Untrusted,
    /// What identifies the check in this report: `ENGINE/ID` where it has findings of several engines.
    pub id: Untrusted,
    /// How much a failure matters.
    pub severity: Severity,
    /// What the check says.
    pub status: CheckStatus,
    /// Whether the failed check counts, as the verdict has it.
    pub counts: bool,
    /// What is wrong where it failed, else how it should be.
    pub headline: Untrusted,
    /// Why; for an error, what could not be read.
    pub message: Untrusted,
    /// What was seen, at most a bounded number of items.
    pub evidence: Vec<Untrusted>,
    /// How many items of evidence there were.
    pub evidence_total: u64,
    /// Why it matters.
    pub rationale: Untrusted,
    /// What to do.
    pub fix: Untrusted,
    /// Why a waiver covers it, where one does.
    pub waived: Option<Untrusted>,
}

impl View<'_> {
    /// Every result in the order of [`View::sorted`], in a form whose texts are safe to show.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.sorted().into_iter().map(|result| self.row(result))
    }

    fn row(&self, result: &CheckResult) -> Row {
        let engine = self.engine_of(result);
        let text = |text: &str| Untrusted::new(text);
        Row {
            engine: Untrusted::new(engine.map_or_else(String::new, |f| f.engine.to_string())),
            id: text(&self.check_id(result)),
            severity: result.severity,
            status: result.status,
            counts: self.counts(result),
            headline: text(&result.headline()),
            message: text(&result.message),
            evidence: result.evidence.iter().map(|item| text(item)).collect(),
            evidence_total: result.evidence_total,
            rationale: text(&result.rationale),
            fix: text(&result.fix),
            waived: result.waiver.as_ref().map(|w| text(&w.justification)),
        }
    }
}
