//! Reads a profile with the ones that it extends, and applies its changes to them.

mod asked;
mod check;

use std::{collections::BTreeMap, sync::Arc};

use scanner_core::finding::EngineRef;
use sha2::{Digest as _, Sha256};

use super::{
    compiled::Profile,
    error::{Place, ProfileError, ProfileWarning},
    raw::RawProfile,
    shipped::ResolveError,
    source::{Options, Source},
};
use crate::check::Check;
use crate::{
    evaluate::Samples,
    expression::Patterns,
    inputs::{Input, shown},
};

/// Largest profile in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Most profiles that one may extend, with those that they extend.
const MAX_SOURCES: usize = 32;
/// Most checks of all of them together.
const MAX_CHECKS: usize = 2_000;
/// Most inputs of all of them together.
const MAX_INPUTS: usize = 1_000;
/// Number of wrong checks after which no further one is compiled.
const MAX_WRONG: usize = 100;

/// Finds the text of what is extended: its name there, and the file that says so.
pub type Resolve<'a> = &'a dyn Fn(&str, &str) -> Result<Source, ResolveError>;

pub(super) struct Loader<'a> {
    pub(super) resolve: Resolve<'a>,
    pub(super) options: &'a Options,
    samples: Samples,
    patterns: Arc<Patterns>,
    /// Parts of all expressions so far.
    parts: usize,
    inputs: BTreeMap<String, Input>,
    checks: Vec<Check>,
    warnings: Vec<ProfileWarning>,
    /// What is wrong with checks.
    pub(super) errors: Vec<ProfileError>,
    /// Files that were read, and those that are being read.
    done: BTreeMap<String, [u8; 32]>,
    open: Vec<String>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(resolve: Resolve<'a>, options: &'a Options) -> Self {
        Self {
            resolve,
            options,
            samples: Samples::new(),
            patterns: Arc::default(),
            parts: 0,
            inputs: BTreeMap::new(),
            checks: Vec::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
            done: BTreeMap::new(),
            open: Vec::new(),
        }
    }

    /// The whole profile, with the inputs that were set from outside.
    pub(super) fn profile(mut self, source: Source) -> Result<Profile, Vec<ProfileError>> {
        let place = Place::of(&source);
        let read = self.source(source);
        let mut errors = std::mem::take(&mut self.errors);
        match read {
            Ok(raw) if errors.is_empty() => self.whole(&place, raw).map_err(|error| vec![error]),
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(error);
                Err(errors)
            }
        }
    }

    fn whole(mut self, place: &Place, raw: RawProfile) -> Result<Profile, ProfileError> {
        if self.checks.is_empty() {
            return Err(place.error(&raw.name, "a profile needs at least one check".into()));
        }
        let inputs = self.set_from_outside(place)?;
        let (selection, left_out) = self.select(place)?;
        let mut digests = self.done.values();
        let digest = match (digests.next(), digests.next()) {
            (Some(only), None) => *only,
            _ => Sha256::digest(self.done.values().flatten().copied().collect::<Vec<u8>>()).into(),
        };
        self.unused(place);
        let mut reference = EngineRef::new(raw.name.value, raw.version)
            .with_title(raw.title)
            .with_digest(hex::encode(digest));
        reference.inputs = inputs;
        reference.selection = selection;
        reference.left_out = left_out;
        Ok(Profile {
            reference,
            checks: self.checks.into(),
            inputs: self.inputs,
            warnings: self.warnings,
        })
    }

    /// Reads one text and what it extends, those first.
    fn source(&mut self, source: Source) -> Result<RawProfile, ProfileError> {
        let at = Place::of(&source);
        if source.text.len() > MAX_BYTES {
            return Err(at.whole(format!("a profile has at most {MAX_BYTES} bytes")));
        }
        let is_foreign = source.named_by_a_file || !self.open.is_empty();
        let mut raw: RawProfile = serde_saphyr::from_str(&source.text).map_err(|error| {
            if is_foreign {
                at.no_profile(&error)
            } else {
                at.yaml(&error)
            }
        })?;
        at.identifier(&raw.name)?;
        self.open.push(source.file.clone());
        for parent in &raw.extends {
            let found = (self.resolve)(&parent.value, &source.file)
                .map_err(|error| at.error(parent, error.to_string()))?;
            if self.open.contains(&found.file) {
                let message = format!("{} extends itself through this", found.file);
                return Err(at.error(parent, message));
            }
            if self.done.contains_key(&found.file) {
                continue;
            }
            // The profile itself is among the open ones. An open profile counts before it is done: each may extend a next
            // one, and no stack is deep enough for all.
            if self.open.len() + self.done.len() > MAX_SOURCES {
                let message = format!("a profile extends at most {MAX_SOURCES} others");
                return Err(at.error(parent, message));
            }
            self.source(found)?;
        }
        self.open.pop();
        self.declare(&at, &raw)?;
        self.set(&at, &raw)?;
        self.change(&at, &raw)?;
        let digest = Sha256::digest(source.text.as_bytes()).into();
        self.done.insert(source.file, digest);
        if self.checks.len() + raw.checks.len() > MAX_CHECKS {
            let message = format!(
                "a profile has at most {MAX_CHECKS} checks, with those of the profiles that it extends"
            );
            return Err(at.error(&raw.name, message));
        }
        for check in std::mem::take(&mut raw.checks) {
            if self.checks.iter().any(|c| c.id == check.id.value) {
                let message = format!("there is another check with id {:?}", check.id.value);
                return Err(at.error(&check.id, message));
            }
            // A wrong check does not prevent compiling the others.
            match self.check(&at, check) {
                Ok(check) => self.checks.push(check),
                Err(error) => self.errors.push(error),
            }
            if self.errors.len() >= MAX_WRONG {
                let message = format!("{MAX_WRONG} checks are wrong: the others were not examined");
                return Err(at.error(&raw.name, message));
            }
        }
        Ok(raw)
    }

    fn declare(&mut self, at: &Place, raw: &RawProfile) -> Result<(), ProfileError> {
        if self.inputs.len() + raw.inputs.len() > MAX_INPUTS {
            let message = format!(
                "a profile has at most {MAX_INPUTS} inputs, with those of the profiles that it extends"
            );
            return Err(at.error(&raw.name, message));
        }
        for (name, input) in &raw.inputs {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
                let message = format!(
                    "{name:?} is not a name of an input: expected lower-case letters, digits and '_'"
                );
                return Err(at.word(name, message));
            }
            if self.inputs.contains_key(name) {
                let message =
                    format!("there is another input {name:?}; to change its value, use `set`");
                return Err(at.word(name, message));
            }
            let default = match &input.default {
                None => None,
                Some(default) => Some(
                    input
                        .r#type
                        .of_yaml(&default.value)
                        .map_err(|message| at.error(default, message))?,
                ),
            };
            let today = default == Some(None);
            let value = default.flatten();
            let shows = value.as_ref().map(shown).unwrap_or_default();
            let input = Input {
                kind: input.r#type,
                description: input.description.clone(),
                default: if today { "today".into() } else { shows },
                value,
                today,
                read: false,
            };
            self.inputs.insert(name.clone(), input);
        }
        Ok(())
    }

    fn set(&mut self, at: &Place, raw: &RawProfile) -> Result<(), ProfileError> {
        for (name, value) in &raw.set {
            let Some(input) = self.inputs.get_mut(name) else {
                return Err(at.error(value, format!("there is no input {name:?} to set")));
            };
            let given = input.kind.of_yaml(&value.value);
            let given = given.map_err(|message| at.error(value, message))?;
            let today = given.is_none();
            if (&given, today) == (&input.value, input.today) {
                let message = format!("input {name:?} has this value already");
                self.warnings.push(ProfileWarning(at.error(value, message)));
            }
            input.value = given;
            input.today = today;
        }
        Ok(())
    }

    fn change(&mut self, at: &Place, raw: &RawProfile) -> Result<(), ProfileError> {
        for change in &raw.r#override {
            let id = &change.id;
            let Some(check) = self.checks.iter_mut().find(|c| c.id == id.value) else {
                let message = format!(
                    "there is no check {:?} in what this profile extends",
                    id.value
                );
                return Err(at.error(id, message));
            };
            let mut unused = Vec::new();
            if let Some(severity) = change.severity {
                if check.severity == severity {
                    unused.push(format!("check {:?} is {severity} already", id.value));
                }
                check.severity = severity;
            }
            if let Some(reason) = &change.disable {
                if reason.trim().is_empty() {
                    return Err(at.error(id, "`disable` is the reason why: expected a text".into()));
                }
                if check.disabled.is_some() {
                    unused.push(format!("check {:?} is disabled already", id.value));
                }
                check.disabled = Some(format!("{} (profile {})", reason, raw.name.value));
            }
            if change.severity.is_none() && change.disable.is_none() {
                unused.push(format!("nothing of check {:?} is changed", id.value));
            }
            let warnings = unused.into_iter();
            let warnings = warnings.map(|message| ProfileWarning(at.error(id, message)));
            self.warnings.extend(warnings);
        }
        Ok(())
    }
}

impl Place {
    fn of(source: &Source) -> Self {
        Self::new(&source.file, &source.text)
    }
}
