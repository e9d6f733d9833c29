//! An inventory as a stream: every section but the files at once, then one file after the other.

use crate::{Collected, Coverage, FileEntry, Inventory};

/// Receives an inventory as it comes.
pub trait InventorySink: Send {
    /// Takes every section but the files. Called once, before the first file.
    fn sections(&mut self, inventory: Inventory);

    /// Takes one file.
    fn file(&mut self, file: FileEntry);

    /// Takes how completely the files were collected. Called once, after the last file.
    fn end(&mut self, files: FilesEnd);
}

/// How completely the files of a stream were collected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesEnd {
    /// How completely.
    pub coverage: Coverage,
    /// Whether every selected file was among them, so that at most contents are missing.
    pub listed: bool,
}

impl FilesEnd {
    /// The end of a stream.
    pub const fn new(coverage: Coverage, listed: bool) -> Self {
        Self { coverage, listed }
    }
}

/// Hands on an inventory that was collected as a whole.
pub fn deliver(mut inventory: Inventory, sink: &mut dyn InventorySink) {
    let end = FilesEnd::new(inventory.files.coverage(), inventory.files_listed);
    let files = std::mem::take(&mut inventory.files);
    sink.sections(inventory);
    if let Collected::Complete { data } | Collected::Partial { data, .. } = files {
        for file in data {
            sink.file(file);
        }
    }
    sink.end(end);
}

/// Gathers a stream into one inventory again.
#[derive(Debug, Default)]
pub struct Gather {
    inventory: Inventory,
    files: Vec<FileEntry>,
}

impl Gather {
    /// The inventory so far.
    pub fn into_inventory(self) -> Inventory {
        self.inventory
    }
}

impl InventorySink for Gather {
    fn sections(&mut self, inventory: Inventory) {
        self.inventory = inventory;
    }

    fn file(&mut self, file: FileEntry) {
        self.files.push(file);
    }

    fn end(&mut self, end: FilesEnd) {
        let data = std::mem::take(&mut self.files);
        self.inventory.files_listed = end.listed;
        self.inventory.files = match end.coverage {
            Coverage::Complete => Collected::Complete { data },
            Coverage::Partial { gaps } => Collected::Partial { data, gaps },
            Coverage::Unavailable { reason } => Collected::Unavailable { reason },
            Coverage::NotRequested => Collected::NotRequested,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gap, GapKind};

    #[test]
    fn what_is_delivered_is_gathered_again() {
        let file = |path: &str| FileEntry {
            path: path.into(),
            ..FileEntry::default()
        };
        let data = vec![file("/a"), file("/b")];
        for files in [
            Collected::Complete { data: data.clone() },
            Collected::Partial {
                data,
                gaps: Gap::new(GapKind::NotReadable).at("/c").into(),
            },
            Collected::Unavailable {
                reason: "none".into(),
            },
            Collected::NotRequested,
        ] {
            let inventory = Inventory {
                files,
                files_listed: true,
                ..Inventory::default()
            };
            let mut gather = Gather::default();
            deliver(inventory.clone(), &mut gather);
            assert_eq!(gather.into_inventory(), inventory);
        }
    }
}
