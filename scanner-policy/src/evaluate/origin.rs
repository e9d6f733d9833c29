//! Where the evidence of a check came from, if the image completes what the container does not show.

use scanner_core::{
    finding::{CheckResult, CheckStatus, EvidenceFrom},
    inventory::{FromImage, Gaps, Section},
};

use crate::{check::Check, completed::may_have_changed};

/// Sections of one file, which come from one place as a whole.
const OF_ONE_FILE: [Section; 3] = [Section::Users, Section::Groups, Section::Shadow];

/// `result` with the source of its evidence. `asked` filters gaps of files to those that the check asks for.
pub(super) fn with_origin(
    mut result: CheckResult,
    check: &Check,
    from_image: Option<&FromImage>,
    asked: impl Fn(&Gaps) -> Gaps,
) -> CheckResult {
    let Some(read) = from_image else {
        return result;
    };
    if result.status == CheckStatus::Error {
        return result;
    }
    let (mut container, mut image) = (false, Vec::new());
    for section in &check.sections {
        let filled = read.of(*section).map(|gaps| match section {
            Section::Files => asked(gaps),
            _ => gaps.clone(),
        });
        let filled = filled.filter(|gaps| !gaps.is_empty());
        container |= match filled {
            Some(_) => !OF_ONE_FILE.contains(section),
            None => *section != Section::Pod,
        };
        image.extend(filled.map(|gaps| (*section, gaps)));
    }
    result.evidence_from = Some(match (container, image.is_empty()) {
        (true, true) => EvidenceFrom::Container,
        (true, false) => EvidenceFrom::Both,
        (false, false) => EvidenceFrom::Image,
        (false, true) => EvidenceFrom::Specification,
    });
    result.read_from_image = image.iter().map(|(_, gaps)| gaps.missing()).sum();
    if !image.is_empty() && !read.fixed {
        result.may_have_changed = true;
        let limits = image.iter();
        let limits = limits.map(|(section, gaps)| may_have_changed(section.name(), gaps));
        result.limits.extend(limits);
    }
    result
}
