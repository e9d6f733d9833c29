//! The options of a profile beside its text: values of inputs, and tags.

use std::collections::{BTreeMap, BTreeSet};

use super::Loader;
use crate::{
    check::Check,
    inputs::shown,
    profile::{
        error::{Place, ProfileError, ProfileWarning},
        source::Options,
    },
};

impl Loader<'_> {
    pub(super) fn set_from_outside(
        &mut self,
        at: &Place,
    ) -> Result<BTreeMap<String, String>, ProfileError> {
        for (name, word) in &self.options.inputs {
            let known: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let Some(input) = self.inputs.get_mut(name) else {
                let known = if known.is_empty() { "none" } else { &known };
                let message = format!("there is no input {name:?}; this profile has: {known}");
                return Err(at.asked(message));
            };
            let value = input.kind.of_word(word);
            let value = value.map_err(|message| at.asked(format!("input {name}: {message}")))?;
            input.value = Some(value);
            input.today = false;
        }
        let shows = self.inputs.iter().filter_map(|(name, input)| {
            let shows = input.value.as_ref().map(shown)?;
            (shows != input.default).then(|| (name.clone(), shows))
        });
        Ok(shows.collect())
    }

    /// Keeps the checks that `--tag` and `--skip-tag` select; records the selection and the checks that are left out.
    pub(super) fn select(
        &mut self,
        at: &Place,
    ) -> Result<(Vec<String>, Vec<String>), ProfileError> {
        let Options {
            tags, skip_tags, ..
        } = self.options;
        let known: BTreeSet<&String> = self.checks.iter().flat_map(|c| &c.tags).collect();
        if let Some(unknown) = tags.iter().chain(skip_tags).find(|t| !known.contains(t)) {
            let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
            let message = format!(
                "no check has tag {unknown:?}; known are: {}",
                known.join(", ")
            );
            return Err(at.asked(message));
        }
        let before = self.checks.len();
        let any = |check: &Check, of: &[String]| of.iter().any(|t| check.tags.contains(t));
        let mut left_out = Vec::new();
        self.checks.retain(|c| {
            let keeps = (tags.is_empty() || any(c, tags)) && !any(c, skip_tags);
            if !keeps {
                left_out.push(c.id.clone());
            }
            keeps
        });
        if self.checks.is_empty() {
            return Err(at.asked("no check is left by the tags that are asked for".into()));
        }
        let mut selection: Vec<String> = tags.iter().map(|t| format!("tag {t}")).collect();
        selection.extend(skip_tags.iter().map(|t| format!("without tag {t}")));
        if !selection.is_empty() {
            selection.push(format!("{} of {before} checks", self.checks.len()));
        }
        Ok((selection, left_out))
    }

    /// Inputs that no check reads do nothing.
    pub(super) fn unused(&mut self, at: &Place) {
        for (name, _) in self.inputs.iter().filter(|(_, input)| !input.read) {
            let message = format!("no check reads input {name:?}");
            self.warnings.push(ProfileWarning(at.word(name, message)));
        }
    }
}
