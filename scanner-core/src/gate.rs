//! Gates: conditions on a target that are checked before it is touched.

pub(crate) mod decision;
mod facts;

pub use decision::{GateDecision, GateResult};
pub use facts::{GateFacts, Known, Limit, Needs, NetworkPolicyFact, ServiceFact, Siblings};

use crate::{
    object_metadata::ObjectMetadata,
    plan::{EvidenceSource, ScanPlan},
    probe_resources::ProbeResources,
    target::Namespace,
};

/// Models one condition that must hold before a target is touched. Pure: facts come in the plan.
pub trait Gate: Send + Sync {
    /// Stable identifier.
    fn id(&self) -> &str;

    /// Decides on the planned scan.
    fn decide(&self, plan: &ScanPlan) -> GateDecision;
}

/// Models the gates of a policy: what they need to know, and what they decide. Pure.
pub trait GatePolicy: Send + Sync + std::fmt::Debug {
    /// Name and version of the policy, for plan and report.
    fn reference(&self) -> String;

    /// What must be asked of the cluster, beyond the pod itself.
    fn needs(&self) -> Needs;

    /// The decision of every gate, in order.
    fn decide(&self, facts: &GateFacts, plan: &ScanPlan) -> Vec<GateResult>;

    /// Allowances that matched nothing of this target.
    fn unused(&self, facts: &GateFacts) -> Vec<String>;

    /// Whether evidence of that strategy counts, for the choice of a strategy; the gates decide in the end. By
    /// default all evidence counts.
    fn accepts_evidence(&self, strategy: &str, evidence: Option<&EvidenceSource>) -> bool {
        let _ = (strategy, evidence);
        true
    }

    /// Ids of controls without which the target may not be touched: if one of them does not hold, the scan
    /// ends, even if that would otherwise be tolerated.
    fn required_controls(&self) -> Vec<String> {
        Vec::new()
    }

    /// Namespace in which the scan identity must live; `None` where the policy does not name one.
    fn identity_namespace(&self) -> Option<Namespace> {
        None
    }

    /// Labels and annotations for everything that a scan creates, besides the scan's own.
    fn object_metadata(&self) -> ObjectMetadata {
        ObjectMetadata::default()
    }

    /// Requests and limits for the containers of the scan's own pods.
    fn probe_resources(&self) -> ProbeResources {
        ProbeResources::default()
    }

    /// Whether a scan must prove for every API server that its token is dead, and for every namespace that nothing is left.
    /// This takes ten seconds and a list of each kind in the cluster.
    fn proves_everywhere(&self) -> bool {
        false
    }
}

impl Gate for GateResult {
    fn id(&self) -> &str {
        &self.id
    }

    fn decide(&self, _: &ScanPlan) -> GateDecision {
        self.decision.clone()
    }
}

/// Aborts unless the node runs the image with the digest that the user expects.
#[derive(Debug, Clone)]
pub struct ExpectedDigest(pub String);

impl Gate for ExpectedDigest {
    fn id(&self) -> &'static str {
        "expected-digest"
    }

    fn decide(&self, plan: &ScanPlan) -> GateDecision {
        let running = plan.target.image_id.rsplit('@').next().unwrap_or_default();
        if running == self.0 {
            GateDecision::Allow {
                evidence: format!("the node runs {running}"),
            }
        } else {
            GateDecision::Abort {
                reason: format!("the node runs {running:?}, expected {}", self.0),
            }
        }
    }
}

/// Witness that every gate allowed a scan; only [`decide_all`] makes one.
#[derive(Debug, Clone)]
pub struct GateVerdict {
    results: Vec<GateResult>,
}

impl GateVerdict {
    /// The decision of each gate.
    pub fn results(&self) -> &[GateResult] {
        &self.results
    }
}

/// Asks every gate, in order.
///
/// # Errors
///
/// Returns all results when at least one gate aborts.
pub fn decide_all(
    gates: &[Box<dyn Gate>],
    plan: &ScanPlan,
) -> Result<GateVerdict, Vec<GateResult>> {
    let results: Vec<GateResult> = gates
        .iter()
        .map(|gate| GateResult::new(gate.id(), gate.decide(plan)))
        .collect();
    if results.iter().any(|r| {
        matches!(
            r.decision,
            GateDecision::Abort { .. } | GateDecision::Unknown
        )
    }) {
        Err(results)
    } else {
        Ok(GateVerdict { results })
    }
}
