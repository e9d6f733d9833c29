//! A request of a root filesystem as one of a directory, and the answer as if the directory were the root.
//!
//! Every selection becomes a walk from the directory: a walk follows no link, so no link leads out of the directory.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    Collected, FileEntry, FileKind, FilePath, FileSelector, Gap, GapKind, Gaps, Inventory,
    InventoryRequest, Section, collector,
};

/// The request that the shell answers. It keeps the sections that were asked for: those that the shell does not send
/// are then unavailable, which is no pass of any check.
pub(super) fn below(prefix: &str, asked: &InventoryRequest) -> InventoryRequest {
    let root = if prefix.is_empty() { "/" } else { prefix };
    let walk = |selector: &FileSelector| {
        if selector.walks() {
            return FileSelector {
                under: vec![root.to_owned()],
                ..selector.clone()
            };
        }
        let base = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut name: Vec<String> = selector.paths.iter().map(base).collect();
        if name.iter().any(String::is_empty) {
            // The root itself has no name: any will do, since engines select again.
            name.clear();
        }
        // Of every kind: what is named and of another kind is there too.
        FileSelector {
            under: vec![root.to_owned()],
            name,
            digest: selector.digest,
            capabilities: selector.capabilities,
            ..FileSelector::default()
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
    let (mut files, mut gaps) = match std::mem::take(&mut inventory.files) {
        Collected::Complete { data } => (data, Gaps::default()),
        Collected::Partial { data, gaps } => (data, moved(prefix, &gaps)),
        nothing => {
            inventory.files = nothing;
            return;
        }
    };
    for file in &mut files {
        file.path = from(prefix, &file.path);
    }
    let listed = inventory.files_listed;
    for path in missing(asked, &files) {
        if behind_link(&path, &files) {
            inventory.files_listed = false;
            let why = "behind a link, which is not followed";
            gaps.add(Gap::new(GapKind::Unsupported).at(path).with_note(why));
        } else if listed {
            // Not found where everything was listed, with no link on the way: it is not there.
            files.push(FileEntry {
                path,
                ..FileEntry::default()
            });
        }
    }
    inventory.files = Collected::with_gaps(files, gaps);
}

/// A path of this machine as one below the root; paths are bytes.
fn from(prefix: &str, path: &FilePath) -> FilePath {
    match path.to_bytes().strip_prefix(prefix.as_bytes()) {
        Some([]) => "/".into(),
        Some(below) => FilePath::from_bytes(below),
        None => path.clone(),
    }
}

/// The same gaps with paths below the root.
fn moved(prefix: &str, gaps: &Gaps) -> Gaps {
    let moved = |gap: &Gap| {
        let mut gap = gap.clone();
        gap.path = gap.path.map(|path| from(prefix, &path));
        gap
    };
    let mut all = Gaps::default();
    for gap in gaps {
        all.add_counted(moved(gap), 0);
    }
    // The list of gaps is bounded; their number is not.
    let first = gaps.iter().next().map(moved);
    all.add_counted(
        first.unwrap_or_else(|| Gap::new(GapKind::Unknown)),
        gaps.total(),
    );
    all
}

/// Paths that were named and not found.
fn missing(asked: &InventoryRequest, files: &[FileEntry]) -> BTreeSet<FilePath> {
    let named = asked.files.iter().flat_map(|selector| &selector.paths);
    let mut missing: BTreeSet<FilePath> = named.map(FilePath::from).collect();
    for file in files {
        missing.remove(&file.path);
    }
    missing
}

/// Whether a directory on the way to `path` is a link.
fn behind_link(path: &FilePath, files: &[FileEntry]) -> bool {
    let above = |link: &&FileEntry| link.kind == FileKind::Symlink && path.is_below(&link.path);
    files.iter().any(|file| above(&file))
}
