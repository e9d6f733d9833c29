//! Compares numbers with limits, as the SAF CLI does, and keeps what does not hold.

use scanner_core::finding::{CheckResult, Findings, HdfStatus, ThresholdOutcome};

/// The outcome so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) outcome: ThresholdOutcome,
}

impl Tally {
    pub(super) fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if holds {
            self.outcome.met += 1;
        } else {
            self.outcome.breaches.push(breach());
        }
    }

    pub(super) fn within(&mut self, path: &str, value: u32, min: Option<u32>, max: Option<u32>) {
        if let Some(min) = min {
            self.must(value >= min, || {
                format!("{path}: {value}, expected at least {min}")
            });
        }
        if let Some(max) = max {
            self.must(value <= max, || {
                format!("{path}: {value}, expected at most {max}")
            });
        }
    }

    /// As the SAF CLI does it: each id is there, and the numbers are equal.
    pub(super) fn exactly(&mut self, path: &str, wanted: &[String], found: &[&CheckResult]) {
        let missing: Vec<&str> = wanted
            .iter()
            .filter(|id| !found.iter().any(|r| r.id == **id))
            .map(String::as_str)
            .collect();
        self.must(missing.is_empty(), || {
            format!("{path}.controls: not there: {}", missing.join(", "))
        });
        self.must(wanted.len() == found.len(), || {
            format!(
                "{path}.controls: {} checks, expected the {} that are listed",
                found.len(),
                wanted.len()
            )
        });
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `Math.round(100 * passed / (passed + failed + skipped + error))`, and 0 of nothing.
pub(super) fn compliance(findings: &Findings) -> u32 {
    let of = |status| {
        let all = findings.results.iter();
        all.filter(|r| r.hdf_status() == status).count()
    };
    let passed = of(HdfStatus::Passed);
    let all = passed + of(HdfStatus::Failed) + of(HdfStatus::Skipped) + of(HdfStatus::Error);
    if all == 0 {
        return 0;
    }
    count((200 * passed + all) / (2 * all))
}
