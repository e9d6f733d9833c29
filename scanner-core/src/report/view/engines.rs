//! What belongs to which engine: a view of each, identifiers that are unique, and thresholds that are its own.

use std::borrow::Cow;

use super::View;
use crate::finding::{CheckResult, EngineRef, Findings, Severity};

impl<'a> View<'a> {
    /// Whether the report has findings of more than one engine. Formats then keep them apart, and
    /// [`View::check_id`] names the engine of a check.
    pub const fn has_several_engines(&self) -> bool {
        self.all.len() > 1
    }

    /// The same view once for each engine, with the findings of that engine alone; one view without findings when
    /// there are none. Identifiers stay those of the whole report.
    pub fn per_engine(&self) -> Vec<Self> {
        if self.findings.len() < 2 {
            return vec![self.clone()];
        }
        let one = |found: &'a Findings| Self {
            engines: found.engine.to_string(),
            findings: std::slice::from_ref(found),
            ..self.clone()
        };
        self.findings.iter().map(one).collect()
    }

    /// The engine, where the view is of one.
    pub const fn engine(&self) -> Option<&'a EngineRef> {
        match self.findings {
            [one] => Some(&one.engine),
            _ => None,
        }
    }

    /// The name of that engine in this report: its own, with a number where another one has the same. Not yet safe to
    /// show.
    pub fn engine_name(&self, findings: &Findings) -> String {
        let name = &findings.engine.name;
        let same = |f: &&Findings| f.engine.name == *name;
        let mut namesakes = self.all.iter().filter(same);
        match namesakes.position(|f| std::ptr::eq(f, findings)) {
            Some(before) if before > 0 => format!("{name}-{}", before + 1),
            _ => name.clone(),
        }
    }

    /// What identifies a check in this report: its own identifier, as `ENGINE/ID` where the report has findings of more
    /// than one engine. Not yet safe to show.
    pub fn check_id<'r>(&self, result: &'r CheckResult) -> Cow<'r, str> {
        match self.engine_of(result) {
            Some(found) if self.has_several_engines() => {
                Cow::Owned(format!("{}/{}", self.engine_name(found), result.id))
            }
            _ => Cow::Borrowed(&result.id),
        }
    }

    /// The findings that hold this result.
    pub fn engine_of(&self, result: &CheckResult) -> Option<&'a Findings> {
        let holds = |found: &&Findings| {
            let range = found.results.as_ptr_range();
            range.contains(&std::ptr::from_ref(result))
        };
        self.all.iter().find(holds)
    }

    /// Severity from which a failed check of this engine is a finding; none where its thresholds decide alone.
    pub fn fail_on_of(&self, found: &Findings) -> Option<Severity> {
        match &found.thresholds {
            Some(outcome) => outcome.fail_on,
            None => self.fail_on,
        }
    }

    /// Severity from which a failed check is a finding: that of the engine where the view is of one.
    pub fn fails_at(&self) -> Option<Severity> {
        match self.findings {
            [one] => self.fail_on_of(one),
            _ => self.fail_on,
        }
    }

    /// Whether that failed check counts, as the verdict has it: no waiver covers it, and it is at the threshold of its
    /// engine or above. If there are thresholds for numbers, every failed check counts as soon as they are not met.
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

    /// Thresholds that were not met, with the name of the engine where there are several. Not yet safe to show.
    pub fn breaches(&self) -> Vec<String> {
        self.of_each(|found| {
            let outcome = found.thresholds.as_ref();
            outcome.map_or_else(Vec::new, |outcome| outcome.breaches.clone())
        })
    }

    /// The lines that `of` gives for each engine, with the engine's name where the report has several.
    pub(super) fn of_each(&self, of: impl Fn(&Findings) -> Vec<String>) -> Vec<String> {
        let mut all = Vec::new();
        for found in self.findings {
            let named = |text: String| {
                if self.has_several_engines() && self.findings.len() > 1 {
                    format!("{}: {text}", self.engine_name(found))
                } else {
                    text
                }
            };
            all.extend(of(found).into_iter().map(named));
        }
        all
    }
}
