//! What is known about a value, and type errors.

use std::{collections::BTreeMap, fmt, ops::Range, rc::Rc};

use cel::{Value, objects::Key};

/// What is known about the value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Not known; anything fits.
    Any,
    Bool,
    Int,
    Double,
    Text,
    List(Rc<Self>),
    /// Names with values of one type.
    Map(Rc<Self>),
    /// Fields by name.
    Record(Rc<BTreeMap<String, Self>>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Int => "a number",
            Self::Double => "a fraction",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Record(_) => "an item with fields",
        })
    }
}

impl Type {
    /// The type of a made-up value.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self::Bool,
            Value::Int(_) | Value::UInt(_) => Self::Int,
            Value::Float(_) => Self::Double,
            Value::String(_) => Self::Text,
            Value::List(items) => Self::list(items.first().map_or(Self::Any, Self::of)),
            Value::Map(map) => {
                let fields = map.map.iter().filter_map(|(key, value)| match key {
                    Key::String(name) => Some((name.to_string(), Self::of(value))),
                    _ => None,
                });
                Self::Record(Rc::new(fields.collect()))
            }
            _ => Self::Any,
        }
    }

    pub(super) fn list(item: Self) -> Self {
        Self::List(Rc::new(item))
    }

    /// The type that both fit; `None` if they have nothing in common.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, known) | (known, Self::Any) => Some(known.clone()),
            (Self::List(a), Self::List(b)) => Some(Self::list(a.join(b)?)),
            (Self::Map(a), Self::Map(b)) => Some(Self::Map(Rc::new(a.join(b)?))),
            (Self::Int, Self::Double) | (Self::Double, Self::Int) => Some(Self::Double),
            _ => (self == other).then(|| self.clone()),
        }
    }

    pub(crate) fn fits(&self, wanted: &Self) -> bool {
        self.join(wanted).is_some()
    }
}

/// A type error, and the characters of the expression that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeError {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
}
