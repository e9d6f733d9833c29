//! A request of a root filesystem as one of a directory, and the answer as if the directory were the root.
//!
//! Every selection becomes a walk from the directory: a walk follows no link, so no link leads out of the directory.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    Collected, FileEntry, FileKind, FileSelector, Inventory, InventoryRequest, Section, collector,
};

/// The request that the shell answers. It keeps the sections that were asked for: those that the shell does not send
/// are then unavailable, which is no pass of any check.
pub(super) fn below(prefix: &str, asked: &InventoryRequest) -> InventoryRequest {
    let root = if prefix.is_empty() { "/" } else { prefix };
    let walk = |selector: &FileSelector| {
        let base = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut name = if selector.walks() {
            selector.name.clone()
        } else {
            selector.paths.iter().map(base).collect()
        };
        if name.iter().any(String::is_empty) {
            // The root itself has no name: any will do, since engines select again.
            name.clear();
        }
        FileSelector {
            paths: Vec::new(),
            under: vec![root.to_owned()],
            name,
            ..selector.clone()
        }
    };
    let mut files: Vec<FileSelector> = asked.files.iter().map(walk).collect();
    if asked.files.iter().any(|selector| !selector.walks()) {
        // They say whether a path that was not found may be behind a link.
        files.push(FileSelector {
            under: vec![root.to_owned()],
            kind: vec![FileKind::Symlink],
            ..FileSelector::default()
        });
    }
    InventoryRequest {
        sections: asked.sections.clone(),
        files,
        ..InventoryRequest::default()
    }
}

/// The script that answers: it reads files alone.
pub(super) fn script(below: &InventoryRequest, nonce: &str) -> String {
    let mut files = below.clone();
    files.sections.retain(|section| *section == Section::Files);
    collector::script(&files, nonce)
}

/// Makes the paths in the answer those below the root.
pub(super) fn from_root(prefix: &str, asked: &InventoryRequest, inventory: &mut Inventory) {
    let (files, complete) = match &mut inventory.files {
        Collected::Complete { data } => (data, true),
        Collected::Partial { data, .. } => (data, false),
        Collected::Unavailable { .. } | Collected::NotRequested => return,
    };
    for file in files.iter_mut() {
        if let Some(path) = file.path.strip_prefix(prefix) {
            file.path = if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            };
        }
    }
    let (missing, behind_links) = missing(asked, files);
    if complete {
        // Not found by a complete walk, with no link on the way: it is not there.
        files.extend(missing.into_iter().map(|path| FileEntry {
            path,
            ..FileEntry::default()
        }));
    }
    if behind_links > 0 {
        inventory.files_listed = false;
        let why = format!("{behind_links} paths are behind links, which are not followed");
        let data = std::mem::take(files);
        let (mut reasons, before) = match &inventory.files {
            Collected::Partial {
                reasons,
                unreadable,
                ..
            } => (reasons.clone(), *unreadable),
            _ => (Vec::new(), 0),
        };
        reasons.push(why);
        let unreadable = before + behind_links;
        inventory.files = Collected::Partial {
            data,
            reasons,
            unreadable,
        };
    }
}

/// Paths that were named and not found, and how many more may be there behind a link.
fn missing(asked: &InventoryRequest, files: &[FileEntry]) -> (Vec<String>, u64) {
    let found: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let links = files.iter().filter(|file| file.kind == FileKind::Symlink);
    let links: BTreeSet<&str> = links.map(|file| file.path.as_str()).collect();
    let named: BTreeSet<&String> = asked.files.iter().flat_map(|s| &s.paths).collect();
    let not_found = named
        .into_iter()
        .filter(|path| !found.contains(path.as_str()));
    let behind_link = |path: &str| {
        let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
        ends.into_iter().any(|above| links.contains(above))
    };
    let (behind, missing): (Vec<&String>, Vec<&String>) =
        not_found.partition(|path| behind_link(path));
    (missing.into_iter().cloned().collect(), behind.len() as u64)
}
