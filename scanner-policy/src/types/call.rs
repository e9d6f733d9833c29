//! Operators and functions: the types of their operands and of their values.

use cel::common::ast::{IdedExpr, operators};

use super::{
    check::Checker,
    model::{Type, TypeError},
};

impl Checker<'_> {
    pub(super) fn call(
        &self,
        expr: &IdedExpr,
        name: &str,
        args: &[Type],
    ) -> Result<Type, TypeError> {
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
            "is_home" | "is_read_only" | "is_private_volume" | "is_from_kubelet"
            | "is_termination_log" => (args.len() == 1 && all(&Type::Text))
                .then_some(Type::Bool)
                .ok_or_else(|| wrong("a path")),
            "older" => (args.len() == 2 && all(&Type::Text))
                .then_some(Type::Bool)
                .ok_or_else(|| wrong("two versions as texts")),
            "not_checked" => (args.len() == 1 && all(&Type::Text))
                .then_some(Type::Text)
                .ok_or_else(|| wrong("a text that gives the reason")),
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
                     older, not_checked, is_home, is_read_only, is_private_volume, is_from_kubelet, \
                     is_termination_log, \
                     or a macro: all, exists, exists_one, filter, map, has"
                );
                Err(self.error(expr, message))
            }
        }
    }
}
