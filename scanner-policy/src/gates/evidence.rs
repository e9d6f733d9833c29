//! Evidence: whether an intruder in the target could forge what answers.

use std::collections::BTreeSet;

use scanner_core::{ScanPlan, escape::visible, plan::EvidenceSource};

use super::seen::{Seen, fine, objection};

/// Whether the evidence of a plan is independent of its target.
pub(super) fn independent(plan: &ScanPlan, allowed: &BTreeSet<String>) -> Seen {
    of(&plan.strategy, plan.evidence.as_ref(), allowed)
}

/// The same of one strategy; a strategy that says nothing is not independent.
pub(super) fn of(
    strategy: &str,
    evidence: Option<&EvidenceSource>,
    allowed: &BTreeSet<String>,
) -> Seen {
    let why = match evidence {
        Some(evidence) if evidence.independent => return fine(visible(&evidence.why, 400)),
        Some(evidence) => visible(&evidence.why, 400),
        None => "the strategy does not say what its evidence rests on".into(),
    };
    let strategy_shown = visible(strategy, 60);
    if allowed.contains(strategy) {
        return fine(format!(
            "allow_evidence names strategy {strategy_shown}, although {why}"
        ));
    }
    objection(format!(
        "strategy {strategy_shown} is not independent of the target: {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_independent_or_named_is_fine() {
        let named = BTreeSet::from(["container".to_owned()]);
        let none = BTreeSet::new();
        let (good, bad) = (
            EvidenceSource::independent("it is the image"),
            EvidenceSource::dependent("its own shell answers"),
        );
        let is_fine = |seen| matches!(seen, Seen::Fine(_));
        assert!(is_fine(of("x", Some(&good), &none)));
        for evidence in [Some(&bad), None] {
            assert!(!is_fine(of("container", evidence, &none)));
            assert!(!is_fine(of("containers", evidence, &named)));
            assert!(is_fine(of("container", evidence, &named)));
        }
    }
}
