//! A compiled profile, and its request to an agent.

use std::{collections::BTreeMap, sync::Arc};

use scanner_core::{
    finding::EngineRef,
    inventory::{InventoryRequest, Section},
};

use super::{error::ProfileWarning, raw::Scope};
use crate::{check::Check, inputs::Input, reachability};

/// A compiled profile.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(crate) reference: EngineRef,
    pub(crate) checks: Arc<[Check]>,
    pub(crate) inputs: BTreeMap<String, Input>,
    pub(super) warnings: Vec<ProfileWarning>,
}

impl Profile {
    /// Ids of the checks, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.id.as_str())
    }

    /// What has no effect: changes that change nothing, inputs that nothing reads. Also checks that need their files as a
    /// list, because a scan keeps only a bounded number.
    pub fn warnings(&self) -> &[ProfileWarning] {
        &self.warnings
    }

    /// The request of one check alone to an agent; `None` if there is no such check, or if it reads only the pod's
    /// specification.
    pub fn request_of(&self, id: &str) -> Option<InventoryRequest> {
        let check = self.checks.iter().find(|c| c.id == id)?;
        let asks = check.sections.iter().any(|s| *s != Section::Pod);
        asks.then(|| Self::request_for(std::slice::from_ref(check)))
    }

    pub(crate) fn compiled_request(&self) -> InventoryRequest {
        Self::request_for(&self.checks)
    }

    fn request_for(checks: &[Check]) -> InventoryRequest {
        let mut request = InventoryRequest::default();
        for check in checks.iter().filter(|c| c.disabled.is_none()) {
            request.sections.extend(&check.sections);
            for expression in check.expressions() {
                request.sections.extend(expression.beside());
            }
            for selector in &check.files {
                if !request.files.contains(selector) {
                    request.files.push(selector.clone());
                }
            }
            request.commands.extend(check.commands.iter().cloned());
        }
        let enabled = |check: &&Check| check.disabled.is_none();
        let mut reachable = checks.iter().filter(enabled);
        if reachable.any(|check| check.scope == Scope::Reachable) {
            request.sections.extend(reachability::SECTIONS);
            let programs = reachability::setuid_programs();
            if !request.files.contains(&programs) {
                request.files.push(programs);
            }
        }
        // A bill of materials has both; which of them could be read is reported for each.
        if request.sections.contains(&Section::Packages) {
            request.sections.insert(Section::LanguagePackages);
        }
        request
    }
}
