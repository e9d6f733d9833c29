//! What the expressions of a check say of the values that it sees.

use std::sync::Arc;

use cel::Value;
use scanner_core::escape::visible;

use crate::{
    check::{Check, Rule},
    expression::Meter,
};

/// Items of evidence that are kept.
const MAX_EVIDENCE: usize = 20;
/// Characters of one item.
pub(super) const MAX_ITEM: usize = 300;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pass,
    Fail(Evidence),
    NotApplicable,
}

/// What is wrong: the first items, and how many there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) kept: Vec<String>,
    pub(super) total: u64,
}

impl Evidence {
    /// Adds an item of `violations`; an error when it is none.
    pub(super) fn add(&mut self, item: &Value) -> Result<(), String> {
        let keeps = self.kept.len() < MAX_EVIDENCE;
        match item {
            Value::String(text) if keeps => self.kept.push(visible(text, MAX_ITEM)),
            Value::Int(number) if keeps => self.kept.push(number.to_string()),
            Value::String(_) | Value::Int(_) => {}
            other => return Err(wrong("an item of `violations`", "text or a number", other)),
        }
        self.total += 1;
        Ok(())
    }

    pub(super) fn outcome(self) -> Outcome {
        if self.total == 0 {
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

/// What the value of `applies_when` says.
pub(super) fn applies(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(applies) => Ok(*applies),
        other => Err(wrong("`applies_when`", "true or false", other)),
    }
}

/// What the value of a rule says.
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
