//! One compiled check of a profile.

use std::collections::BTreeSet;

use scanner_core::{
    finding::{CheckResult, Severity},
    inventory::{FileSelector, Section},
};

use crate::{expression::Expression, profile::raw::Scope};

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) id: String,
    /// How it should be.
    pub(crate) title: String,
    /// What is wrong where it fails; empty where the profile does not say.
    pub(crate) fails: String,
    pub(crate) severity: Severity,
    pub(crate) rationale: String,
    pub(crate) fix: String,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) references: Vec<String>,
    pub(crate) scope: Scope,
    /// Why; empty where the profile does not say.
    pub(crate) scope_because: String,
    pub(crate) files: Vec<FileSelector>,
    pub(crate) commands: BTreeSet<String>,
    pub(crate) applies_when: Option<Expression>,
    pub(crate) rule: Rule,
    /// Sections that its expressions read.
    pub(crate) sections: BTreeSet<Section>,
    /// Why an overlay disables it.
    pub(crate) disabled: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Rule {
    /// Expression that is true when all is well.
    Pass(Expression),
    /// Expression that lists what is wrong; empty when all is well.
    Violations(Expression),
}

impl Rule {
    pub(crate) const fn expression(&self) -> &Expression {
        match self {
            Self::Pass(expression) | Self::Violations(expression) => expression,
        }
    }
}

impl Check {
    /// Its result, not evaluated yet.
    pub(crate) fn result(&self) -> CheckResult {
        let mut result = CheckResult::new(&self.id, &self.title, self.severity)
            .with_failing_title(&self.fails)
            .with_advice(&self.rationale, &self.fix);
        result.tags = self.tags.iter().cloned().collect();
        result.references.clone_from(&self.references);
        result
    }

    /// Every expression that it evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        [self.rule.expression()]
            .into_iter()
            .chain(&self.applies_when)
    }
}
