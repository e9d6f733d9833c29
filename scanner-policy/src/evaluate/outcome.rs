//! What the expressions of a check say of the values that it sees.

use cel::Value;

use crate::check::{Check, Rule};

pub(super) enum Outcome {
    Pass,
    Fail(Vec<String>),
    NotApplicable,
}

pub(super) fn outcome(check: &Check, variables: &[(&str, Value)]) -> Result<Outcome, String> {
    if let Some(condition) = &check.applies_when {
        match condition.evaluate(variables)? {
            Value::Bool(true) => {}
            Value::Bool(false) => return Ok(Outcome::NotApplicable),
            other => return Err(wrong("`applies_when`", "true or false", &other)),
        }
    }
    match &check.rule {
        Rule::Pass(expression) => match expression.evaluate(variables)? {
            Value::Bool(true) => Ok(Outcome::Pass),
            Value::Bool(false) => Ok(Outcome::Fail(Vec::new())),
            other => Err(wrong("`pass`", "true or false", &other)),
        },
        Rule::Violations(expression) => match expression.evaluate(variables)? {
            Value::List(items) if items.is_empty() => Ok(Outcome::Pass),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.to_string()),
                    Value::Int(number) => Ok(number.to_string()),
                    other => Err(wrong("an item of `violations`", "text or a number", other)),
                })
                .collect::<Result<_, _>>()
                .map(Outcome::Fail),
            other => Err(wrong("`violations`", "a list", &other)),
        },
    }
}

fn wrong(what: &str, expected: &str, got: &Value) -> String {
    format!("{what} must be {expected}, not {}", got.type_of())
}
