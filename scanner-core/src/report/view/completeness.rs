//! What was not read: how much of it a pass rests beside, and what would read it.

use std::collections::BTreeSet;

use scanner_inventory::{Coverage, Gap, GapKind, Section};

use super::View;
use crate::{finding::CheckStatus, remedy::Remedy};

impl View<'_> {
    /// Paths or items that checks which passed ask for, and that were not read, as far as their number is known.
    pub fn not_read(&self) -> u64 {
        let results = self.findings.iter().flat_map(|found| &found.results);
        let passed = results.filter(|r| r.status == CheckStatus::Pass && r.not_read > 0);
        let (mut sections, mut most) = (BTreeSet::new(), 0);
        for result in passed {
            most = most.max(result.not_read);
            let names = result
                .limits
                .iter()
                .filter_map(|limit| limit.split_once(": "));
            sections.extend(names.map(|(name, _)| name));
        }
        if most == 0 {
            return 0;
        }
        let partial = self.coverage.by_name().filter_map(|(name, coverage)| {
            let Coverage::Partial { gaps } = coverage else {
                return None;
            };
            let number = match gaps.total() {
                0 => gaps.iter().len() as u64,
                total => total,
            };
            sections.contains(name).then_some(number)
        });
        partial.sum::<u64>().max(most)
    }

    /// Number of checks that passed beside paths or items which were not read.
    pub fn passed_in_part(&self) -> usize {
        let passed = self.with_status(CheckStatus::Pass);
        passed.filter(|result| result.not_read > 0).count()
    }

    /// What would read what this scan could not, each once: in the words of a program that has these strategies.
    pub fn completions(&self) -> Vec<Remedy> {
        let mut found = Vec::new();
        if self.is_refused() {
            found.push(match self.strategy {
                "sidecar-inert" | "image" => Remedy::ReadAsRoot,
                "local" => Remedy::ReadAsOwner,
                _ => Remedy::ReadImageAsRoot,
            });
        }
        let env = self.coverage.get(&Section::Env);
        let is_partial = |coverage: &Coverage| {
            matches!(
                coverage,
                Coverage::Partial { .. } | Coverage::Unavailable { .. }
            )
        };
        if matches!(self.strategy, "distroless" | "sidecar" | "attached")
            && env.is_some_and(is_partial)
        {
            found.push(Remedy::UseExec);
        }
        found
    }

    /// Whether something of the files was not read because the agent may not read it.
    fn is_refused(&self) -> bool {
        const OF_FILES: [Section; 7] = [
            Section::Files,
            Section::Users,
            Section::Groups,
            Section::Shadow,
            Section::Packages,
            Section::LanguagePackages,
            Section::Os,
        ];
        let refused = |gap: &Gap| {
            matches!(
                gap.kind,
                GapKind::NotSearchable | GapKind::NotListable | GapKind::NotReadable
            )
        };
        let mut of_files = OF_FILES
            .iter()
            .filter_map(|section| self.coverage.get(section));
        of_files.any(|coverage| match coverage {
            Coverage::Partial { gaps } => gaps.iter().any(refused),
            Coverage::Unavailable { reason } => reason.contains("cannot be read"),
            Coverage::Complete | Coverage::NotRequested => false,
        })
    }
}
