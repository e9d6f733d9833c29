//! Names in one line, however many there are.

/// Names that are shown at most.
pub(super) const SHOWN: usize = 5;

/// The first names, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names.get(..SHOWN.min(names.len())).unwrap_or_default();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
