//! What a policy decides about a scan, in one place: gates, isolation, required controls, and which findings count.

use std::sync::Arc;

use scanner_core::{ScanEngine, finding::Severity, gate::GatePolicy};
use scanner_policy::{
    FindingRules, Policy, PolicyGates, Signature, Thresholds, Waivers, WithPolicy,
};

/// A policy with everything that a scan takes from it, and the program's own decisions that replace parts of it.
///
/// A [`Policy`] can be used directly. A file of waivers that the policy names is not read: give its contents with
/// [`ScanPolicy::waivers`]. Without them no failed check is waived.
///
/// ```
/// use secure_scan::{Level, Policy, ScanPolicy, finding::Severity};
///
/// let policy = ScanPolicy::new(Policy::shipped(Level::Strict)?).fail_on(Severity::Medium);
/// assert_eq!(policy.threshold(), Severity::Medium);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ScanPolicy {
    gates: PolicyGates,
    rules: FindingRules,
    threshold: Severity,
}

impl ScanPolicy {
    /// A policy as it is.
    pub fn new(policy: Policy) -> Self {
        let own = policy.own_fail_on.then_some(policy.fail_on);
        let rules = FindingRules::default().with_complete(policy.require_complete);
        let mut rules = rules.with_fail_on(own);
        if let Some(thresholds) = policy.thresholds.clone() {
            rules = rules.with_thresholds(format!("policy {}", policy.name), thresholds);
        }
        Self {
            rules,
            threshold: policy.fail_on,
            gates: PolicyGates::new(policy),
        }
    }

    /// With waivers that replace those of the file that the policy names.
    pub fn waivers(mut self, waivers: impl Into<Option<Waivers>>) -> Self {
        self.rules = self.rules.with_waivers(waivers);
        self
    }

    /// With thresholds that replace the policy's; `source` names them in reports.
    pub fn thresholds(mut self, source: impl Into<String>, thresholds: Thresholds) -> Self {
        self.rules = self.rules.with_thresholds(source, thresholds);
        self
    }

    /// With the lowest severity at which a failed check is a finding, even if there are thresholds; replaces
    /// the policy's.
    pub fn fail_on(mut self, severity: Severity) -> Self {
        self.rules = self.rules.with_fail_on(severity);
        self.threshold = severity;
        self
    }

    /// Whether a check passes only if everything that it asks for was read; replaces the policy's decision.
    pub fn require_complete(mut self, complete: bool) -> Self {
        self.rules = self.rules.with_complete(complete);
        self
    }

    /// With a signature of the running image. A wrong signature aborts under every policy.
    pub fn signature(mut self, signature: impl Into<Option<Signature>>) -> Self {
        self.gates = self.gates.with_signature(signature);
        self
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        self.gates.policy()
    }

    /// Lowest severity at which a failed check is a finding if there are no thresholds.
    pub const fn threshold(&self) -> Severity {
        self.threshold
    }

    /// The rules by which findings count.
    pub const fn finding_rules(&self) -> &FindingRules {
        &self.rules
    }

    /// Whether a scan must verify that the pods which it starts are cut off from the network.
    pub const fn requires_isolation(&self) -> bool {
        self.gates.policy().require_isolation
    }

    /// Namespace in which images of running containers are read, where the policy names one.
    pub(crate) fn helper_namespace(&self) -> Option<String> {
        let named = self.gates.policy().helper_namespace.as_ref();
        named.map(ToString::to_string)
    }

    pub(crate) fn gates(&self) -> Arc<dyn GatePolicy> {
        Arc::new(self.gates.clone())
    }

    /// The same without rules for findings.
    pub(crate) fn without_finding_rules(&self) -> Self {
        Self {
            rules: FindingRules::default(),
            ..self.clone()
        }
    }

    /// `engine` whose findings go through the waivers and thresholds.
    pub(crate) fn over(&self, engine: Arc<dyn ScanEngine>) -> Arc<dyn ScanEngine> {
        Arc::new(WithPolicy::new(engine, self.rules.clone()))
    }
}

impl From<Policy> for ScanPolicy {
    fn from(policy: Policy) -> Self {
        Self::new(policy)
    }
}
