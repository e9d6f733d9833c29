//! How far a reader follows links.

use super::bad::{Bad, bad};

/// Steps behind links for the whole image: a few links could keep a reader busy for hours.
const MAX_STEPS: u64 = 100_000_000;

/// How much following of links is left.
#[derive(Debug)]
pub(super) struct Steps(u64);

impl Default for Steps {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Steps {
    pub(super) fn take(&mut self, steps: usize) -> Result<(), Bad> {
        let left = self.0.checked_sub(steps as u64);
        self.0 = left.ok_or_else(|| bad("its links lead in too many rounds"))?;
        Ok(())
    }
}
