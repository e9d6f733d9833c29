//! An inventory as a stream: every section but the files at once, then one file after the other.

use std::{
    future::{Future, ready},
    pin::Pin,
};

use crate::{
    AgentInfo, Changes, Collected, Coverage, FileEntry, FromImage, Gap, GapKind, Gaps, Inventory,
};

/// Resolves when something was taken and there is room for more.
pub type Taken<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Receives an inventory as it comes.
///
/// Wait for each of these futures before the next call: a sink may need time, for example if its readers evaluate what they
/// get, and a sink that is not waited for may lose data.
pub trait InventorySink: Send {
    /// Takes every section but the files. Called once, before the first file.
    fn sections(&mut self, inventory: Inventory) -> Taken<'_>;

    /// Takes one file.
    fn file(&mut self, file: FileEntry) -> Taken<'_>;

    /// Takes how completely the files were collected. Called once, after the last file.
    fn end(&mut self, files: FilesEnd) -> Taken<'_>;
}

/// The end of a stream: how completely the files were collected, and what is known only at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesEnd {
    /// How completely the files were collected.
    pub coverage: Coverage,
    /// Whether every selected file was among them, so that at most contents are missing.
    pub listed: bool,
    /// The agent, if the sections did not have everything about it.
    pub agent: Option<AgentInfo>,
    /// What changed while the agent looked, if the sections did not have it.
    pub changes: Collected<Changes>,
    /// What was read from the target's image, if the scan reads there what the target does not show.
    pub from_image: Option<FromImage>,
}

impl FilesEnd {
    /// The end of a stream whose sections had everything but the files.
    pub const fn new(coverage: Coverage, listed: bool) -> Self {
        Self {
            coverage,
            listed,
            agent: None,
            changes: Collected::NotRequested,
            from_image: None,
        }
    }

    /// The end of a list of the same files that leaves out `left_out` of them because it would be too long.
    #[must_use]
    pub fn cut(mut self, left_out: u64) -> Self {
        if left_out > 0 {
            let note = format!(
                "{left_out} files beyond the first ones are not in the list that this engine reads"
            );
            let over = Gap::new(GapKind::OverLimit).with_note(&note);
            let mut gaps = match self.coverage {
                Coverage::Complete => Gaps::default(),
                Coverage::Partial { gaps } => gaps,
                other => {
                    self.coverage = other;
                    return self;
                }
            };
            gaps.add_counted(over, left_out);
            self.coverage = Coverage::Partial { gaps };
            self.listed = false;
        }
        self
    }

    /// Completes the inventory of the same stream, of which `files` came.
    pub fn complete(self, inventory: &mut Inventory, files: Vec<FileEntry>) {
        inventory.files_listed = self.listed;
        inventory.files = self.coverage.with(files);
        if let Some(agent) = self.agent {
            inventory.agent = agent;
        }
        if self.changes != Collected::NotRequested {
            inventory.changes = self.changes;
        }
        if self.from_image.is_some() {
            inventory.from_image = self.from_image;
        }
    }
}

/// Hands on an inventory that was collected as a whole.
pub async fn deliver(mut inventory: Inventory, sink: &mut dyn InventorySink) {
    let end = FilesEnd::new(inventory.files.coverage(), inventory.files_listed);
    let files = std::mem::take(&mut inventory.files);
    sink.sections(inventory).await;
    if let Collected::Complete { data } | Collected::Partial { data, .. } = files {
        for file in data {
            sink.file(file).await;
        }
    }
    sink.end(end).await;
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
    fn sections(&mut self, inventory: Inventory) -> Taken<'_> {
        self.inventory = inventory;
        Box::pin(ready(()))
    }

    fn file(&mut self, file: FileEntry) -> Taken<'_> {
        self.files.push(file);
        Box::pin(ready(()))
    }

    fn end(&mut self, end: FilesEnd) -> Taken<'_> {
        end.complete(&mut self.inventory, std::mem::take(&mut self.files));
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

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
            let mut context = Context::from_waker(Waker::noop());
            let delivered = pin!(deliver(inventory.clone(), &mut gather)).poll(&mut context);
            assert!(delivered.is_ready());
            assert_eq!(gather.into_inventory(), inventory);
        }
    }

    #[test]
    fn a_list_that_is_cut_is_partial_and_not_whole() {
        let end = FilesEnd::new(Coverage::Complete, true);
        assert_eq!(end.clone().cut(0), end);
        let cut = end.cut(3);
        let Coverage::Partial { gaps } = &cut.coverage else {
            unreachable!("must be partial");
        };
        assert_eq!((gaps.total(), cut.listed), (3, false));
        let none = FilesEnd::new(Coverage::NotRequested, false);
        assert_eq!(none.clone().cut(3), none);
    }
}
