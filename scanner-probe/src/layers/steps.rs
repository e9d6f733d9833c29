//! How far a reader follows links.

use super::bad::{Bad, bad};

/// Most steps behind links for the whole image: a few links could otherwise keep a reader busy for hours.
const MAX_STEPS: u64 = 100_000_000;

/// How many steps are left, and through which layers links led.
#[derive(Debug)]
pub(super) struct Steps {
    left: u64,
    /// Whether the last path led through a link of a layer below.
    pub(super) led_below: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            left: MAX_STEPS,
            led_below: false,
        }
    }
}

impl Steps {
    pub(super) fn take(&mut self, steps: usize) -> Result<(), Bad> {
        let left = self.left.checked_sub(steps as u64);
        self.left = left.ok_or_else(|| bad("its links lead in too many rounds"))?;
        Ok(())
    }
}
