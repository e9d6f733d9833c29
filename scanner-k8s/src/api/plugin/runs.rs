//! Which processes credential plugins are.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::child::Running;

/// The plugins of one login that run now, by their process ids.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Runs(Arc<Mutex<Vec<u32>>>);

/// An entry for a plugin that runs, removed when it is dropped.
pub(super) struct Listed {
    runs: Runs,
    id: u32,
}

impl Runs {
    /// Their process ids. A plugin that can be seen in `/proc` is among them.
    pub(in crate::api) fn ids(&self) -> Vec<u32> {
        self.locked().clone()
    }

    /// Starts one, which is among them as long as [`Listed`] is kept.
    pub(super) fn start(
        &self,
        start: impl FnOnce() -> io::Result<Running>,
    ) -> io::Result<(Running, Listed)> {
        let mut ids = self.locked();
        let running = start()?;
        let id = running.id();
        ids.push(id);
        let runs = self.clone();
        Ok((running, Listed { runs, id }))
    }

    fn locked(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.runs.locked().retain(|id| *id != self.id);
    }
}
