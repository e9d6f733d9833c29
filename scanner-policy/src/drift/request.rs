//! The request of a comparison to an agent.

use std::collections::BTreeSet;

use scanner_core::inventory::{FileKind, FilePath, FileSelector, InventoryRequest, Section};

/// Names of libraries, which are run without an execute bit, and of scripts.
const RUN_BY_NAME: [&str; 62] = [
    "*.so", "*.so.*", "*.sh", "*.bash", "*.zsh", "*.ksh", "*.csh", "*.fish", "*.py", "*.pyc",
    "*.pyo", "*.pyw", "*.pyz", "*.pth", "*.pl", "*.pm", "*.rb", "*.js", "*.mjs", "*.cjs", "*.jsx",
    "*.ts", "*.mts", "*.cts", "*.tsx", "*.php", "*.php3", "*.php4", "*.php5", "*.php7", "*.php8",
    "*.phtml", "*.phar", "*.inc", "*.jsp", "*.jspx", "*.asp", "*.aspx", "*.cgi", "*.lua", "*.tcl",
    "*.awk", "*.r", "*.beam", "*.ez", "*.ex", "*.exs", "*.jar", "*.war", "*.ear", "*.class",
    "*.groovy", "*.kts", "*.dll", "*.exe", "*.node", "*.wasm", "*.ko", "*.ko.*", "*.ps1", "*.psm1",
    "*.scm",
];

/// Whether a file is run by its name, in whatever case.
pub(super) fn is_run_by_name(path: &FilePath) -> bool {
    let name = path.file_name().to_lowercase();
    RUN_BY_NAME.iter().any(|pattern| {
        let end = pattern.trim_start_matches('*');
        match end.strip_suffix(".*") {
            Some(part) => name.contains(&format!("{part}.")),
            None => name.ends_with(end),
        }
    })
}

/// How much of two filesystems is compared, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Whether the digest of every file is compared, not only of those with an execute bit, with the name of a library or a
    /// script, or below `/etc`.
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

/// Files that are always compared by their contents.
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
            name: run_by_name(),
            ..file()
        },
        FileSelector {
            under: vec!["/etc".into()],
            ..file()
        },
    ]
}

/// These names in both cases.
fn run_by_name() -> Vec<String> {
    let upper = RUN_BY_NAME.iter().map(|name| name.to_uppercase());
    RUN_BY_NAME
        .iter()
        .map(|name| (*name).to_owned())
        .chain(upper)
        .collect()
}
