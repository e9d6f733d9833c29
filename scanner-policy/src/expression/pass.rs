//! Which expressions go through `files` once, so that they can be evaluated file by file.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use scanner_core::inventory::Section;

use super::shape::{Shape, children};

/// How the values of an expression for single files combine to its value for all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// Their lists, one after the other.
    Lists,
    /// True or false: one file decides.
    Decides {
        /// The value that decides.
        by: bool,
        /// Whether a later file that decides undoes an error, as in `all` and `exists`.
        absorbs: bool,
    },
}

/// One pass over `files`.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) fold: Fold,
    /// The lists that come before the value, the innermost first: an error of an earlier one comes before any error of
    /// a later one, whichever file it is about.
    pub(super) stages: Vec<&'a IdedExpr>,
}

/// The pass that an expression is; `None` when it reads `files` in another way.
pub(super) fn find(expr: &IdedExpr) -> Option<Found<'_>> {
    if mentions(expr) != 1 {
        return None;
    }
    let (mut expr, mut negated) = (expr, false);
    while let Expr::Call(call) = &expr.expr
        && call.func_name == operators::LOGICAL_NOT
        && let [inner] = call.args.as_slice()
    {
        expr = inner;
        negated = !negated;
    }
    let decides = |by: bool, absorbs, stages| {
        let by = by != negated;
        Some(Found {
            fold: Fold::Decides { by, absorbs },
            stages,
        })
    };
    if let Expr::Comprehension(c) = &expr.expr {
        let stages = stages(&c.iter_range)?;
        return match Shape::of(c) {
            Shape::All => decides(false, true, stages),
            Shape::Exists => decides(true, true, stages),
            Shape::List { .. } if !negated => Some(Found {
                fold: Fold::Lists,
                stages,
            }),
            Shape::List { .. } | Shape::Other => None,
        };
    }
    let Expr::Call(call) = &expr.expr else {
        return None;
    };
    let [left, right] = call.args.as_slice() else {
        return None;
    };
    // Whether a list that is not empty makes it true.
    match (call.func_name.as_str(), is_zero(left), is_zero(right)) {
        (operators::EQUALS, false, true) => decides(false, false, sized(left)?),
        (operators::EQUALS, true, false) => decides(false, false, sized(right)?),
        (operators::NOT_EQUALS | operators::GREATER, false, true) => {
            decides(true, false, sized(left)?)
        }
        (operators::NOT_EQUALS | operators::LESS, true, false) => {
            decides(true, false, sized(right)?)
        }
        _ => None,
    }
}

/// The lists from `files` to this one, `files` itself left out.
fn stages(expr: &IdedExpr) -> Option<Vec<&IdedExpr>> {
    match &expr.expr {
        Expr::Ident(name) if name == Section::Files.name() => Some(Vec::new()),
        Expr::Comprehension(c) if matches!(Shape::of(c), Shape::List { .. }) => {
            let mut all = stages(&c.iter_range)?;
            all.push(expr);
            Some(all)
        }
        _ => None,
    }
}

fn sized(expr: &IdedExpr) -> Option<Vec<&IdedExpr>> {
    match &expr.expr {
        Expr::Call(call) if call.func_name == "size" => {
            match (&call.target, call.args.as_slice()) {
                (Some(list), []) => stages(list),
                (None, [list]) => stages(list),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_zero(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Int(n)) if *n.inner() == 0)
}

/// How often `files` is named, also where a loop gives the name to something else.
pub(super) fn mentions(expr: &IdedExpr) -> usize {
    let (mut count, mut left) = (0, vec![expr]);
    while let Some(expr) = left.pop() {
        let named = match &expr.expr {
            Expr::Ident(name) => name == Section::Files.name(),
            Expr::Comprehension(c) => c.iter_var == Section::Files.name(),
            _ => false,
        };
        count += usize::from(named);
        left.extend(children(expr));
    }
    count
}
