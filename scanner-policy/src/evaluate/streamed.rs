//! One check that is evaluated file by file.

use std::sync::Arc;

use cel::Value;
use scanner_core::{
    finding::CheckResult,
    inventory::{Coverage, FileEntry, FileKind, FileSelector, Inventory, Section, sink::FilesEnd},
};

use super::{
    classify::classify,
    entry::Entry,
    environment::with_removed,
    fold::{Folded, Folding},
    hidden::Hidden,
    origin::with_origin,
    outcome::{Outcome, applies, of_rule},
    seen::Seen,
};
use crate::{
    check::{Check, Rule},
    evidence::Evidence,
    expression::{Budget, Expression, Meter},
    reachability::Reachability,
};

/// A check that takes file by file.
pub(super) struct Streamed {
    meter: Arc<Meter>,
    hidden: Hidden,
    /// `None` where the check has no `applies_when`.
    condition: Option<Part>,
    rule: Part,
    /// A file without something that the check asks for.
    misses: Option<FileEntry>,
    /// Directories that the check names, each once: they are known, also where nobody may look into them.
    named: Vec<FileEntry>,
    /// Why it was stopped.
    stopped: Option<String>,
}

/// One of the expressions of a check.
enum Part {
    /// It does not read files.
    Known(Result<Value, String>),
    Folding(Box<Folding>),
}

impl Part {
    fn new(
        expression: &Expression,
        variables: &[(&str, Value)],
        meter: &Arc<Meter>,
    ) -> Option<Self> {
        if !expression.sections().contains(&Section::Files) {
            return Some(Self::Known(expression.evaluate(variables, meter)));
        }
        let ready = match expression.ready(variables, meter) {
            Ok(ready) => ready,
            Err(message) => return Some(Self::Known(Err(message))),
        };
        Some(Self::Folding(Box::new(Folding::new(expression, ready)?)))
    }

    /// Takes one file; returns whether the same file would count a second time.
    fn file(&mut self, expression: &Expression, entry: &mut Entry<'_>, hidden: Hidden) -> bool {
        match self {
            Self::Folding(folding) if !folding.is_done() => entry
                .value(hidden)
                .is_some_and(|file| folding.file(expression, file)),
            Self::Folding(_) | Self::Known(_) => false,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Folding(folding) => folding.is_done(),
        }
    }

    fn condition(self) -> Result<bool, String> {
        match self {
            Self::Known(value) => applies(&value?),
            Self::Folding(folding) => match folding.end()? {
                Folded::Bool(value) => Ok(value),
                // The type checker refuses a list there.
                Folded::Evidence(evidence) => Ok(!evidence.is_empty()),
            },
        }
    }

    fn outcome(self, rule: &Rule) -> Result<Outcome, String> {
        match self {
            Self::Known(value) => of_rule(rule, &value?),
            Self::Folding(folding) => Ok(match folding.end()? {
                Folded::Evidence(evidence) => evidence.outcome(),
                Folded::Bool(true) => Outcome::Pass,
                Folded::Bool(false) => Outcome::Fail(Evidence::default()),
            }),
        }
    }
}

impl Streamed {
    /// `None` where the check needs its files as a list. `variables` are all that it sees but the files.
    pub(super) fn new(check: &Check, variables: &[(&str, Value)], budget: Budget) -> Option<Self> {
        let meter = Arc::new(Meter::new(budget));
        let condition = check.applies_when.as_ref();
        let condition = match condition {
            Some(condition) => Some(Part::new(condition, variables, &meter)?),
            None => None,
        };
        let rule = Part::new(check.rule.expression(), variables, &meter)?;
        Some(Self {
            stopped: meter.within().err(),
            meter,
            hidden: Hidden::from(check),
            condition,
            rule,
            misses: None,
            named: Vec::new(),
        })
    }

    /// Takes one file, unless the check does not select it; `number` is that of the check.
    pub(super) fn file(
        &mut self,
        check: &Check,
        number: usize,
        entry: &mut Entry<'_>,
        seen: &mut Seen,
    ) {
        let done = self.stopped.is_some()
            || (self.rule.is_done() && self.condition.as_ref().is_none_or(Part::is_done));
        self.keep_named(check, entry.file);
        let whole = (self.hidden.digest && self.hidden.capabilities) || self.misses.is_some();
        if (done && whole) || !check.files.iter().any(|s| s.matches(entry.file)) {
            return;
        }
        if !whole && check.files.iter().any(|s| s.misses(entry.file)) {
            self.misses = Some(entry.file.clone());
        }
        if done {
            return;
        }
        let hash = entry.hash(seen);
        if seen.is_known(number, entry.file, hash) {
            return;
        }
        self.meter.next_file(Budget::PER_FILE);
        let mut counts = false;
        if let (Some(part), Some(condition)) = (&mut self.condition, &check.applies_when) {
            counts |= part.file(condition, entry, self.hidden);
        }
        counts |= self.rule.file(check.rule.expression(), entry, self.hidden);
        seen.took(number, entry.file, hash, counts);
        self.stopped = self.meter.within().err();
    }

    /// Keeps a directory that the check names; a profile has only so many names.
    fn keep_named(&mut self, check: &Check, file: &FileEntry) {
        let is_named = |s: &FileSelector| !s.walks() && s.matches(file);
        if file.kind == FileKind::Directory
            && check.files.iter().any(is_named)
            && self.named.iter().all(|known| known.path != file.path)
        {
            self.named.push(file.clone());
        }
    }

    /// The result, where `inventory` has every section but the files.
    pub(super) fn end(
        self,
        check: &Check,
        inventory: &Inventory,
        end: &FilesEnd,
        reach: &Reachability,
    ) -> CheckResult {
        let files = Inventory {
            files: end
                .coverage
                .clone()
                .with(self.misses.into_iter().chain(self.named).collect()),
            files_listed: end.listed,
            ..Inventory::default()
        };
        let coverage = |section| -> Coverage {
            match section {
                Section::Files => files.coverage_of(&check.files),
                other => inventory.section_coverage(other),
            }
        };
        let result = classify(check, coverage, reach, || {
            if let Some(message) = self.stopped {
                return Err(message);
            }
            match self.condition.map(Part::condition) {
                Some(Err(message)) => Err(message),
                Some(Ok(false)) => Ok(Outcome::NotApplicable),
                Some(Ok(true)) | None => self.rule.outcome(&check.rule),
            }
        });
        let result = with_removed(result, check, inventory);
        let read = end.from_image.as_ref().or(inventory.from_image.as_ref());
        with_origin(result, check, read, |filled| {
            files.filled_for(&check.files, filled)
        })
    }
}
