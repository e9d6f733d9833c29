//! What an image added to the answer of a container, and to the results that rest on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use scanner_core::{
    engine::Evaluation,
    finding::{EvidenceFrom, Findings},
    inventory::{Coverage, FilePath, FromImage, Gaps, LanguagePackage, Section},
};

/// What the image added to the answer that was evaluated last.
pub(super) type Kept = Arc<Mutex<Option<Completion>>>;

/// What the image added to one answer of a container, for its report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// What was read from the image.
    pub from_image: FromImage,
    /// How completely each section is collected to which the image added something.
    pub coverage: BTreeMap<Section, Coverage>,
    /// Packages of languages that the container does not show.
    pub language_packages: Vec<LanguagePackage>,
}

impl Completion {
    /// Adds those packages to `all` that are not among them yet.
    pub fn add_packages(self, all: &mut Vec<LanguagePackage>) {
        let mut known: BTreeSet<Key<'_>> = all.iter().map(key).collect();
        let packages = &self.language_packages;
        let new = packages.iter().filter(|package| known.insert(key(package)));
        let new: Vec<LanguagePackage> = new.cloned().collect();
        all.extend(new);
    }
}

/// Key by which two packages are the same: everything that is known about them.
pub(super) type Key<'a> = ([&'a str; 4], &'a FilePath);

pub(super) fn key(package: &LanguagePackage) -> Key<'_> {
    let LanguagePackage {
        ecosystem,
        name,
        version,
        license,
        path,
    } = package;
    ([ecosystem, name, version, license], path)
}

/// Sets the source of the evidence for results whose engine does not set it: if the image added something, each of them may
/// rest on the image. If no container was read, because the strategy reads only the image, every result rests on the image,
/// except for what comes from the specification.
pub(super) fn with_origin(
    mut findings: Findings,
    read: &FromImage,
    context: &Evaluation,
) -> Findings {
    let alone = context.absent.contains(&Section::Mounts);
    for result in &mut findings.results {
        if !result.looked() {
            continue;
        }
        match result.evidence_from {
            Some(EvidenceFrom::Specification) => {}
            _ if alone => {
                result.evidence_from = Some(EvidenceFrom::Image);
                result.may_have_changed = true;
                result.limits.push(ALONE.into());
            }
            Some(_) => {}
            None if read.is_empty() => result.evidence_from = Some(EvidenceFrom::Container),
            None => {
                result.evidence_from = Some(EvidenceFrom::Both);
                result.read_from_image = read.places();
                result.may_have_changed = !read.fixed;
                if result.may_have_changed {
                    let filled = read.by_name();
                    let limits = filled.map(|(section, gaps)| may_have_changed(section, gaps));
                    result.limits.extend(limits);
                }
            }
        }
    }
    // The engine may apply its own rules, which have seen the results without this.
    if findings.lacks_completeness() {
        findings.demand_complete();
    }
    findings
}

/// The limit of a result that rests on the image alone.
const ALONE: &str = "all of it was read from the image: the container was not read, and it may have been changed since";

/// The limit of a result that rests on the image for a section whose files the container can write.
pub(crate) fn may_have_changed(section: &str, filled: &Gaps) -> String {
    format!(
        "{section}: read from the image, and a process with the owner's rights could have changed it since: {filled}"
    )
}
