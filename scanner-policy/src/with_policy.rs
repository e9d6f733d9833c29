//! An engine whose findings go through waivers and thresholds.

use jiff::civil::Date;
use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{EngineRef, Findings, Severity},
    inventory::{FileEntry, Inventory, InventoryRequest, sink::FilesEnd},
};

use crate::{threshold::Thresholds, waiver::Waivers};

/// What a policy applies to the findings of an engine: waivers first, then thresholds.
///
/// The default has neither, demands nothing, and leaves findings as they are.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FindingRules {
    waivers: Option<Waivers>,
    /// Thresholds with the name of their file.
    thresholds: Option<(String, Thresholds)>,
    fail_on: Option<Severity>,
    complete: bool,
}

impl FindingRules {
    /// The same with waivers.
    #[must_use]
    pub fn with_waivers(mut self, waivers: impl Into<Option<Waivers>>) -> Self {
        self.waivers = waivers.into();
        self
    }

    /// The same with thresholds; `source` names their file in the report.
    #[must_use]
    pub fn with_thresholds(mut self, source: impl Into<String>, thresholds: Thresholds) -> Self {
        self.thresholds = Some((source.into(), thresholds));
        self
    }

    /// The same with a severity from which a failed check is a finding beside thresholds too. It has no effect
    /// without thresholds.
    #[must_use]
    pub fn with_fail_on(mut self, severity: impl Into<Option<Severity>>) -> Self {
        self.fail_on = severity.into();
        self
    }

    /// The same where a check passes only if everything that it asks for was read.
    #[must_use]
    pub const fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Applies the waivers as of `today` in UTC, then counts against the thresholds.
    #[must_use]
    pub fn apply(&self, mut findings: Findings, today: Date) -> Findings {
        if self.complete {
            findings.demand_complete();
        }
        if let Some(waivers) = &self.waivers {
            waivers.apply(&mut findings, today);
        }
        if let Some((source, thresholds)) = &self.thresholds {
            let mut outcome = thresholds.evaluate(&findings);
            outcome.source.clone_from(source);
            outcome.fail_on = self.fail_on;
            findings.thresholds = Some(outcome);
        }
        findings
    }
}

/// An engine, and the rules that its findings go through.
///
/// The rules apply to this engine alone: a waiver of a check does not cover a check of the same id in another engine,
/// and thresholds count these results only.
///
/// ```
/// use scanner_core::{ScanEngine as _, engine::Evaluation, inventory::Inventory};
/// use scanner_policy::{FindingRules, Profile, Thresholds, WithPolicy};
///
/// let rules = FindingRules::default()
///     .with_thresholds("inline", Thresholds::inline("failed.critical.max: 0")?);
/// let engine = WithPolicy::new(Profile::shipped("secrets")?, rules);
/// let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
/// let findings = engine.evaluate(&Inventory::default(), &today);
/// // Nothing was collected, so that no check failed, and none passed.
/// assert_eq!(findings.thresholds.map(|outcome| outcome.met), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithPolicy<E> {
    engine: E,
    rules: FindingRules,
}

impl<E: ScanEngine> WithPolicy<E> {
    /// `engine` with these rules.
    pub const fn new(engine: E, rules: FindingRules) -> Self {
        Self { engine, rules }
    }
}

impl<E: ScanEngine> ScanEngine for WithPolicy<E> {
    fn reference(&self) -> EngineRef {
        self.engine.reference()
    }

    fn request(&self) -> InventoryRequest {
        self.engine.request()
    }

    fn evaluate(&self, inventory: &Inventory, context: &Evaluation) -> Findings {
        let findings = self.engine.evaluate(inventory, context);
        self.rules.apply(findings, context.today)
    }

    fn by_entry(&self, context: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        let inner = self.engine.by_entry(context)?;
        Some(Box::new(Entries {
            inner,
            rules: self.rules.clone(),
            today: context.today,
        }))
    }
}

struct Entries {
    inner: Box<dyn EntryEvaluator>,
    rules: FindingRules,
    today: Date,
}

impl EntryEvaluator for Entries {
    fn sections(&mut self, inventory: &Inventory) {
        self.inner.sections(inventory);
    }

    fn file(&mut self, file: &FileEntry) {
        self.inner.file(file);
    }

    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings {
        self.rules.apply(self.inner.finish(files), self.today)
    }
}
