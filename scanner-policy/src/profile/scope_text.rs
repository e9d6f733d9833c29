//! The scope of a check and the reason for it, for a reader.

use scanner_core::inventory::Section;

use super::raw::Scope;
use crate::check::Check;

/// Its word.
pub(super) const fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Everything => "everything",
        Scope::Reachable => "reachable",
    }
}

/// Why a check has its scope, in one sentence: the profile's own, or what follows from what the check reads.
pub(super) fn because(check: &Check) -> String {
    if !check.scope_because.is_empty() {
        return check.scope_because.clone();
    }
    let sections = || check.sections.iter();
    if sections().all(|section| *section == Section::Pod) {
        return "The specification is read as a whole.".into();
    }
    if sections().any(|section| *section == Section::Files) {
        return if check.files.iter().all(|selector| !selector.walks()) {
            "Each file that it names counts: a file that cannot be examined may be wrong.".into()
        } else {
            "Each file that it selects counts: a file that cannot be examined may be wrong.".into()
        };
    }
    "Each entry counts: a missing entry may be the wrong one.".into()
}
