//! What a comparison asks of an agent.

use std::collections::BTreeSet;

use scanner_core::inventory::{FileKind, FileSelector, InventoryRequest, Section};

/// Names of libraries, which are run without an execute bit, and of scripts.
const RUN_BY_NAME: [&str; 24] = [
    "*.so", "*.so.*", "*.sh", "*.bash", "*.py", "*.pyc", "*.pl", "*.pm", "*.rb", "*.js", "*.mjs",
    "*.cjs", "*.php", "*.lua", "*.tcl", "*.awk", "*.jar", "*.war", "*.class", "*.dll", "*.node",
    "*.wasm", "*.ko", "*.ps1",
];

/// How much of two filesystems is compared, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Whether the digest of every file is compared, not only of programs, libraries, scripts and what is below `/etc`.
    pub full: bool,
    /// Whether capabilities of files are compared. A probe reads them, a shell does not.
    pub capabilities: bool,
}

/// Every file, and `more`.
pub(super) fn request(more: &[Section], depth: Depth) -> InventoryRequest {
    let mut sections = BTreeSet::from([Section::Files]);
    sections.extend(more);
    let every = FileSelector {
        digest: depth.full,
        capabilities: depth.capabilities,
        times: true,
        ..FileSelector::default()
    };
    let mut files = vec![every];
    if !depth.full {
        files.extend(digested());
    }
    InventoryRequest {
        sections,
        files,
        // An image has no mounts.
        one_filesystem: true,
        ..InventoryRequest::default()
    }
}

/// What is always compared by its contents.
fn digested() -> [FileSelector; 4] {
    let of = |kind| FileSelector {
        kind: vec![kind],
        digest: true,
        ..FileSelector::default()
    };
    let file = || of(FileKind::File);
    [
        of(FileKind::Symlink),
        FileSelector {
            mode_any: Some("111".into()),
            ..file()
        },
        FileSelector {
            name: RUN_BY_NAME.map(str::to_owned).to_vec(),
            ..file()
        },
        FileSelector {
            under: vec!["/etc".into()],
            ..file()
        },
    ]
}
