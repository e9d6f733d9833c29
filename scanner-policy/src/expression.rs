//! One CEL expression over the sections of an inventory (see cel.dev for the language).

mod bounds;
mod counted;
mod functions;
mod homes;
mod meter;
mod names;
mod pass;
pub(crate) mod places;
mod shape;
#[cfg(test)]
mod tests;
mod undecided;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use cel::{
    Context, ExecutionError, Program, Value,
    common::ast::{Expr, IdedExpr, LiteralValue},
    common::value::Val,
};
use scanner_core::{escape::visible, inventory::Section};

use crate::types::{Checker, Type, TypeError};

use counted::Counter;
use shape::children;

pub(crate) use functions::Patterns;
pub(crate) use meter::{Budget, Meter};
pub(crate) use names::INPUTS;
pub(crate) use pass::Fold;

/// A compiled expression and what it reads.
#[derive(Debug)]
pub(crate) struct Expression {
    /// What is evaluated, which counts what it costs.
    counted: IdedExpr,
    pub(crate) source: String,
    /// How many parts it was parsed to.
    pub(crate) parts: usize,
    sections: BTreeSet<Section>,
    /// Sections that its functions read if they are known.
    beside: BTreeSet<Section>,
    inputs: BTreeSet<String>,
    pass: Option<Pass>,
    patterns: Arc<Patterns>,
}

/// One pass over `files`, by which an expression is evaluated file by file.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) fold: Fold,
    /// The lists before the value, the innermost first.
    stages: Vec<IdedExpr>,
}

impl Pass {
    /// How many lists come before the value.
    pub(crate) fn stages(&self) -> usize {
        self.stages.len()
    }
}

impl Expression {
    /// Compiles `source`, which must be of type `wanted` where variables have those `types`; the
    /// error says what was expected, and where.
    pub(crate) fn compile(
        source: &str,
        types: Vec<(String, Type)>,
        wanted: &Type,
        patterns: &Arc<Patterns>,
    ) -> Result<Self, TypeError> {
        bounds::source(source)?;
        let program = Program::compile(source).map_err(|errors| syntax(source, &errors))?;
        let whole = 0..source.chars().count();
        let parts = bounds::parsed(program.expression()).map_err(|message| TypeError {
            range: whole.clone(),
            message,
        })?;
        let mut sections = BTreeSet::new();
        for name in program.references().variables() {
            // Variables of macros are written as calls bind them; only known names are sections.
            if let Some(section) = Section::from_name(name) {
                sections.insert(section);
            }
        }
        let mut checker = Checker::new(program.source_info(), types);
        let found = checker.infer(program.expression())?;
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
        let (mut inputs, mut beside) = (BTreeSet::new(), BTreeSet::new());
        walk(program.expression(), &mut |expr| match &expr.expr {
            Expr::Select(select) if matches!(&select.operand.expr, Expr::Ident(n) if n == INPUTS) =>
            {
                inputs.insert(select.field.clone());
                Ok(())
            }
            Expr::Call(call) if call.func_name == homes::IS_HOME => {
                sections.insert(Section::Users);
                Ok(())
            }
            Expr::Call(call) if !places::read_by(&call.func_name).is_empty() => {
                beside.extend(places::read_by(&call.func_name));
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
        let types = checker.into_types();
        let rewrite = |expr: &IdedExpr| Counter::new(&types).rewrite(expr);
        let counted = rewrite(program.expression());
        let pass = pass::find(program.expression()).map(|found| Pass {
            fold: found.fold,
            stages: found.stages.into_iter().map(rewrite).collect(),
        });
        Ok(Self {
            counted,
            source: source.to_owned(),
            parts,
            sections,
            beside,
            inputs,
            pass,
            patterns: Arc::clone(patterns),
        })
    }

    pub(crate) fn sections(&self) -> &BTreeSet<Section> {
        &self.sections
    }

    /// Sections that its functions read if these are known. If not, the functions answer as they do for an image.
    pub(crate) fn beside(&self) -> &BTreeSet<Section> {
        &self.beside
    }

    /// Names of the inputs that it reads.
    pub(crate) fn inputs(&self) -> &BTreeSet<String> {
        &self.inputs
    }

    /// How it goes through `files` once; `None` when it does not read them, or reads them in another way.
    pub(crate) const fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// Evaluates it with `variables`, which hold at least [`Expression::sections`] and the inputs.
    pub(crate) fn evaluate(
        &self,
        variables: &[(&str, Value)],
        meter: &Arc<Meter>,
    ) -> Result<Value, String> {
        self.ready(variables, meter)?.evaluate(self)
    }

    /// Makes ready for many evaluations with the same `variables`.
    pub(crate) fn ready(
        &self,
        variables: &[(&str, Value)],
        meter: &Arc<Meter>,
    ) -> Result<Ready, String> {
        let context = functions::context(meter, &self.patterns);
        let mut context = context.map_err(|e| e.to_string())?;
        if self.sections.contains(&Section::Users) {
            homes::add(&mut context, variables).map_err(|e| e.to_string())?;
        }
        if !self.beside.is_empty() {
            places::add(&mut context, variables).map_err(|e| e.to_string())?;
        }
        for (name, value) in variables {
            context.add_variable_from_value(*name, value.clone());
        }
        Ok(Ready {
            context,
            meter: Arc::clone(meter),
        })
    }
}

/// Variables and functions of an expression.
pub(crate) struct Ready {
    context: Context<'static, 'static>,
    meter: Arc<Meter>,
}

impl Ready {
    pub(crate) fn evaluate(&self, expression: &Expression) -> Result<Value, String> {
        self.resolve(&expression.counted)
    }

    fn resolve(&self, expr: &IdedExpr) -> Result<Value, String> {
        let value = Value::resolve(expr, &self.context);
        // The budget comes first: `||` may hide its error.
        self.meter.within()?;
        value.map_err(|error| match error {
            // These are the words of the profile.
            ExecutionError::FunctionError { function, message }
                if function == undecided::NOT_CHECKED =>
            {
                visible(&message, 300)
            }
            error => visible(&error.to_string(), 300),
        })
    }

    /// Evaluates a pass with one file alone.
    pub(crate) fn of_file(
        &mut self,
        expression: &Expression,
        file: Box<dyn Val>,
    ) -> Result<Value, FileError> {
        let files = cel::common::types::CelList::from(vec![file]);
        let files: Box<dyn Val> = Box::new(files);
        self.context
            .add_variable_as_val(Section::Files.name(), files);
        self.evaluate(expression).map_err(|message| {
            let before = expression.pass.as_ref().map(|pass| &pass.stages);
            let before = before.into_iter().flatten();
            let stage = before
                .take_while(|stage| self.resolve(stage).is_ok())
                .count();
            FileError { stage, message }
        })
    }
}

/// Why a pass has no value for a file.
pub(crate) struct FileError {
    /// How many lists before the value were made without an error.
    pub(crate) stage: usize,
    pub(crate) message: String,
}

/// A regular expression that cannot be compiled; one that is not a literal is not known before.
fn pattern_error(pattern: &IdedExpr) -> Option<String> {
    let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
        return None;
    };
    let error = functions::compile(text.inner()).err()?;
    Some(visible(&error, 200))
}

type Found = Result<(), (u64, String)>;

/// Calls `see` with each part of an expression.
fn walk(expr: &IdedExpr, see: &mut dyn FnMut(&IdedExpr) -> Found) -> Found {
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        see(expr)?;
        left.extend(children(expr));
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
    // An error at the end of the source points to its last character.
    let last = source.chars().count().saturating_sub(1);
    let start = (before + column - 1).min(last);
    TypeError {
        range: start..start + 1,
        message: format!("not a CEL expression: {}", visible(message, 300)),
    }
}
