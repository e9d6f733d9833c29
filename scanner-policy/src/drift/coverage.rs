//! What one side could not read, in words.

use scanner_core::{escape::visible, inventory::Coverage};

use super::differences::SHOWN;

/// What was not read of a section.
pub(super) fn missing(side: &str, seen: &Coverage) -> Vec<String> {
    match seen {
        Coverage::Complete => Vec::new(),
        Coverage::Partial { gaps } => gaps.iter().map(|gap| format!("{side}: {gap}")).collect(),
        Coverage::Unavailable { reason } => {
            vec![format!("{side}: {}", visible(reason, SHOWN))]
        }
        Coverage::NotRequested => vec![format!("{side}: not asked for")],
    }
}
