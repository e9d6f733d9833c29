//! How large an expression may be: the parser and the interpreter recurse into nested parts, on one stack.

use std::ops::Range;

use cel::common::ast::IdedExpr;

use super::shape::children;
use crate::types::TypeError;

/// Characters of an expression.
pub(crate) const MAX_SOURCE: usize = 8_192;
/// Brackets within each other.
const MAX_BRACKETS: usize = 32;
/// Operators, dots and square brackets, beside `&&`, `||` and commas: each may be a level of its own.
const MAX_OPERATORS: usize = 400;
/// Levels of what is parsed. Shipped expressions have 11; without optimizations, a level takes up to 50 KiB of the stack,
/// and threads have 2 MiB.
const MAX_DEPTH: usize = 24;
/// Parts of what is parsed.
const MAX_PARTS: usize = 1_000;

/// Refuses source that is too large or too deeply nested for the parser.
pub(super) fn source(source: &str) -> Result<(), TypeError> {
    let wrong = |range: Range<usize>, message: String| Err(TypeError { range, message });
    let length = source.chars().count();
    if length > MAX_SOURCE {
        return wrong(
            0..1,
            format!("the expression has {length} characters: expected at most {MAX_SOURCE}"),
        );
    }
    let (mut open, mut operators, mut quote, mut escaped) = (0_usize, 0_usize, None, false);
    for (at, c) in source.chars().enumerate() {
        if let Some(end) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == end {
                quote = None;
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '{' => open += 1,
            '[' => {
                open += 1;
                operators += 1;
            }
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '+' | '-' | '*' | '/' | '%' | '!' | '?' | '.' | '<' | '>' | '=' => operators += 1,
            _ => {}
        }
        if open > MAX_BRACKETS {
            let message = format!("expected at most {MAX_BRACKETS} brackets within each other");
            return wrong(at..at + 1, message);
        }
        if operators > MAX_OPERATORS {
            let message = format!(
                "expected at most {MAX_OPERATORS} operators, dots and square brackets: make several checks of this one"
            );
            return wrong(at..at + 1, message);
        }
    }
    Ok(())
}

/// The number of parts, or what is wrong with it.
pub(super) fn parsed(expr: &IdedExpr) -> Result<usize, String> {
    let (mut count, mut left) = (0, vec![(expr, 1)]);
    while let Some((expr, depth)) = left.pop() {
        count += 1;
        if depth > MAX_DEPTH {
            return Err(format!(
                "the expression has more than {MAX_DEPTH} levels: make several checks of it"
            ));
        }
        if count > MAX_PARTS {
            return Err(format!(
                "the expression has more than {MAX_PARTS} parts: make several checks of it"
            ));
        }
        left.extend(children(expr).into_iter().map(|part| (part, depth + 1)));
    }
    Ok(count)
}
