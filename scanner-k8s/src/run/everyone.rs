//! What every account may do, as one scan saw it before its identity had any rights.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use scanner_core::plan::PlannedRule;

/// Rights that are not the scan's to give or to take, by namespace.
#[derive(Default)]
pub(crate) struct Everyone(Mutex<BTreeMap<String, Vec<PlannedRule>>>);

impl Everyone {
    /// Keeps what every account may do in a namespace.
    pub(crate) fn note(&self, namespace: &str, rules: Vec<PlannedRule>) {
        self.all().insert(namespace.to_owned(), rules);
    }

    /// Whether every account may do that in a namespace.
    pub(crate) fn may(&self, namespace: &str, rule: &PlannedRule) -> bool {
        let all = self.all();
        all.get(namespace).is_some_and(|rules| rules.contains(rule))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Vec<PlannedRule>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
