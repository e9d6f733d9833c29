//! An engine that counts programs: at most so many run with the rights of their owner or group.

use scanner_core::{
    Evaluation, ScanEngine,
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{FileKind, FileSelector, Inventory, InventoryRequest, Section, Selection},
};

/// Items of evidence in a report.
const SHOWN: usize = 20;

/// Fails where there are more setuid and setgid programs than allowed.
#[derive(Debug, Clone, Default)]
pub struct SetuidPrograms {
    most: usize,
    under: Vec<String>,
}

impl SetuidPrograms {
    /// Allows that many.
    pub fn at_most(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Searches below these directories alone; the whole filesystem otherwise.
    #[must_use]
    pub fn under(mut self, directories: &[&str]) -> Self {
        self.under = directories.iter().map(|&one| one.to_owned()).collect();
        self
    }

    fn selector(&self) -> FileSelector {
        FileSelector {
            under: self.under.clone(),
            kind: vec![FileKind::File],
            mode_any: Some("6000".into()),
            ..FileSelector::default()
        }
    }
}

impl ScanEngine for SetuidPrograms {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-setuid", env!("CARGO_PKG_VERSION"))
            .with_title("Setuid and setgid programs, as ACME counts them")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Files].into(),
            files: vec![self.selector()],
            ..InventoryRequest::default()
        }
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        let title = format!("At most {} setuid or setgid programs", self.most);
        let check = CheckResult::new("acme-setuid-count", title, Severity::High)
            .with_failing_title(format!("More than {} setuid or setgid programs", self.most))
            .with_advice(
                "Each one is a way to the rights of its owner.",
                "Remove the programs, or their setuid bits.",
            );
        let result = match inventory.select(&self.selector()) {
            // More than allowed in a part of the files is more than allowed.
            Selection::Found { files, .. } if files.len() > self.most => {
                let total = u64::try_from(files.len()).unwrap_or(u64::MAX);
                let paths = files.iter().take(SHOWN).map(|file| file.path.to_text());
                let mut failed = check.fail(paths.collect());
                failed.evidence_total = total;
                failed
            }
            // Fewer in a part of the files says nothing about the rest.
            Selection::Found { gaps, .. } if !gaps.is_empty() => check.error(gaps.to_string()),
            Selection::Found { .. } | Selection::None => check.pass(),
            Selection::NotChecked { reason, .. } => check.error(reason),
            _ => check.error("the files were selected in a way that this engine does not know"),
        };
        Findings::new(self.reference(), vec![result])
    }
}
