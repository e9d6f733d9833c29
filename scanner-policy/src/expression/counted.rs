//! Rewrites an expression so that what it costs is counted.
//!
//! The interpreter counts nothing. Therefore each loop takes steps for each item, and each value that an operator, a
//! function or a loop goes through or copies is measured first. Values that the size of the source bounds are not measured,
//! and neither are numbers and booleans of an inventory: such an operand costs nothing.

use std::collections::HashMap;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, ListExpr, LiteralValue,
    MapEntryExpr, MapExpr, SelectExpr, operators,
};
use scanner_core::inventory::Section;

use super::{
    functions::{KEEP, MATCHES, READ, STEP, SUM},
    names::INPUTS,
    shape::{Shape, boolean, call, children, number},
};
use crate::types::Type;

/// Rewrites one expression.
pub(super) struct Counter<'a> {
    /// What the type checker found each part to be.
    types: &'a HashMap<u64, Type>,
    /// Variables of loops, and whether each holds unchanged items of an inventory: only for those are the types known.
    scope: Vec<(String, bool)>,
}

impl<'a> Counter<'a> {
    pub(super) const fn new(types: &'a HashMap<u64, Type>) -> Self {
        Self {
            types,
            scope: Vec::new(),
        }
    }

    pub(super) fn rewrite(&mut self, expr: &IdedExpr) -> IdedExpr {
        let rewritten = match &expr.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {
                expr.expr.clone()
            }
            Expr::Select(select) => Expr::Select(SelectExpr {
                operand: Box::new(self.rewrite(&select.operand)),
                field: select.field.clone(),
                test: select.test,
            }),
            Expr::List(list) => Expr::List(ListExpr {
                elements: list.elements.iter().map(|e| self.kept(e)).collect(),
                optional_indices: list.optional_indices.clone(),
            }),
            Expr::Map(map) => Expr::Map(MapExpr {
                entries: map.entries.iter().map(|e| self.entry(e)).collect(),
            }),
            Expr::Comprehension(c) => Expr::Comprehension(Box::new(self.comprehension(c))),
            Expr::Call(call) => return self.call(expr.id, call),
        };
        IdedExpr {
            id: expr.id,
            expr: rewritten,
        }
    }

    fn entry(&mut self, entry: &IdedEntryExpr) -> IdedEntryExpr {
        let expr = match &entry.expr {
            EntryExpr::MapEntry(e) => EntryExpr::MapEntry(MapEntryExpr {
                key: self.kept(&e.key),
                value: self.kept(&e.value),
                optional: e.optional,
            }),
            // The type checker refuses objects.
            field @ EntryExpr::StructField(_) => field.clone(),
        };
        IdedEntryExpr { id: entry.id, expr }
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> ComprehensionExpr {
        let mut counted = c.clone();
        counted.iter_range = self.read(&c.iter_range);
        let depth = self.scope.len();
        let plain = self.plain(&c.iter_range);
        self.scope.push((c.iter_var.clone(), plain));
        self.scope
            .extend(c.iter_var2.iter().map(|name| (name.clone(), false)));
        self.scope.push((c.accu_var.clone(), false));
        let step = call(STEP, vec![number(own_size(c))]);
        let ended = |then, fallback| call(operators::CONDITIONAL, vec![step, then, fallback]);
        if let Shape::List { guard, items } = Shape::of(c) {
            let accu = || c.result.clone();
            let items = items.iter().map(|item| self.kept(item)).collect();
            let items = IdedExpr {
                id: 0,
                expr: Expr::List(ListExpr::new(items)),
            };
            let guard = guard.map_or_else(|| boolean(true), |guard| self.rewrite(guard));
            let add = call(operators::ADD, vec![accu(), items]);
            counted.loop_step = call(
                operators::CONDITIONAL,
                vec![ended(guard, boolean(false)), add, accu()],
            );
        } else {
            // An error of the step may be absorbed by a later item, one of the condition ends the loop.
            counted.loop_cond = ended(c.loop_cond.clone(), boolean(false));
            counted.loop_step = self.rewrite(&c.loop_step);
        }
        self.scope.truncate(depth);
        counted
    }

    fn call(&mut self, id: u64, of: &CallExpr) -> IdedExpr {
        let mut all: Vec<&IdedExpr> = of.target.as_deref().into_iter().collect();
        all.extend(&of.args);
        let name = of.func_name.as_str();
        match (name, all.as_slice()) {
            (
                operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::NOT_STRICTLY_FALSE
                | operators::CONDITIONAL
                | operators::INDEX,
                _,
            ) => self.same(id, of, Self::rewrite),
            (operators::ADD, [left, right]) if !self.is_cheap(left) || !self.is_cheap(right) => {
                let both = vec![self.rewrite(left), self.rewrite(right)];
                IdedExpr {
                    id,
                    ..call(SUM, both)
                }
            }
            // As long as the shorter of both.
            (operators::EQUALS | operators::NOT_EQUALS, [left, right])
                if self.is_cheap(left) || self.is_cheap(right) =>
            {
                self.same(id, of, Self::rewrite)
            }
            (operators::IN, [item, list]) if is_literal_list(list) => {
                let item = self.rewrite(item);
                let args = vec![item, (*list).clone()];
                IdedExpr {
                    id,
                    ..call(operators::IN, args)
                }
            }
            ("startsWith" | "endsWith", [_, literal]) if self.is_cheap(literal) => {
                self.same(id, of, Self::rewrite)
            }
            ("matches", [text, pattern]) => {
                let both = vec![self.rewrite(text), self.read(pattern)];
                IdedExpr {
                    id,
                    ..call(MATCHES, both)
                }
            }
            ("max" | "min" | "duplicates" | "dyn" | "type", _) => self.same(id, of, Self::kept),
            _ => self.same(id, of, Self::read),
        }
    }

    /// The same call, with each operand changed by `how`.
    fn same(
        &mut self,
        id: u64,
        of: &CallExpr,
        how: fn(&mut Self, &IdedExpr) -> IdedExpr,
    ) -> IdedExpr {
        let target = of.target.as_ref();
        let target = target.map(|target| Box::new(how(self, target)));
        let args = of.args.iter().map(|arg| how(self, arg)).collect();
        IdedExpr {
            id,
            expr: Expr::Call(CallExpr {
                func_name: of.func_name.clone(),
                target,
                args,
            }),
        }
    }

    fn read(&mut self, expr: &IdedExpr) -> IdedExpr {
        self.measured(READ, expr)
    }

    fn kept(&mut self, expr: &IdedExpr) -> IdedExpr {
        self.measured(KEEP, expr)
    }

    fn measured(&mut self, how: &str, expr: &IdedExpr) -> IdedExpr {
        let rewritten = self.rewrite(expr);
        if self.is_cheap(expr) {
            return rewritten;
        }
        call(how, vec![rewritten])
    }

    /// Whether its value is no larger than the source allows, whatever a target has.
    fn is_cheap(&self, expr: &IdedExpr) -> bool {
        match &expr.expr {
            Expr::Literal(_) => true,
            // The loop itself counts what it makes of its items, so its own variable is not measured again.
            Expr::Ident(name) if name.starts_with('@') => true,
            Expr::Select(select) if select.test => true,
            Expr::Ident(_) | Expr::Select(_) => {
                let scalar = |of: &Type| matches!(of, Type::Bool | Type::Int | Type::Double);
                self.plain(expr) && self.types.get(&expr.id).is_some_and(scalar)
            }
            Expr::Comprehension(c) => matches!(c.accu_init.expr, Expr::Literal(_)),
            Expr::Call(call) => match call.func_name.as_str() {
                operators::ADD => call.args.iter().all(|arg| self.is_cheap(arg)),
                operators::CONDITIONAL => call.args.iter().skip(1).all(|arg| self.is_cheap(arg)),
                "max" | "min" | "dyn" | "type" | "duplicates" | "string" | operators::INDEX => {
                    false
                }
                // The others make numbers, true or false, and short texts.
                _ => true,
            },
            _ => false,
        }
    }

    /// Whether it is an unchanged part of an inventory, or a list of such parts.
    fn plain(&self, expr: &IdedExpr) -> bool {
        match &expr.expr {
            Expr::Ident(name) => {
                let bound = self.scope.iter().rev().find(|(known, _)| known == name);
                bound.map_or_else(
                    || name == INPUTS || Section::from_name(name).is_some(),
                    |(_, plain)| *plain,
                )
            }
            Expr::Select(select) => !select.test && self.plain(&select.operand),
            Expr::Comprehension(c) => {
                let keeps = |items: &[IdedExpr]| matches!(items, [IdedExpr { expr: Expr::Ident(name), .. }] if *name == c.iter_var);
                matches!(Shape::of(c), Shape::List { items, .. } if keeps(items))
                    && self.plain(&c.iter_range)
            }
            _ => false,
        }
    }
}

fn is_literal_list(expr: &IdedExpr) -> bool {
    let literal = |expr: &IdedExpr| matches!(expr.expr, Expr::Literal(_));
    matches!(&expr.expr, Expr::List(list) if list.elements.iter().all(literal))
}

/// The parts that are evaluated for each item, and the text in them; loops within count for themselves.
fn own_size(c: &ComprehensionExpr) -> usize {
    let (mut count, mut left) = (0, vec![&c.loop_cond, &c.loop_step]);
    while let Some(expr) = left.pop() {
        count += match &expr.expr {
            Expr::Literal(LiteralValue::String(text)) => 1 + text.inner().len() / 64,
            _ => 1,
        };
        match &expr.expr {
            Expr::Comprehension(inner) => left.push(&inner.iter_range),
            _ => left.extend(children(expr)),
        }
    }
    count
}
