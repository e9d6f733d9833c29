//! The requests to the agents of the container and of the image, beyond what an engine asks for.

use std::collections::BTreeSet;

use scanner_core::inventory::{FileKind, FilePath, FileSelector, InventoryRequest, Section};

use super::accounts::FILES;

/// Sections that come from files of an image.
const OF_IMAGE: [Section; 4] = [
    Section::Users,
    Section::Groups,
    Section::Shadow,
    Section::LanguagePackages,
];

/// The request of the container: with its mounts, and with the directories and files that show whether a place is as in the
/// image.
pub(super) fn of_container(asked: &InventoryRequest) -> InventoryRequest {
    let mut request = asked.clone();
    for selector in &mut request.files {
        selector.times = true;
    }
    request.sections.extend([Section::Files, Section::Mounts]);
    let mut under = BTreeSet::new();
    let mut paths: BTreeSet<FilePath> = BTreeSet::new();
    for selector in &asked.files {
        if !selector.walks() {
            paths.extend(selector.paths.iter().map(FilePath::from));
        } else if selector.under.is_empty() {
            under.insert("/".to_owned());
        } else {
            under.extend(selector.under.iter().cloned());
        }
    }
    // Only their gaps show where these may be.
    let mut anywhere = [Section::LanguagePackages, Section::Commands].iter();
    if anywhere.any(|section| asked.sections.contains(section)) {
        under.insert("/".to_owned());
    }
    let files = FILES.iter();
    let files = files.filter(|(section, _)| asked.sections.contains(section));
    paths.extend(files.map(|(_, path)| FilePath::from(*path)));
    paths.extend(under.iter().map(FilePath::from));
    let above: Vec<FilePath> = paths.iter().flat_map(above).collect();
    paths.extend(above);
    let whole = under.contains("/");
    if !under.is_empty() {
        request.files.push(FileSelector {
            under: under.into_iter().collect(),
            kind: vec![FileKind::Directory],
            times: true,
            ..FileSelector::default()
        });
    }
    if whole {
        // A walk reaches all others.
        paths = files_of(asked).collect();
    }
    let paths: Vec<String> = paths.iter().filter_map(literal).collect();
    if !paths.is_empty() {
        request.files.push(FileSelector {
            paths,
            times: true,
            ..FileSelector::default()
        });
    }
    request
}

fn files_of(asked: &InventoryRequest) -> impl Iterator<Item = FilePath> + '_ {
    let files = FILES.iter();
    let files = files.filter(|(section, _)| asked.sections.contains(section));
    files.map(|(_, path)| FilePath::from(*path))
}

/// The path as a selector takes it; `None` for a path that is not text, and for the root.
fn literal(path: &FilePath) -> Option<String> {
    let bytes = path.to_bytes().into_owned();
    let text = String::from_utf8(bytes).ok()?;
    (!text.trim_matches('/').is_empty()).then_some(text)
}

/// The directories above `path`, but for the root.
fn above(path: &FilePath) -> Vec<FilePath> {
    let mut all = Vec::new();
    let mut next = path.parent();
    while let Some(dir) = next {
        next = dir.parent();
        if next.is_some() {
            all.push(dir);
        }
    }
    all
}

/// The request of the image: every file, and what the engines ask for that comes from files.
pub(super) fn of_image(asked: &InventoryRequest) -> InventoryRequest {
    let mut files = vec![FileSelector {
        times: true,
        ..FileSelector::default()
    }];
    files.extend(asked.files.iter().map(|selector| FileSelector {
        times: true,
        ..selector.clone()
    }));
    let mut sections = BTreeSet::from([Section::Files]);
    let wanted = OF_IMAGE.iter().filter(|s| asked.sections.contains(s));
    sections.extend(wanted);
    InventoryRequest {
        sections,
        files,
        // An image has no mounts.
        one_filesystem: true,
        ..InventoryRequest::default()
    }
}
