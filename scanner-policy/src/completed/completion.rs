//! What an image added to the answer of a container, and to the results that rest on it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use scanner_core::{
    finding::{CheckStatus, EvidenceFrom, Findings},
    inventory::{Coverage, FromImage, LanguagePackage, Section},
};

/// What the answer that was evaluated last got from the image.
pub(super) type Kept = Arc<Mutex<Option<Completion>>>;

/// What the image added to one answer of a container, for its report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// What was read from the image.
    pub from_image: FromImage,
    /// How completely the sections are collected to which the image added something.
    pub coverage: BTreeMap<Section, Coverage>,
    /// Packages of languages that the container does not show.
    pub language_packages: Vec<LanguagePackage>,
}

/// Says of results whose engine does not from where their evidence came: where the image added something, all may rest on it.
pub(super) fn with_origin(mut findings: Findings, read: &FromImage) -> Findings {
    let by_engine = findings.results.iter().any(|r| r.evidence_from.is_some());
    if by_engine {
        return findings;
    }
    for result in &mut findings.results {
        if matches!(result.status, CheckStatus::Error) || !result.looked() {
            continue;
        }
        if read.is_empty() {
            result.evidence_from = Some(EvidenceFrom::Container);
            continue;
        }
        result.evidence_from = Some(EvidenceFrom::Both);
        result.read_from_image = read.places();
        result.may_have_changed = !read.fixed;
    }
    findings
}
