//! One CEL expression over the sections of an inventory (see cel.dev for the language).

use std::collections::BTreeSet;

use cel::{Context, Program, Value};
use scanner_core::{escape::visible, inventory::Section};

/// A compiled expression and the sections that it reads.
#[derive(Debug)]
pub(crate) struct Expression {
    program: Program,
    sections: BTreeSet<Section>,
}

impl Expression {
    /// Compiles `source`; the error says what was expected.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let program = Program::compile(source)
            .map_err(|e| format!("not a CEL expression: {}", visible(&e.to_string(), 300)))?;
        let references = program.references();
        let mut sections = BTreeSet::new();
        for name in references.variables() {
            // Variables of macros are written as calls bind them; only known names are sections.
            if let Some(section) = Section::from_name(name) {
                sections.insert(section);
            }
        }
        if sections.is_empty() {
            let names: Vec<&str> = Section::ALL.iter().map(|s| s.name()).collect();
            return Err(format!(
                "the expression reads nothing of the target; expected one of {}",
                names.join(", ")
            ));
        }
        Ok(Self { program, sections })
    }

    pub(crate) fn sections(&self) -> &BTreeSet<Section> {
        &self.sections
    }

    /// Evaluates it with `variables`, which hold at least [`Expression::sections`].
    pub(crate) fn evaluate(&self, variables: &[(Section, Value)]) -> Result<Value, String> {
        let mut context = Context::default();
        for (section, value) in variables {
            context.add_variable_from_value(section.name(), value.clone());
        }
        context
            .add_function("mode_has", |mode: i64, bits: std::sync::Arc<String>| {
                bits_of(&bits).map(|bits| mode & bits != 0)
            })
            .map_err(|e| e.to_string())?;
        context
            .add_function("octal", |mode: i64| format!("{mode:04o}"))
            .map_err(|e| e.to_string())?;
        self.program
            .execute(&context)
            .map_err(|e| visible(&e.to_string(), 300))
    }
}

fn bits_of(bits: &str) -> Result<i64, cel::ExecutionError> {
    i64::from_str_radix(bits, 8)
        .map_err(|_| cel::ExecutionError::function_error("mode_has", "expected octal bits"))
}
