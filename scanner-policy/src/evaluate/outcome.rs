//! What the values of a check's expressions mean.

use std::sync::Arc;

use cel::Value;
use scanner_core::escape::visible;

use crate::{
    check::{Check, Rule},
    evidence::Evidence,
    expression::Meter,
};

/// Characters of one item.
pub(super) const MAX_ITEM: usize = 300;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pass,
    Fail(Evidence),
    NotApplicable,
}

impl Evidence {
    /// Adds an item of `violations`; an error when it is none.
    pub(super) fn add(&mut self, item: &Value) -> Result<(), String> {
        match item {
            Value::String(text) => self.append(|| visible(text, MAX_ITEM)),
            Value::Int(number) => self.append(|| number.to_string()),
            other => return Err(wrong("an item of `violations`", "text or a number", other)),
        }
        Ok(())
    }

    pub(super) fn outcome(self) -> Outcome {
        if self.is_empty() {
            Outcome::Pass
        } else {
            Outcome::Fail(self)
        }
    }
}

pub(super) fn outcome(
    check: &Check,
    variables: &[(&str, Value)],
    meter: &Arc<Meter>,
) -> Result<Outcome, String> {
    if let Some(condition) = &check.applies_when
        && !applies(&condition.evaluate(variables, meter)?)?
    {
        return Ok(Outcome::NotApplicable);
    }
    let value = check.rule.expression().evaluate(variables, meter)?;
    of_rule(&check.rule, &value)
}

/// Reads the value of `applies_when`.
pub(super) fn applies(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(applies) => Ok(*applies),
        other => Err(wrong("`applies_when`", "true or false", other)),
    }
}

/// Reads the value of a rule.
pub(super) fn of_rule(rule: &Rule, value: &Value) -> Result<Outcome, String> {
    match (rule, value) {
        (Rule::Pass(_), Value::Bool(true)) => Ok(Outcome::Pass),
        (Rule::Pass(_), Value::Bool(false)) => Ok(Outcome::Fail(Evidence::default())),
        (Rule::Pass(_), other) => Err(wrong("`pass`", "true or false", other)),
        (Rule::Violations(_), Value::List(items)) => {
            let mut evidence = Evidence::default();
            for item in items.iter() {
                evidence.add(item)?;
            }
            Ok(evidence.outcome())
        }
        (Rule::Violations(_), other) => Err(wrong("`violations`", "a list", other)),
    }
}

pub(super) fn wrong(what: &str, expected: &str, got: &Value) -> String {
    format!("{what} must be {expected}, not {}", got.type_of())
}
