//! Inputs: values that a profile leaves to its users, typed, used in expressions as `inputs.NAME`.

use std::collections::{BTreeMap, HashMap};

use cel::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::types::Type;

/// The default of a date input that stands for the day of the scan.
const TODAY: &str = "today";

/// What an input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// true or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// A list of texts; on the command line separated by commas.
    List,
    /// Names with one text each; on the command line `name=text,name=text`.
    Map,
    /// A day as YYYY-MM-DD; the default `today` is the day of the scan.
    Date,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Text => "text",
            Self::List => "list",
            Self::Map => "map",
            Self::Date => "date",
        }
    }

    /// The type of its values in an expression.
    pub(crate) fn r#type(self) -> Type {
        match self {
            Self::Map => Type::Map(Type::Text.into()),
            other => Type::of(&other.sample()),
        }
    }

    /// A value of this kind, for trying out expressions.
    pub(crate) fn sample(self) -> Value {
        match self {
            Self::Boolean => Value::Bool(true),
            Self::Integer => Value::Int(0),
            Self::Text => text("text"),
            Self::List => Value::List(vec![text("item")].into()),
            Self::Map => map([("name".to_owned(), "text".to_owned())].into()),
            Self::Date => text("2026-01-01"),
        }
    }

    /// Reads a value from YAML.
    pub(crate) fn of_yaml(self, value: &serde_json::Value) -> Result<Option<Value>, String> {
        use serde_json::Value as Yaml;
        let wrong = || Err(format!("expected {}", self.expected()));
        let word = |v: &Yaml| match v {
            Yaml::String(text) => Some(text.clone()),
            Yaml::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Ok(Some(match (self, value) {
            (Self::Boolean, Yaml::Bool(b)) => Value::Bool(*b),
            (Self::Integer, Yaml::Number(n)) => match n.as_i64() {
                Some(n) => Value::Int(n),
                None => return wrong(),
            },
            (Self::Text, Yaml::String(t)) => text(t),
            (Self::Date, Yaml::String(t)) if t == TODAY => return Ok(None),
            (Self::Date, Yaml::String(t)) if is_date(t) => text(t),
            (Self::List, Yaml::Array(items)) => {
                let Some(items) = items.iter().map(word).collect::<Option<Vec<_>>>() else {
                    return wrong();
                };
                Value::List(items.iter().map(|t| text(t)).collect::<Vec<_>>().into())
            }
            (Self::Map, Yaml::Object(fields)) => {
                let fields = fields.iter().map(|(k, v)| Some((k.clone(), word(v)?)));
                let Some(fields) = fields.collect::<Option<BTreeMap<_, _>>>() else {
                    return wrong();
                };
                map(fields)
            }
            _ => return wrong(),
        }))
    }

    /// Reads a value as it is typed on a command line.
    pub(crate) fn of_word(self, word: &str) -> Result<Value, String> {
        let wrong = || {
            format!(
                "{word:?} is not a valid {}: expected {}",
                self.name(),
                self.expected()
            )
        };
        let parts = || word.split(',').filter(|p| !p.is_empty());
        match self {
            Self::Boolean => word.parse().map(Value::Bool).map_err(|_| wrong()),
            Self::Integer => word.parse().map(Value::Int).map_err(|_| wrong()),
            Self::Text => Ok(text(word)),
            Self::Date if is_date(word) => Ok(text(word)),
            Self::Date => Err(wrong()),
            Self::List => Ok(Value::List(parts().map(text).collect::<Vec<_>>().into())),
            Self::Map => {
                let pairs = parts().map(|p| {
                    let (name, value) = p.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                });
                pairs.collect::<Option<_>>().map(map).ok_or_else(wrong)
            }
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Text => "text in quotes",
            Self::List => "a list of texts",
            Self::Map => "names with one text each",
            Self::Date => "a day such as \"2026-01-31\", in quotes, or today",
        }
    }
}

/// A declared input and its value.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) kind: Kind,
    pub(crate) description: String,
    /// `None` when it must be set, or is the day of the scan.
    pub(crate) value: Option<Value>,
    /// Whether its value is the day of the scan.
    pub(crate) today: bool,
    /// The default, for a reader.
    pub(crate) default: String,
    /// Whether a check reads it.
    pub(crate) read: bool,
}

impl Input {
    /// A day as the value of an input.
    pub(crate) fn day(day: jiff::civil::Date) -> Value {
        text(&day.to_string())
    }

    /// Whether it has a value in every scan.
    pub(crate) const fn is_set(&self) -> bool {
        self.value.is_some() || self.today
    }

    /// Its value in a scan on that day.
    pub(crate) fn value_on(&self, today: &Value) -> Option<Value> {
        let value = self.value.clone();
        value.or_else(|| self.today.then(|| today.clone()))
    }
}

/// A value for a reader.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::String(t) => t.to_string(),
        Value::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Map(fields) => {
            let fields = fields.map.iter();
            let mut all: Vec<String> = fields.map(|(k, v)| format!("{k}={}", shown(v))).collect();
            all.sort();
            all.join(",")
        }
        _ => String::new(),
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned().into())
}

fn map(fields: BTreeMap<String, String>) -> Value {
    let fields: HashMap<String, String> = fields.into_iter().collect();
    Value::Map(fields.into())
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok() && text.len() == "YYYY-MM-DD".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_values_of_their_kind_or_are_refused() {
        for (kind, word, shows) in [
            (Kind::Boolean, "true", "true"),
            (Kind::Integer, "-3", "-3"),
            (Kind::Text, "a,b", "a,b"),
            (Kind::List, "a,b", "a,b"),
            (Kind::Map, "b=2,a=1", "a=1,b=2"),
            (Kind::Date, "2026-02-28", "2026-02-28"),
        ] {
            assert_eq!(kind.of_word(word).map(|v| shown(&v)), Ok(shows.to_owned()));
        }
        for (kind, word) in [
            (Kind::Boolean, "yes"),
            (Kind::Integer, "1.5"),
            (Kind::Map, "a"),
            (Kind::Date, "2026-02-30"),
            (Kind::Date, "today"),
            (Kind::Date, "20260228"),
        ] {
            assert!(kind.of_word(word).is_err(), "{word}");
        }
    }
}
