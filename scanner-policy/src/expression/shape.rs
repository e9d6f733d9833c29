//! The forms of macros: the comprehensions of `all`, `exists`, `filter` and `map`.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

/// How a comprehension makes its result.
pub(super) enum Shape<'a> {
    /// A list: `items` for each item for which `guard` is true. The interpreter has a fast way for exactly this form.
    List {
        guard: Option<&'a IdedExpr>,
        items: &'a [IdedExpr],
    },
    /// True when all are true.
    All,
    /// True when one is true.
    Exists,
    /// Something else, such as `exists_one`.
    Other,
}

impl<'a> Shape<'a> {
    pub(super) fn of(c: &'a ComprehensionExpr) -> Self {
        let accu = |expr: &IdedExpr| matches!(&expr.expr, Expr::Ident(name) if *name == c.accu_var);
        let Expr::Call(step) = &c.loop_step.expr else {
            return Self::Other;
        };
        match (step.func_name.as_str(), step.args.as_slice()) {
            (operators::LOGICAL_AND, [first, _]) if accu(first) && accu(&c.result) => Self::All,
            (operators::LOGICAL_OR, [first, _]) if accu(first) && accu(&c.result) => Self::Exists,
            _ => {
                let empty =
                    matches!(&c.accu_init.expr, Expr::List(list) if list.elements.is_empty());
                let always = matches!(c.loop_cond.expr, Expr::Literal(_));
                let appended = |expr: &'a IdedExpr| match &expr.expr {
                    Expr::Call(add) if add.func_name == operators::ADD => match add.args.as_slice()
                    {
                        [
                            first,
                            IdedExpr {
                                expr: Expr::List(list),
                                ..
                            },
                        ] if accu(first) => Some(list.elements.as_slice()),
                        _ => None,
                    },
                    _ => None,
                };
                let list = match (step.func_name.as_str(), step.args.as_slice()) {
                    (operators::CONDITIONAL, [guard, then, fallback]) if accu(fallback) => {
                        appended(then).map(|items| (Some(guard), items))
                    }
                    _ => appended(&c.loop_step).map(|items| (None, items)),
                };
                match list {
                    Some((guard, items)) if empty && always && accu(&c.result) => {
                        Self::List { guard, items }
                    }
                    _ => Self::Other,
                }
            }
        }
    }
}

/// A call of a function without a receiver.
pub(super) fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    made(Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    }))
}

pub(super) fn boolean(value: bool) -> IdedExpr {
    made(Expr::Literal(LiteralValue::Boolean(value.into())))
}

pub(super) fn number(value: usize) -> IdedExpr {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    made(Expr::Literal(LiteralValue::Int(value.into())))
}

/// A part that nobody wrote, which therefore has no place in the source.
pub(super) fn made(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

/// The parts of a part.
pub(super) fn children(expr: &IdedExpr) -> Vec<&IdedExpr> {
    use cel::common::ast::EntryExpr;
    match &expr.expr {
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(c) => vec![
            &c.iter_range,
            &c.accu_init,
            &c.loop_cond,
            &c.loop_step,
            &c.result,
        ],
        Expr::Call(call) => call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter();
            let both = entries.flat_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
                EntryExpr::StructField(field) => vec![&field.value],
            });
            both.collect()
        }
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}
