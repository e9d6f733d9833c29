//! The environment variables of the process that decide how a cluster is reached.

use std::{ffi::OsString, path::PathBuf, sync::Arc};

/// Variables by their names: those of the process, except in tests.
#[derive(Clone)]
pub(super) struct Environment(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// The variables of this process.
    pub(super) fn of_process() -> Self {
        Self(Arc::new(|name| std::env::var_os(name)))
    }

    /// These variables alone.
    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let all: std::collections::BTreeMap<String, OsString> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        Self(Arc::new(move |name| all.get(name).cloned()))
    }

    /// A variable, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The same as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| value.to_string_lossy().into_owned())
    }

    /// The first of these that is not empty, with its name.
    pub(super) fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, String)> {
        names
            .iter()
            .find_map(|name| Some((*name, self.text(name)?)))
    }

    /// A file in the folder of kubectl.
    pub(super) fn in_kube_folder(&self, file: &str) -> Option<PathBuf> {
        let home = self.get("HOME").map(PathBuf::from)?;
        Some(home.join(".kube").join(file))
    }
}
