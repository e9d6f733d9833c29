//! Decides how a target is reached: by the named strategy, or by the least intrusive one whose evidence the policy accepts.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{Target, cause, plan::EvidenceSource};

use super::{
    checks::probe_resources,
    error::PrepareError,
    fallback::{FIRST, fallback, trying_anew},
    registry,
    request::{ScanRequest, Strategy},
};
use crate::{api::segment::Segment, strategies::approach::Approach};

/// What is done first, and what may be tried after it.
pub(super) struct Choice {
    pub(super) approach: Box<dyn Approach>,
    /// Why, where the strategy was left to choose.
    pub(super) reason: Option<String>,
    pub(super) next: Vec<Strategy>,
}

/// Decides how `target` is reached first.
///
/// # Errors
///
/// Fails when the strategy that was named cannot be taken.
pub(super) async fn choose(
    segment: &Segment,
    target: &Target,
    pod: Option<&Pod>,
    request: &ScanRequest,
) -> Result<Choice, PrepareError> {
    let request = &trying_anew(request);
    let rest = fallback(request);
    let (named, resources) = (request.strategy.clone(), probe_resources(request));
    let first = registry::approach(segment, target, pod, named, &resources).await?;
    let (mut reason, mut next) = (rest.first().map(|_| FIRST.to_owned()), rest);
    if !matches!(request.strategy, Strategy::Auto { .. }) {
        (reason, next) = (None, Vec::new());
    }
    let Some(why) = passed_over(request, first.as_ref()).filter(|_| !next.is_empty()) else {
        return Ok(Choice {
            approach: first,
            reason,
            next,
        });
    };
    let mut passed = vec![why];
    for strategy in next {
        match registry::approach(segment, target, pod, strategy, &resources).await {
            Ok(approach) => match passed_over(request, approach.as_ref()) {
                Some(why) => passed.push(why),
                None => {
                    return Ok(Choice {
                        approach,
                        reason: Some(format!("chosen automatically: {}", passed.join("; "))),
                        next: Vec::new(),
                    });
                }
            },
            Err(error) => passed.push(cause::chain(&error)),
        }
    }
    // The gates refuse it, and say why.
    Ok(Choice {
        approach: first,
        reason: Some(format!(
            "no strategy gives evidence that the policy accepts: {}",
            passed.join("; ")
        )),
        next: Vec::new(),
    })
}

/// Why an approach is not taken where the strategy is left to choose, if it is not.
fn passed_over(request: &ScanRequest, approach: &dyn Approach) -> Option<String> {
    why_not(request, approach.name(), approach.evidence().as_ref())
}

/// The same of a strategy by its name and its evidence.
pub(super) fn why_not(
    request: &ScanRequest,
    strategy: &str,
    evidence: Option<&EvidenceSource>,
) -> Option<String> {
    let why = evidence.map_or("nothing is known of its evidence", |evidence| &evidence.why);
    // A probe that its target can rewrite is worth no more than the shell of that target, and leaves an entry in the pod.
    let rewritten = strategy == "distroless" && evidence.is_none_or(|e| !e.independent);
    if rewritten {
        return Some(format!("strategy distroless is passed over, because {why}"));
    }
    let policy = request.policy.as_ref()?;
    (!policy.accepts_evidence(strategy, evidence))
        .then(|| format!("the policy does not accept the evidence of strategy {strategy}: {why}"))
}
