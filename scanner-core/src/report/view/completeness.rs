//! What was not read: how much of it matters for checks that passed, and how to read it.

use scanner_inventory::{Coverage, Gap, GapKind, Section, is_refusal};

use super::View;
use crate::{
    finding::{CheckStatus, Findings},
    remedy::Remedy,
    strategy::IMAGE_OF_TARGET,
    verdict::Verdict,
};

/// Sections of files that a scan can fill from the image.
const FILLED: [Section; 5] = [
    Section::Files,
    Section::Users,
    Section::Groups,
    Section::Shadow,
    Section::LanguagePackages,
];
/// Those that it cannot: only a scan of the image itself reads them.
const UNFILLED: [Section; 2] = [Section::Packages, Section::Os];

impl View<'_> {
    /// Number of paths or items that passed checks ask for and that were not read, as far as it is known. One that several
    /// checks ask for counts once.
    pub fn not_read(&self) -> u64 {
        let passed = self.with_status(CheckStatus::Pass);
        let most = passed.map(|result| result.not_read).max();
        let most = most.unwrap_or_default();
        if most == 0 {
            return 0;
        }
        // Several engines may ask for the same, and a third-party engine may not say how many there are in all.
        let of_engines = self.findings.iter().map(|found| found.not_read);
        let in_all = self.coverage.by_name().map(|(_, coverage)| match coverage {
            Coverage::Partial { gaps } => gaps.missing(),
            _ => 0,
        });
        let of_engines = match self.findings {
            [_] => of_engines.sum(),
            _ => of_engines.sum::<u64>().min(in_all.sum()),
        };
        of_engines.max(most)
    }

    /// Whether everything that the checks ask for had to be read, and was not.
    pub fn lacks_completeness(&self) -> bool {
        self.verdict == Verdict::Incomplete
            && self.findings.iter().any(Findings::lacks_completeness)
    }

    /// Number of checks that passed although some of their paths or items were not read.
    pub fn passed_in_part(&self) -> usize {
        let passed = self.with_status(CheckStatus::Pass);
        passed.filter(|result| result.not_read > 0).count()
    }

    /// How to read what this scan could not read, each remedy once.
    pub fn completions(&self) -> Vec<Remedy> {
        let mut found = Vec::new();
        let (filled, unfilled) = (self.is_refused(&FILLED), self.is_refused(&UNFILLED));
        // What the image could not complete is not in the image, and neither is what a comparison with it did not see.
        let has_image = self.from_image.is_some() || self.image_scan.is_some();
        match self.strategy {
            "container" | "distroless" => {
                if filled && !has_image {
                    found.push(Remedy::CompleteFromImage);
                }
                if unfilled {
                    found.push(Remedy::ReadImageAsRoot);
                }
            }
            _ if has_image || !(filled || unfilled) => {}
            IMAGE_OF_TARGET | "image" => found.push(Remedy::ReadAsRoot),
            "local" => found.push(Remedy::ReadAsOwner),
            _ => found.push(Remedy::ReadImageAsRoot),
        }
        // Only a comparison by the container's own shell leaves out what a probe reads.
        let compares = |found: &Findings| {
            found.engine.name == "drift" && found.results.iter().any(|result| result.not_read > 0)
        };
        if self.strategy == "container" && self.findings.iter().any(compares) {
            found.push(Remedy::CompareByProbe);
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

    /// What came of the scan of the image, where there was one, and what was read from it, in lines whose text is not yet safe
    /// to show.
    pub fn image_lines(&self) -> Vec<String> {
        let scan = self.image_scan.map(|image| {
            let cleanup = match &image.post_scan {
                Some(audit) if audit.verified => "cleanup verified",
                Some(_) => "cleanup NOT VERIFIED",
                None => "cleanup not audited",
            };
            let helper = image.plan.image_of.as_ref();
            let place = helper.map_or_else(String::new, |_| {
                format!(" in namespace {}", image.plan.target.namespace)
            });
            format!("scan of the image{place}: {}; {cleanup}", image.verdict)
        });
        scan.into_iter().chain(self.read_lines()).collect()
    }

    fn read_lines(&self) -> Vec<String> {
        let Some(read) = self.from_image else {
            return Vec::new();
        };
        if self.strategy == IMAGE_OF_TARGET {
            let alone = "all evidence is of the image, but for what the specification says: the container was not read";
            return vec![alone.into()];
        }
        if read.is_empty() {
            let why = if self.gaps().is_empty() {
                "the container shows all that the checks ask for"
            } else {
                "what was not read is mounted, is not as in the image, or was not read there either"
            };
            return vec![format!("no path was read from the image: {why}")];
        }
        let places = match read.places() {
            1 => "1 path was".to_owned(),
            some => format!("{some} paths were"),
        };
        let standing = if read.fixed {
            "the root filesystem is read-only and nothing is mounted there, so the container cannot have changed this"
        } else {
            "the root filesystem is not read-only, or the container may make it writable: a process with the owner's rights \
             could have changed this since"
        };
        let mut lines = vec![format!("{places} read from the image; {standing}")];
        lines.extend(read.by_name().map(|(section, gaps)| {
            let all: Vec<String> = gaps.iter().map(ToString::to_string).collect();
            format!("{section}: {}", all.join("; "))
        }));
        lines
    }

    /// Whether something of these sections was not read because the agent may not read it.
    fn is_refused(&self, sections: &[Section]) -> bool {
        let refused = |gap: &Gap| {
            matches!(
                gap.kind,
                GapKind::NotSearchable | GapKind::NotListable | GapKind::NotReadable
            )
        };
        let mut of_files = sections
            .iter()
            .filter_map(|section| self.coverage.get(section));
        of_files.any(|coverage| match coverage {
            Coverage::Partial { gaps } => gaps.iter().any(refused),
            Coverage::Unavailable { reason } => is_refusal(reason),
            Coverage::Complete | Coverage::NotRequested => false,
        })
    }
}
