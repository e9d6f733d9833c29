//! Types of expressions: finds misspelt fields, wrong types and loops without bound before a scan.
//!
//! An expression may hide a wrong part behind `||` or an empty list, so trying it out is not enough.
//! Types of sections are taken from made-up items, so that they are always those of the inventory.

use std::{collections::BTreeMap, fmt, ops::Range, rc::Rc};

use cel::{
    Value,
    common::ast::{
        ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
    },
    objects::Key,
};
use scanner_core::inventory::Section;

/// What is known of the value of an expression.
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

    fn list(item: Self) -> Self {
        Self::List(Rc::new(item))
    }

    /// What both can be taken for; `None` when they have nothing in common.
    fn join(&self, other: &Self) -> Option<Self> {
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

/// What is wrong, and which characters of the expression are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeError {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
}

/// Names and what they hold, the innermost last.
type Scope = Vec<(String, Type)>;

/// Checks an expression against the types of its variables.
pub(crate) struct Checker<'a> {
    source: &'a SourceInfo,
    scope: Scope,
    /// Sections that are looped over around the place that is checked.
    loops: Vec<Section>,
}

/// Sections of which an agent's answer is kept so short that each item may be compared with each.
const COMPARABLE: [Section; 6] = [
    Section::Users,
    Section::Groups,
    Section::Shadow,
    Section::Env,
    Section::Commands,
    Section::Pod,
];

impl<'a> Checker<'a> {
    pub(crate) const fn new(source: &'a SourceInfo, variables: Scope) -> Self {
        Self {
            source,
            scope: variables,
            loops: Vec::new(),
        }
    }

    /// The type of `expr`.
    pub(crate) fn infer(&mut self, expr: &IdedExpr) -> Result<Type, TypeError> {
        match &expr.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Int,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Bytes(_) | LiteralValue::Null => Type::Any,
            }),
            Expr::Ident(name) => self.variable(expr, name),
            Expr::Select(select) => {
                let of = self.infer(&select.operand)?;
                match of {
                    Type::Record(fields) => match fields.get(&select.field) {
                        _ if select.test => Ok(Type::Bool),
                        Some(field) => Ok(field.clone()),
                        None => {
                            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                            let message = format!(
                                "there is no field {:?}: expected one of {}",
                                select.field,
                                known.join(", ")
                            );
                            Err(self.after_dot(expr, &select.field, message))
                        }
                    },
                    Type::Map(item) => Ok(if select.test {
                        Type::Bool
                    } else {
                        (*item).clone()
                    }),
                    Type::Any => Ok(if select.test { Type::Bool } else { Type::Any }),
                    other => {
                        let message = format!("{other} has no field {:?}", select.field);
                        Err(self.after_dot(expr, &select.field, message))
                    }
                }
            }
            Expr::List(list) => {
                let mut item = Type::Any;
                for element in &list.elements {
                    let next = self.infer(element)?;
                    item = item.join(&next).unwrap_or(Type::Any);
                }
                Ok(Type::list(item))
            }
            Expr::Map(map) => {
                let mut item = Type::Any;
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key)?;
                        let next = self.infer(&entry.value)?;
                        item = item.join(&next).unwrap_or(Type::Any);
                    }
                }
                Ok(Type::Map(Rc::new(item)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => {
                let target = call.target.as_ref().map(|t| self.infer(t)).transpose()?;
                let mut args = Vec::new();
                for arg in &call.args {
                    args.push(self.infer(arg)?);
                }
                let mut all: Vec<Type> = target.into_iter().collect();
                all.extend(args);
                self.call(expr, &call.func_name, &all)
            }
            Expr::Struct(_) | Expr::Unspecified => {
                Err(self.error(expr, "expected an expression without objects".into()))
            }
        }
    }

    fn variable(&self, expr: &IdedExpr, name: &str) -> Result<Type, TypeError> {
        let found = self.scope.iter().rev().find(|(known, _)| known == name);
        if let Some((_, of)) = found {
            return Ok(of.clone());
        }
        // Variables that macros make have names that nobody can write.
        let known = self.scope.iter().map(|(name, _)| name.as_str());
        let known: Vec<&str> = known.filter(|name| !name.starts_with('@')).collect();
        let message = format!(
            "there is no variable {name:?}: expected one of {}",
            known.join(", ")
        );
        Err(self.error(expr, message))
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> Result<Type, TypeError> {
        let item = match self.infer(&c.iter_range)? {
            Type::List(item) => (*item).clone(),
            Type::Map(_) | Type::Record(_) => Type::Text,
            Type::Any => Type::Any,
            other => {
                let message = format!("{other} has no items to go through");
                return Err(self.error(&c.iter_range, message));
            }
        };
        let over = sections_of(&c.iter_range);
        for inner in &over {
            let stalls =
                |outer: &&Section| !COMPARABLE.contains(outer) || !COMPARABLE.contains(inner);
            if let Some(outer) = self.loops.iter().find(stalls) {
                let message = format!(
                    "this goes through {inner} for each item of {outer}, with which a hostile target \
                     could stall a scan: expected one after the other; to find what is there more than \
                     once, use duplicates(list)"
                );
                return Err(self.error(&c.iter_range, message));
            }
        }
        let (depth, looped) = (self.scope.len(), self.loops.len());
        self.loops.extend(over);
        self.scope.push((c.iter_var.clone(), item));
        if let Some(second) = &c.iter_var2 {
            self.scope.push((second.clone(), Type::Any));
        }
        let start = self.infer(&c.accu_init)?;
        self.scope.push((c.accu_var.clone(), start.clone()));
        self.infer(&c.loop_cond)?;
        let step = self.infer(&c.loop_step)?;
        let end = start.join(&step).unwrap_or(Type::Any);
        self.scope.pop();
        self.scope.push((c.accu_var.clone(), end));
        let result = self.infer(&c.result);
        self.scope.truncate(depth);
        self.loops.truncate(looped);
        result
    }

    fn call(&self, expr: &IdedExpr, name: &str, args: &[Type]) -> Result<Type, TypeError> {
        let wrong = |expected: &str| {
            let got: Vec<String> = args.iter().map(Type::to_string).collect();
            let shown = name.trim_matches('_').trim_start_matches('@');
            let message = format!("{shown} takes {expected}, not {}", got.join(" and "));
            self.error(expr, message)
        };
        let all = |of: &Type| args.iter().all(|a| a.fits(of));
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                all(&Type::Bool)
                    .then_some(Type::Bool)
                    .ok_or_else(|| wrong("true or false"))
            }
            operators::NOT_STRICTLY_FALSE => Ok(Type::Bool),
            operators::EQUALS | operators::NOT_EQUALS => match args {
                [a, b] if !a.fits(b) => Err(wrong("two of a kind")),
                _ => Ok(Type::Bool),
            },
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => {
                if all(&Type::Int) || all(&Type::Double) || all(&Type::Text) {
                    Ok(Type::Bool)
                } else {
                    Err(wrong("two numbers or two texts"))
                }
            }
            operators::ADD => match args {
                [Type::Bool | Type::Record(_) | Type::Map(_), _] => {
                    Err(wrong("numbers, texts or lists"))
                }
                [Type::List(a), Type::List(b)] => Ok(Type::list(a.join(b).unwrap_or(Type::Any))),
                [a, b] => a
                    .join(b)
                    .ok_or_else(|| wrong("two of a kind; string(n) makes text of a number")),
                _ => Ok(Type::Any),
            },
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => {
                if all(&Type::Double) {
                    Ok(args.first().cloned().unwrap_or(Type::Int))
                } else {
                    Err(wrong("numbers"))
                }
            }
            operators::CONDITIONAL => match args {
                [condition, a, b] if condition.fits(&Type::Bool) => {
                    Ok(a.join(b).unwrap_or(Type::Any))
                }
                _ => Err(wrong("true or false before the question mark")),
            },
            operators::INDEX => match args {
                [Type::List(item), index] if index.fits(&Type::Int) => Ok((**item).clone()),
                [Type::Map(item), key] if key.fits(&Type::Text) => Ok((**item).clone()),
                [Type::Record(_) | Type::Any, _] => Ok(Type::Any),
                _ => Err(wrong("a list and a number, or a map and text")),
            },
            operators::IN => match args {
                [item, Type::List(items)] if !item.fits(items) => {
                    Err(wrong("a list of the same kind"))
                }
                [
                    _,
                    Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Any,
                ] => Ok(Type::Bool),
                _ => Err(wrong("a list or a map on the right")),
            },
            _ => self.function(expr, name, args, &wrong),
        }
    }

    fn function(
        &self,
        expr: &IdedExpr,
        name: &str,
        args: &[Type],
        wrong: &dyn Fn(&str) -> TypeError,
    ) -> Result<Type, TypeError> {
        let is = |n: usize, of: &Type| args.get(n).is_some_and(|a| a.fits(of));
        let all = |of: &Type| args.iter().all(|a| a.fits(of));
        let any_list = Type::list(Type::Any);
        match name {
            "size" => match args {
                [Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Text | Type::Any] => {
                    Ok(Type::Int)
                }
                _ => Err(wrong("a list, a map or text")),
            },
            "contains" | "startsWith" | "endsWith" | "matches" => (args.len() == 2
                && all(&Type::Text))
            .then_some(Type::Bool)
            .ok_or_else(|| wrong("two texts")),
            "mode_has" => (args.len() == 2 && is(0, &Type::Int) && is(1, &Type::Text))
                .then_some(Type::Bool)
                .ok_or_else(|| wrong("a number and octal bits in quotes")),
            "octal" => (args.len() == 1 && is(0, &Type::Int))
                .then_some(Type::Text)
                .ok_or_else(|| wrong("a number")),
            "duplicates" => (args.len() == 1 && is(0, &any_list))
                .then(|| args.first().cloned().unwrap_or(any_list))
                .ok_or_else(|| wrong("a list")),
            "string" => (args.len() == 1)
                .then_some(Type::Text)
                .ok_or_else(|| wrong("one value")),
            "int" => (args.len() == 1)
                .then_some(Type::Int)
                .ok_or_else(|| wrong("one value")),
            "double" => (args.len() == 1)
                .then_some(Type::Double)
                .ok_or_else(|| wrong("one value")),
            "max" | "min" | "dyn" | "type" => Ok(Type::Any),
            other => {
                let message = format!(
                    "there is no function {other:?}: expected one of size, contains, startsWith, \
                     endsWith, matches, string, int, double, max, min, mode_has, octal, duplicates, \
                     or a macro: all, exists, exists_one, filter, map, has"
                );
                Err(self.error(expr, message))
            }
        }
    }

    fn error(&self, expr: &IdedExpr, message: String) -> TypeError {
        let range = self.source.offset_for(expr.id).map_or(0..1, |(from, to)| {
            let (from, to) = (from as usize, to as usize);
            from..(to + 1).max(from + 1)
        });
        TypeError { range, message }
    }

    /// A selection's own place is its dot: its field stands after it.
    fn after_dot(&self, expr: &IdedExpr, field: &str, message: String) -> TypeError {
        let mut error = self.error(expr, message);
        let start = error.range.start + 1;
        error.range = start..start + field.chars().count();
        error
    }
}

/// Sections whose items are gone through in a range; what a loop variable holds is small.
fn sections_of(range: &IdedExpr) -> Vec<Section> {
    let mut found = Vec::new();
    let mut left = vec![range];
    while let Some(expr) = left.pop() {
        match &expr.expr {
            Expr::Ident(name) => found.extend(Section::from_name(name)),
            Expr::Select(select) => left.push(&select.operand),
            Expr::Comprehension(inner) => left.push(&inner.iter_range),
            Expr::Call(call) => {
                left.extend(call.target.as_deref());
                left.extend(&call.args);
            }
            _ => {}
        }
    }
    found.retain(|s| *s != Section::Pod);
    found
}
