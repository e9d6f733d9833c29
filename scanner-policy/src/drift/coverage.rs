//! What one side could not read.

use scanner_core::{
    escape::visible,
    inventory::{Coverage, FilePath, Gap, GapKind},
};

use super::differences::SHOWN;

/// What was not read of a section, in words.
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

/// Whether a list of files broke off before that path, or may have: its absence from the list then proves nothing.
pub(super) fn is_cut(seen: &Coverage, path: &FilePath) -> bool {
    match seen {
        Coverage::Complete => false,
        Coverage::Partial { gaps } => {
            gaps.iter().next().is_none() || gaps.iter().any(|gap| cuts(gap, path))
        }
        Coverage::Unavailable { .. } | Coverage::NotRequested => true,
    }
}

fn cuts(gap: &Gap, path: &FilePath) -> bool {
    if gap.attribute.is_some() || gap.kind == GapKind::NoEntry {
        // The file itself was seen.
        return false;
    }
    match &gap.path {
        Some(place) => path.is_below(place),
        // The kernel refuses a user only directories that not everyone may list: those that were listed are complete.
        None => !matches!(
            gap.kind,
            GapKind::NotSearchable | GapKind::NotListable | GapKind::NotReadable
        ),
    }
}
