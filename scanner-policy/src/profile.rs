//! Profiles: YAML with one CEL expression for each check, compiled to one inventory request.

mod error;
mod explain;
mod load;
mod raw;

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    finding::{ProfileRef, Severity},
    inventory::{FileSelector, InventoryRequest, Section},
};

pub(crate) use error::Place;
pub use error::{ProfileError, ProfileWarning};
pub use load::Resolve;
pub(crate) use raw::Scope;

use crate::{builtin, expression::Expression, inputs::Input};

/// The text of a profile and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name of a shipped profile, or of a file; errors name it, and `extends` is relative to it.
    pub file: String,
    /// YAML.
    pub text: String,
}

impl Source {
    /// A shipped profile.
    ///
    /// # Errors
    ///
    /// Fails when none has that name, and says which there are.
    pub fn shipped(name: &str) -> Result<Self, String> {
        let text = builtin::find(name).ok_or_else(|| {
            let names: Vec<&str> = builtin::ALL.iter().map(|(name, _)| *name).collect();
            format!(
                "there is no profile {name:?}; shipped are: {}",
                names.join(", ")
            )
        })?;
        Ok(Self {
            file: name.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// What a user asks of a profile beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Values of inputs by name, as they are typed.
    pub inputs: BTreeMap<String, String>,
    /// Tags of which a check must have one; all checks when empty.
    pub tags: Vec<String>,
    /// Tags of which a check may have none.
    pub skip_tags: Vec<String>,
    /// The day of the scan as YYYY-MM-DD. Without it, checks that ask for the day are errors.
    pub today: Option<String>,
}

/// A compiled profile.
#[derive(Debug)]
pub struct Profile {
    pub(crate) reference: ProfileRef,
    pub(crate) checks: Vec<Check>,
    pub(crate) inputs: BTreeMap<String, Input>,
    warnings: Vec<ProfileWarning>,
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) rationale: String,
    pub(crate) fix: String,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) references: Vec<String>,
    pub(crate) scope: Scope,
    pub(crate) files: Vec<FileSelector>,
    pub(crate) commands: BTreeSet<String>,
    pub(crate) applies_when: Option<Expression>,
    pub(crate) rule: Rule,
    /// Sections that its expressions read.
    pub(crate) sections: BTreeSet<Section>,
    /// Why an overlay does not look at it.
    pub(crate) disabled: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Rule {
    /// True when all is well.
    Pass(Expression),
    /// A list of what is wrong; empty when all is well.
    Violations(Expression),
}

impl Rule {
    pub(crate) const fn expression(&self) -> &Expression {
        match self {
            Self::Pass(expression) | Self::Violations(expression) => expression,
        }
    }
}

impl Profile {
    /// Reads and compiles a profile that extends shipped ones at most; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on YAML that is not a profile and on expressions that cannot
    /// be compiled, are of a wrong type, or fail on made-up data.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let source = Source {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        Self::compile(
            source,
            &|name, _| Source::shipped(name),
            &Options::default(),
        )
    }

    /// Reads and compiles a profile with what it extends, which `resolve` finds.
    ///
    /// # Errors
    ///
    /// As [`Profile::parse`]; also when it extends itself, changes what is not there, or when an
    /// input or tag of `options` is not known.
    pub fn compile(
        source: Source,
        resolve: Resolve<'_>,
        options: &Options,
    ) -> Result<Self, ProfileError> {
        let made = Self::check(source, resolve, options);
        // There is one where there is no profile.
        made.map_err(|mut errors| errors.swap_remove(0))
    }

    /// The same, and tells all that is wrong with its checks.
    ///
    /// # Errors
    ///
    /// As [`Profile::compile`]; there is at least one error.
    pub fn check(
        source: Source,
        resolve: Resolve<'_>,
        options: &Options,
    ) -> Result<Self, Vec<ProfileError>> {
        load::Loader::new(resolve, options).profile(source)
    }

    /// The JSON Schema of the format.
    pub fn json_schema() -> String {
        raw::json_schema()
    }

    /// Name, version, title and digest.
    pub fn reference(&self) -> &ProfileRef {
        &self.reference
    }

    /// Ids of the checks, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.id.as_str())
    }

    /// What has no effect: changes that change nothing, inputs that nothing reads.
    pub fn warnings(&self) -> &[ProfileWarning] {
        &self.warnings
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
        for check in checks.iter().filter(|c| c.disabled.is_none()) {
            request.sections.extend(&check.sections);
            for selector in &check.files {
                if !request.files.contains(selector) {
                    request.files.push(selector.clone());
                }
            }
            request.commands.extend(check.commands.iter().cloned());
        }
        // A bill of materials has both; which of them could be read is told for each.
        if request.sections.contains(&Section::Packages) {
            request.sections.insert(Section::LanguagePackages);
        }
        request
    }
}
