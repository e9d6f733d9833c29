//! Compiles a check, tries it out on made-up data, and reports what is wrong with it.

use scanner_core::inventory::{FileSelector, Section};
use serde_saphyr::Spanned;

use super::Loader;
use crate::{
    check::{Check, Rule},
    evaluate,
    expression::Expression,
    profile::{
        error::{Place, ProfileError, ProfileWarning},
        raw::RawCheck,
    },
    types::Type,
};

/// Most parts of the expressions of all checks; each takes memory as long as the profile lives.
const MAX_PARTS: usize = 100_000;

impl Loader<'_> {
    pub(super) fn check(&mut self, at: &Place, raw: RawCheck) -> Result<Check, ProfileError> {
        at.identifier(&raw.id)?;
        let (source, wanted) = match (&raw.pass, &raw.violations) {
            (Some(one), None) => (one, Type::Bool),
            (None, Some(one)) => (one, Type::List(Type::Any.into())),
            _ => {
                let message = "a check has either `pass` (true when all is well) or `violations` \
                               (a list of what is wrong)";
                return Err(at.error(&raw.id, message.into()));
            }
        };
        let expression = self.compile(at, source, &wanted)?;
        let applies_when = raw.applies_when.as_ref();
        let applies_when = applies_when
            .map(|condition| self.compile(at, condition, &Type::Bool))
            .transpose()?;
        let mut sections = expression.sections().clone();
        sections.extend(applies_when.iter().flat_map(Expression::sections));
        for (used, given, field) in [
            (Section::Files, raw.files.is_empty(), "files"),
            (Section::Commands, raw.commands.is_empty(), "commands"),
        ] {
            if sections.contains(&used) == given {
                let message = format!(
                    "`{field}` says what to collect and the expression reads it: expected both or neither"
                );
                return Err(at.error(source, message));
            }
        }
        for selector in &raw.files {
            selector_error(selector).map_or(Ok(()), |e| Err(at.error(&raw.id, e)))?;
        }
        if let Some(name) = raw.commands.iter().find(|name| !is_command(name)) {
            let message =
                format!("{name:?} is not the name of a command: expected a name without a path");
            return Err(at.error(&raw.id, message));
        }
        let place = source.clone();
        let rule = match wanted {
            Type::Bool => Rule::Pass(expression),
            _ => Rule::Violations(expression),
        };
        let check = Check {
            id: raw.id.value,
            title: raw.title,
            fails: raw.fails,
            severity: raw.severity,
            rationale: raw.rationale,
            fix: raw.fix,
            tags: raw.tags,
            references: raw.references,
            scope: raw.scope,
            scope_because: raw.scope_because,
            files: raw.files,
            commands: raw.commands,
            applies_when,
            rule,
            sections,
            disabled: None,
        };
        let tried = evaluate::try_out(&check, &self.samples, &self.inputs);
        tried.map_err(|message| at.error(&place, message))?;
        if needs_list(&check) {
            let message = format!(
                "check {:?} needs its files as a list: in a scan of more than {} files that such checks select, it is an \
                 error. Expected one pass over them, such as files.filter(f, ...).map(f, ...), files.all(f, ...) or \
                 files.exists(f, ...)",
                check.id,
                evaluate::MAX_LISTED
            );
            self.warnings
                .push(ProfileWarning(at.error(&place, message)));
        }
        Ok(check)
    }

    fn compile(
        &mut self,
        at: &Place,
        source: &Spanned<String>,
        wanted: &Type,
    ) -> Result<Expression, ProfileError> {
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|(name, input)| (name.clone(), input.kind.r#type()));
        let types = self.samples.types(inputs.collect());
        let compiled = Expression::compile(&source.value, types, wanted, &self.patterns);
        let compiled = compiled.map_err(|e| at.within(source, e.range, e.message))?;
        self.parts += compiled.parts;
        if self.parts > MAX_PARTS {
            let message = format!(
                "the expressions of a profile have at most {MAX_PARTS} parts, with those of the profiles that it extends"
            );
            return Err(at.error(source, message));
        }
        for name in compiled.inputs() {
            if let Some(input) = self.inputs.get_mut(name) {
                input.read = true;
            }
        }
        Ok(compiled)
    }
}

impl Place {
    pub(super) fn identifier(&self, id: &Spanned<String>) -> Result<(), ProfileError> {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !id.value.is_empty() && id.value.len() <= 64 && id.value.chars().all(kebab) {
            return Ok(());
        }
        let expected = "expected at most 64 lower-case letters, digits and '-'";
        Err(self.error(id, format!("{:?} is not a name: {expected}", id.value)))
    }
}

/// Whether it cannot be evaluated file by file.
fn needs_list(check: &Check) -> bool {
    let mut expressions = check.expressions();
    expressions.any(|e| e.sections().contains(&Section::Files) && e.pass().is_none())
}

fn is_command(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+._-".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

fn selector_error(selector: &FileSelector) -> Option<String> {
    for path in selector.paths.iter().chain(&selector.under) {
        if !path.starts_with('/') || path.chars().any(char::is_control) {
            return Some(format!(
                "{path:?} is not an absolute path without control characters"
            ));
        }
    }
    if selector.follow && (selector.walks() || selector.digest || selector.capabilities) {
        return Some(
            "follow goes with paths, and with neither digest nor capabilities: what a link leads to is looked at, not read"
                .into(),
        );
    }
    let unread = |given: &Option<String>, bits: Option<u32>| {
        given.is_some() && bits.is_none_or(|b| b > 0o7777)
    };
    if unread(&selector.mode_any, selector.mode_bits_any())
        || unread(&selector.mode_none, selector.mode_bits_none())
    {
        return Some("a mode is octal, at most 7777, in quotes: expected such as \"6000\"".into());
    }
    None
}
