//! Profiles: YAML with one CEL expression for each check, compiled to one inventory request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use scanner_core::{
    finding::{ProfileRef, Severity},
    inventory::{FileSelector, InventoryRequest, Section},
};
use serde::Deserialize;
use serde_saphyr::Spanned;
use sha2::{Digest as _, Sha256};

use crate::expression::Expression;

/// Largest profile in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A compiled profile.
#[derive(Debug)]
pub struct Profile {
    pub(crate) reference: ProfileRef,
    pub(crate) checks: Vec<Check>,
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ProfileError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong and what was expected.
    pub message: String,
}

/// What a check's pass claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Everything was looked at: with parts missing the check is an error.
    #[default]
    Full,
    /// What the agent could reach; the report says that a part was not.
    Reachable,
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) rationale: String,
    pub(crate) fix: String,
    pub(crate) scope: Scope,
    pub(crate) files: Vec<FileSelector>,
    pub(crate) commands: BTreeSet<String>,
    pub(crate) applies_when: Option<Expression>,
    pub(crate) rule: Rule,
    /// Sections that its expressions read.
    pub(crate) sections: BTreeSet<Section>,
}

#[derive(Debug)]
pub(crate) enum Rule {
    /// True when all is well.
    Pass(Expression),
    /// A list of what is wrong; empty when all is well.
    Violations(Expression),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    name: Spanned<String>,
    version: String,
    title: String,
    checks: Spanned<Vec<RawCheck>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    id: Spanned<String>,
    title: String,
    severity: Severity,
    rationale: String,
    fix: String,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    files: Vec<FileSelector>,
    #[serde(default)]
    commands: BTreeSet<String>,
    #[serde(default)]
    applies_when: Option<Spanned<String>>,
    #[serde(default)]
    pass: Option<Spanned<String>>,
    #[serde(default)]
    violations: Option<Spanned<String>>,
}

impl Profile {
    /// Reads and compiles a profile; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on YAML that is not a profile and on expressions that cannot
    /// be compiled or that fail on made-up data.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let at = Place { file };
        if text.len() > MAX_BYTES {
            return Err(at.whole(format!("a profile has at most {MAX_BYTES} bytes")));
        }
        let raw: RawProfile = serde_saphyr::from_str(text).map_err(|e| at.yaml(&e))?;
        at.identifier(&raw.name)?;
        if raw.checks.value.is_empty() {
            return Err(at.error(&raw.checks, "a profile needs at least one check".into()));
        }
        let mut ids = BTreeSet::new();
        let mut checks = Vec::new();
        for check in raw.checks.value {
            if !ids.insert(check.id.value.clone()) {
                let message = format!("there is another check with id {:?}", check.id.value);
                return Err(at.error(&check.id, message));
            }
            checks.push(at.check(check)?);
        }
        let profile = Self {
            reference: ProfileRef {
                name: raw.name.value,
                version: raw.version,
                title: raw.title,
                digest: hex(&Sha256::digest(text.as_bytes())),
                inputs: BTreeMap::default(),
                selection: Vec::new(),
            },
            checks,
        };
        Ok(profile)
    }

    /// Name, version, title and digest.
    pub fn reference(&self) -> &ProfileRef {
        &self.reference
    }

    /// Ids of the checks, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.id.as_str())
    }

    /// What one check alone asks of an agent; `None` when there is no such check, or when it
    /// reads nothing but the pod's specification.
    pub fn request_of(&self, id: &str) -> Option<InventoryRequest> {
        let check = self.checks.iter().find(|c| c.id == id)?;
        let asks = check.sections.iter().any(|s| *s != Section::Pod);
        asks.then(|| Self::request_for(std::slice::from_ref(check)))
    }

    pub(crate) fn compiled_request(&self) -> InventoryRequest {
        Self::request_for(&self.checks)
    }

    fn request_for(checks: &[Check]) -> InventoryRequest {
        let mut request = InventoryRequest::default();
        for check in checks {
            request.sections.extend(&check.sections);
            request.files.extend(check.files.iter().cloned());
            request.commands.extend(check.commands.iter().cloned());
        }
        request
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Place<'a> {
    file: &'a str,
}

impl Place<'_> {
    fn whole(&self, message: String) -> ProfileError {
        ProfileError {
            file: self.file.to_owned(),
            line: 0,
            column: 0,
            message,
        }
    }

    fn yaml(&self, error: &serde_saphyr::Error) -> ProfileError {
        let location = error.location();
        ProfileError {
            line: location.map_or(0, |l| l.line()),
            column: location.map_or(0, |l| l.column()),
            ..self.whole(error.without_snippet().to_string())
        }
    }

    fn error<T>(&self, at: &Spanned<T>, message: String) -> ProfileError {
        ProfileError {
            line: at.defined.line(),
            column: at.defined.column(),
            ..self.whole(message)
        }
    }

    fn identifier(&self, id: &Spanned<String>) -> Result<(), ProfileError> {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !id.value.is_empty() && id.value.len() <= 64 && id.value.chars().all(kebab) {
            return Ok(());
        }
        let expected = "expected at most 64 lower-case letters, digits and '-'";
        Err(self.error(id, format!("{:?} is not a name: {expected}", id.value)))
    }

    fn compile(&self, source: &Spanned<String>) -> Result<Expression, ProfileError> {
        Expression::compile(&source.value).map_err(|message| self.error(source, message))
    }

    fn check(&self, raw: RawCheck) -> Result<Check, ProfileError> {
        self.identifier(&raw.id)?;
        let source = match (&raw.pass, &raw.violations) {
            (Some(one), None) | (None, Some(one)) => one.clone(),
            _ => {
                let message = "a check has either `pass` (true when all is well) or `violations` \
                               (a list of what is wrong)";
                return Err(self.error(&raw.id, message.into()));
            }
        };
        let expression = self.compile(&source)?;
        let applies_when = raw
            .applies_when
            .as_ref()
            .map(|s| self.compile(s))
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
                return Err(self.error(&source, message));
            }
        }
        for selector in &raw.files {
            selector_error(selector).map_or(Ok(()), |e| Err(self.error(&raw.id, e)))?;
        }
        let rule = if raw.pass.is_some() {
            Rule::Pass(expression)
        } else {
            Rule::Violations(expression)
        };
        let check = Check {
            id: raw.id.value,
            title: raw.title,
            severity: raw.severity,
            rationale: raw.rationale,
            fix: raw.fix,
            scope: raw.scope,
            files: raw.files,
            commands: raw.commands,
            applies_when,
            rule,
            sections,
        };
        crate::evaluate::try_out(&check).map_err(|message| self.error(&source, message))?;
        Ok(check)
    }
}

fn selector_error(selector: &FileSelector) -> Option<String> {
    for path in selector.paths.iter().chain(&selector.under) {
        if !path.starts_with('/') || path.chars().any(char::is_control) {
            return Some(format!(
                "{path:?} is not an absolute path without control characters"
            ));
        }
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
