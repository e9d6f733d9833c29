//! One CEL expression over the sections of an inventory (see cel.dev for the language).

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::Arc,
};

use cel::{
    Context, ExecutionError, Program, Value,
    common::ast::{Expr, IdedExpr, LiteralValue},
};
use scanner_core::{escape::visible, inventory::Section};

use crate::types::{Checker, Type, TypeError};

/// The variable that holds a profile's inputs.
pub(crate) const INPUTS: &str = "inputs";

/// A compiled expression and what it reads.
#[derive(Debug)]
pub(crate) struct Expression {
    program: Program,
    pub(crate) source: String,
    sections: BTreeSet<Section>,
    inputs: BTreeSet<String>,
}

impl Expression {
    /// Compiles `source`, which must be of type `wanted` where variables have those `types`; the
    /// error says what was expected, and where.
    pub(crate) fn compile(
        source: &str,
        types: Vec<(String, Type)>,
        wanted: &Type,
    ) -> Result<Self, TypeError> {
        let program = Program::compile(source).map_err(|errors| syntax(source, &errors))?;
        let mut sections = BTreeSet::new();
        for name in program.references().variables() {
            // Variables of macros are written as calls bind them; only known names are sections.
            if let Some(section) = Section::from_name(name) {
                sections.insert(section);
            }
        }
        let whole = 0..source.chars().count();
        let found = Checker::new(program.source_info(), types).infer(program.expression())?;
        if sections.is_empty() {
            let names: Vec<&str> = Section::ALL.iter().map(|s| s.name()).collect();
            return Err(TypeError {
                range: whole,
                message: format!(
                    "the expression reads nothing of the target; expected one of {}",
                    names.join(", ")
                ),
            });
        }
        if !found.fits(wanted) {
            let message = format!("this is {found}: expected {wanted}");
            return Err(TypeError {
                range: whole,
                message,
            });
        }
        let mut inputs = BTreeSet::new();
        walk(program.expression(), &mut |expr| match &expr.expr {
            Expr::Select(select) if matches!(&select.operand.expr, Expr::Ident(n) if n == INPUTS) =>
            {
                inputs.insert(select.field.clone());
                Ok(())
            }
            Expr::Call(call) if call.func_name == "matches" => match call.args.last() {
                Some(pattern) => {
                    pattern_error(pattern).map_or(Ok(()), |message| Err((pattern.id, message)))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        })
        .map_err(|(id, message)| TypeError {
            range: place(&program, id),
            message,
        })?;
        Ok(Self {
            source: source.to_owned(),
            program,
            sections,
            inputs,
        })
    }

    pub(crate) fn sections(&self) -> &BTreeSet<Section> {
        &self.sections
    }

    /// Names of the inputs that it reads.
    pub(crate) fn inputs(&self) -> &BTreeSet<String> {
        &self.inputs
    }

    /// Evaluates it with `variables`, which hold at least [`Expression::sections`] and the inputs.
    pub(crate) fn evaluate(&self, variables: &[(&str, Value)]) -> Result<Value, String> {
        let mut context = Context::default();
        for (name, value) in variables {
            context.add_variable_from_value(*name, value.clone());
        }
        let added = context
            .add_function("mode_has", |mode: i64, bits: Arc<String>| {
                bits_of(&bits).map(|bits| mode & bits != 0)
            })
            .and_then(|()| context.add_function("octal", |mode: i64| format!("{mode:04o}")))
            .and_then(|()| context.add_function("duplicates", duplicates));
        added.map_err(|e| e.to_string())?;
        self.program
            .execute(&context)
            .map_err(|e| visible(&e.to_string(), 300))
    }
}

fn bits_of(bits: &str) -> Result<i64, ExecutionError> {
    i64::from_str_radix(bits, 8)
        .map_err(|_| ExecutionError::function_error("mode_has", "expected octal bits"))
}

/// Numbers and texts that are in the list more than once, each once, in time linear in the list.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that the interpreter calls"
)]
fn duplicates(items: Arc<Vec<Value>>) -> Value {
    let (mut seen, mut reported) = (HashSet::new(), HashSet::new());
    let twice = items.iter().filter(|item| {
        let key = match item {
            Value::Int(number) => (Some(*number), None),
            Value::String(text) => (None, Some(Arc::clone(text))),
            _ => return false,
        };
        !seen.insert(key.clone()) && reported.insert(key)
    });
    Value::List(twice.cloned().collect::<Vec<_>>().into())
}

/// A regular expression that cannot be compiled; one that is not a literal is not known before.
fn pattern_error(pattern: &IdedExpr) -> Option<String> {
    let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
        return None;
    };
    let mut context = Context::default();
    context.add_variable_from_value("pattern", text.inner().to_owned());
    let program = Program::compile("''.matches(pattern)").ok()?;
    let error = program.execute(&context).err()?;
    Some(format!(
        "not a regular expression: {}",
        visible(&error.to_string(), 200)
    ))
}

type Found = Result<(), (u64, String)>;

/// Calls `see` with each part of an expression.
fn walk(expr: &IdedExpr, see: &mut dyn FnMut(&IdedExpr) -> Found) -> Found {
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        see(expr)?;
        match &expr.expr {
            Expr::Select(select) => left.push(&select.operand),
            Expr::List(list) => left.extend(&list.elements),
            Expr::Comprehension(c) => left.extend([
                &c.iter_range,
                &c.accu_init,
                &c.loop_cond,
                &c.loop_step,
                &c.result,
            ]),
            Expr::Call(call) => {
                left.extend(call.target.as_deref());
                left.extend(&call.args);
            }
            _ => {}
        }
    }
    Ok(())
}

fn place(program: &Program, id: u64) -> Range<usize> {
    let found = program.source_info().offset_for(id);
    found.map_or(0..1, |(from, to)| from as usize..to as usize + 1)
}

fn syntax(source: &str, errors: &cel::ParseErrors) -> TypeError {
    let first = errors.errors.first();
    let message = first.map_or("malformed", |e| e.msg.as_str());
    let (line, column) = first.map_or((1, 1), |e| e.pos);
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let column = usize::try_from(column).unwrap_or(1).max(1);
    let before: usize = source
        .split_inclusive('\n')
        .take(line - 1)
        .map(|l| l.chars().count())
        .sum();
    // At its end nothing is left to point at but the last character.
    let last = source.chars().count().saturating_sub(1);
    let start = (before + column - 1).min(last);
    TypeError {
        range: start..start + 1,
        message: format!("not a CEL expression: {}", visible(message, 300)),
    }
}
