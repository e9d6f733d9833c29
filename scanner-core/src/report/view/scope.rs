//! How much of a profile and of a target the results cover, and which entries had no effect.

use super::{Subject, View};
use crate::{
    finding::{CheckResult, CheckStatus, Findings, WaiverSummary},
    verdict::Verdict,
};
use scanner_inventory::escape::visible;

impl View<'_> {
    /// Why checks of a profile are not among the results, such as `--tag`. Not yet safe to show.
    pub fn selection(&self) -> Vec<String> {
        self.of_each(|found| found.engine.selection.clone())
    }

    /// Inputs whose values are not the profile's own, as `NAME=VALUE`. Not yet safe to show.
    pub fn inputs(&self) -> Vec<String> {
        self.of_each(|found| {
            let inputs = found.engine.inputs.iter();
            inputs
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        })
    }

    /// The selection and the inputs as facts with a name, where there are any: one line each that is safe to show.
    pub fn narrowed(&self) -> Vec<(&'static str, String)> {
        [
            ("selection", self.selection().join("; ")),
            ("inputs", self.inputs().join("; ")),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name, visible(&text, 1000)))
        .collect()
    }

    /// Checks that a waiver skips (`run: false`), in the order of [`View::sorted`].
    pub fn unseen(&self) -> impl Iterator<Item = &CheckResult> {
        self.sorted().into_iter().filter(|r| r.is_unseen())
    }

    /// Checks that do not apply to the target, in the order of [`View::sorted`].
    pub fn inapplicable(&self) -> impl Iterator<Item = &CheckResult> {
        self.with_status(CheckStatus::NotApplicable)
            .filter(|r| !r.is_unseen())
    }

    /// The result of the scan in one line: that of the verdict, claiming no more than was checked.
    pub fn sentence(&self) -> String {
        let looked = matches!(
            self.verdict,
            Verdict::Passed | Verdict::Findings | Verdict::Incomplete
        );
        let claim = format!("{}{}", self.claim(), self.warning_clause());
        match self.subject {
            Subject::Local(_) if looked => {
                format!("{claim}; no security control surrounded this scan")
            }
            _ => claim,
        }
    }

    fn claim(&self) -> String {
        let selected = !self.selection().is_empty();
        let unseen = self.unseen().count();
        if self.verdict == Verdict::Findings && !self.has_finding_at_severity() {
            match self.breaches().len() {
                0 => {}
                1 => return "findings: 1 threshold is not met".into(),
                count => return format!("findings: {count} thresholds are not met"),
            }
        }
        if self.verdict != Verdict::Passed {
            return self.verdict.sentence().to_owned();
        }
        let not_read = match self.not_read() {
            0 => String::new(),
            1 => ", 1 path or item not read".into(),
            count => format!(", {count} paths or items not read"),
        };
        if !selected && unseen == 0 {
            let sentence = self.verdict.sentence();
            return sentence.replacen("passed", &format!("passed{not_read}"), 1);
        }
        let which = match (selected, unseen) {
            (true, 0) => "every selected applicable check",
            (true, _) => "every other selected applicable check",
            (false, _) => "every other applicable check",
        };
        let waived = match unseen {
            0 => String::new(),
            count => format!("; waived and skipped: {count}"),
        };
        format!("passed{not_read}: {which} ran, and none failed at the threshold{waived}")
    }

    /// Whether a check failed at the severity from which that is a finding, whatever thresholds there are for numbers.
    fn has_finding_at_severity(&self) -> bool {
        let fails = |found: &Findings| {
            let from = self.fail_on_of(found);
            from.is_some_and(|from| found.fails_at(from))
        };
        self.findings.iter().any(fails)
    }

    /// Whether the scan was done, nothing was refused, no check was left undone, and
    /// cleanup was verified.
    pub fn done(&self) -> bool {
        matches!(self.verdict, Verdict::Passed | Verdict::Findings)
            && self.count(CheckStatus::Error) == 0
    }

    /// How many checks rest on what was read in the image and the container may have changed since.
    pub fn may_have_changed(&self) -> usize {
        let results = self.findings.iter().flat_map(|f| &f.results);
        results.filter(|result| result.may_have_changed).count()
    }

    /// Whether it was done and covers all of the profile and the target: tags or waivers left nothing out, and
    /// no check passed or failed on part of its data.
    pub fn complete(&self) -> bool {
        let whole = |f: &Findings| f.results.iter().all(|r| r.limits.is_empty());
        self.done()
            // What was read in the image says nothing of a container that may have changed it.
            && self.may_have_changed() == 0
            && self.selection().is_empty()
            && self.unseen().next().is_none()
            && (self.gaps().is_empty() || self.findings.iter().all(whole))
    }

    /// Entries without effect, by kind. Not yet safe to show.
    pub fn notes(&self) -> Vec<(&'static str, Vec<String>)> {
        let waivers = |list: fn(&WaiverSummary) -> &Vec<String>| {
            self.of_each(|f| f.waivers.as_ref().map(list).cloned().unwrap_or_default())
        };
        let thresholds = self.of_each(|f| {
            let outcome = f.thresholds.as_ref();
            outcome.map(|t| t.ignored.clone()).unwrap_or_default()
        });
        [
            ("expired waivers", waivers(|w| &w.expired)),
            ("unused waivers", waivers(|w| &w.unused)),
            ("unused allowances", self.unused_allowances.to_vec()),
            ("thresholds not applied", thresholds),
        ]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .collect()
    }
}
