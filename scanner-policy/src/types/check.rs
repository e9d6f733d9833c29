//! Goes through an expression with the types of its variables, and keeps its loops bounded.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use scanner_core::inventory::Section;

use super::model::{Type, TypeError};

/// Names and what they hold, the innermost last.
type Scope = Vec<(String, Type)>;

/// Checks an expression against the types of its variables.
pub(crate) struct Checker<'a> {
    source: &'a SourceInfo,
    scope: Scope,
    /// Sections that are looped over around the place that is checked.
    loops: Vec<Section>,
    /// The type of each part, by its number.
    types: HashMap<u64, Type>,
}

/// Sections whose answers are kept so short that each item may be compared with each.
const COMPARABLE: [Section; 6] = [
    Section::Users,
    Section::Groups,
    Section::Shadow,
    Section::Env,
    Section::Commands,
    Section::Pod,
];

impl<'a> Checker<'a> {
    pub(crate) fn new(source: &'a SourceInfo, variables: Scope) -> Self {
        Self {
            source,
            scope: variables,
            loops: Vec::new(),
            types: HashMap::new(),
        }
    }

    /// The type of each part, by its number; unknown if parts of one number differ.
    pub(crate) fn into_types(self) -> HashMap<u64, Type> {
        self.types
    }

    /// The type of `expr`.
    pub(crate) fn infer(&mut self, expr: &IdedExpr) -> Result<Type, TypeError> {
        let found = self.part(expr)?;
        let known = self.types.entry(expr.id).or_insert_with(|| found.clone());
        if *known != found {
            *known = Type::Any;
        }
        Ok(found)
    }

    fn part(&mut self, expr: &IdedExpr) -> Result<Type, TypeError> {
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
                        // A record has each of its fields, and no other: `has` of one is a typo.
                        Some(_) if select.test => Ok(Type::Bool),
                        Some(field) => Ok(field.clone()),
                        None if select.test => {
                            Err(self.error(&select.operand, no_field(&fields, &select.field)))
                        }
                        None => {
                            let message = no_field(&fields, &select.field);
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
                if let Some(field) = self.named_field(call, &all)? {
                    return Ok(field);
                }
                self.call(expr, &call.func_name, &all)
            }
            Expr::Struct(_) | Expr::Unspecified => {
                Err(self.error(expr, "expected an expression without objects".into()))
            }
        }
    }

    /// The field of a record that an index or `in` names literally; one that does not exist is an error.
    fn named_field(&self, call: &CallExpr, types: &[Type]) -> Result<Option<Type>, TypeError> {
        let ((operators::INDEX, [Type::Record(fields), _], [_, name])
        | (operators::IN, [_, Type::Record(fields)], [name, _])) =
            (call.func_name.as_str(), types, &*call.args)
        else {
            return Ok(None);
        };
        let Expr::Literal(LiteralValue::String(field)) = &name.expr else {
            return Ok(None);
        };
        let field: &str = field;
        match fields.get(field) {
            Some(of) if call.func_name == operators::INDEX => Ok(Some(of.clone())),
            Some(_) => Ok(Some(Type::Bool)),
            None => Err(self.error(name, no_field(fields, field))),
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

    pub(super) fn error(&self, expr: &IdedExpr, message: String) -> TypeError {
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

fn no_field(fields: &BTreeMap<String, Type>, field: &str) -> String {
    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
    format!(
        "there is no field {field:?}: expected one of {}",
        known.join(", ")
    )
}

/// Sections whose items a range goes through; the value of a loop variable is small.
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
