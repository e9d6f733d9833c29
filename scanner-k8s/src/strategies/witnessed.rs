//! An answer on its way to the engines: what it says about the target itself is compared, and only what the engines asked
//! for is passed on.

use std::sync::Arc;

use scanner_core::inventory::{
    Collected, FileEntry, Inventory, InventoryRequest, Section,
    sink::{FilesEnd, InventorySink, Taken},
};

use crate::pod::agreement::Agreement;

/// Hands an answer on, without the sections that no engine asked for.
pub(super) struct Witnessed<'a> {
    agreement: Arc<Agreement>,
    request: &'a InventoryRequest,
    sink: &'a mut dyn InventorySink,
}

impl<'a> Witnessed<'a> {
    pub(super) fn new(
        agreement: &Arc<Agreement>,
        request: &'a InventoryRequest,
        sink: &'a mut dyn InventorySink,
    ) -> Self {
        Self {
            agreement: Arc::clone(agreement),
            request,
            sink,
        }
    }
}

impl InventorySink for Witnessed<'_> {
    fn sections(&mut self, mut inventory: Inventory) -> Taken<'_> {
        self.agreement.compare(&inventory);
        let unasked = |section: Section| !self.request.sections.contains(&section);
        if unasked(Section::Identity) {
            inventory.identity = Collected::NotRequested;
        }
        if unasked(Section::Processes) {
            inventory.processes = Collected::NotRequested;
        }
        if unasked(Section::Mounts) {
            inventory.mounts = Collected::NotRequested;
        }
        if unasked(Section::Env) {
            inventory.env = Collected::NotRequested;
        }
        self.sink.sections(inventory)
    }

    fn file(&mut self, file: FileEntry) -> Taken<'_> {
        self.sink.file(file)
    }

    fn end(&mut self, files: FilesEnd) -> Taken<'_> {
        self.sink.end(files)
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::inventory::{
        Identity,
        sink::{Gather, deliver},
    };

    use super::*;
    use crate::pod::{agreement::Witness, stated::Stated};

    #[tokio::test]
    async fn what_no_engine_asked_for_does_not_go_on() {
        let asked = InventoryRequest {
            sections: [Section::Env].into(),
            ..InventoryRequest::default()
        };
        for witness in [Witness::Exec, Witness::Probe] {
            let whole = witness.asked(&asked);
            assert!(whole.changes && whole.sections.is_superset(&asked.sections));
            let agreement = Agreement::new(witness, Stated::default());
            let given = Inventory {
                identity: Collected::Complete {
                    data: Identity::default(),
                },
                processes: Collected::Complete { data: vec![] },
                mounts: Collected::Complete { data: vec![] },
                env: Collected::Complete { data: vec![] },
                ..Inventory::default()
            };
            let mut gather = Gather::default();
            let mut witnessed = Witnessed::new(&agreement, &asked, &mut gather);
            deliver(given, &mut witnessed).await;
            let found = gather.into_inventory();
            assert_eq!(found.env, Collected::Complete { data: vec![] });
            assert_eq!(found.identity, Collected::NotRequested);
            assert_eq!(found.processes, Collected::NotRequested);
            assert_eq!(found.mounts, Collected::NotRequested);
            assert!(agreement.found().is_some());
        }
    }
}
