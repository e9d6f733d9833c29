//! The lending as a strategy of the pipeline: the program runs where a scan would look.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, ScanEngine, ScanPlan, ScanStrategy, StrategyError, Target,
    TargetAccess,
    audit::Entry,
    finding::{CheckResult, CheckStatus, Findings, ProfileRef, Severity},
    inventory::{Inventory, InventoryRequest},
    plan::PlannedCommand,
};

use super::Tool;
use crate::run::session::Session;
use crate::{names::LOAN_STRATEGY, plan::limits::get_rule};

/// Runs the program while the credential holds.
pub(super) struct Lend {
    pub(super) session: Arc<Session>,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) code: Arc<OnceLock<i32>>,
}

#[async_trait]
impl ScanStrategy for Lend {
    fn name(&self) -> &'static str {
        LOAN_STRATEGY
    }

    fn trust(&self) -> &'static str {
        "what the program does with the pod is its own"
    }

    fn commands(&self, _: &Target, _: &InventoryRequest) -> Vec<PlannedCommand> {
        vec![]
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let failed = |message: String| StrategyError {
            message,
            hint: None,
            source: None,
        };
        let token = self.session.take_lent();
        let token = token.ok_or_else(|| failed("there is no credential to lend".into()))?;
        let namespace = plan.target.namespace.as_str();
        let kubeconfig = self.session.segment.kubeconfig(&token, namespace);
        drop(token);
        let log = self.session.segment.audit();
        log.record(Entry::Lent {
            account: self.session.account(),
            namespace: namespace.to_owned(),
            pod: plan.target.pod.to_string(),
            get_pod: plan.rules.contains(&get_rule(plan.target.pod.as_str())),
            tool: self.tool.name(),
        });
        let limit = remaining(plan.lease_seconds, self.session.started.elapsed());
        let ran = tokio::time::timeout(limit, self.tool.run(kubeconfig)).await;
        let code = ran
            .map_err(|_| StrategyError {
                hint: Some("raise --lease".into()),
                ..failed("the program was ended: it ran longer than the lease".into())
            })?
            .map_err(failed)?;
        log.record(Entry::Done {
            what: format!("{} ended with code {code}", self.tool.name()),
        });
        let _ = self.code.set(code);
        Ok(Box::new(Nothing))
    }
}

/// How long the program may run: the lease began before it, and must not end before it.
fn remaining(lease_seconds: u32, passed: Duration) -> Duration {
    Duration::from_secs(lease_seconds.into()).saturating_sub(passed)
}

struct Nothing;

#[async_trait]
impl TargetAccess for Nothing {
    async fn inventory(&mut self, _: &InventoryRequest) -> Result<Inventory, AccessError> {
        Ok(Inventory::default())
    }

    async fn close(self: Box<Self>) {}
}

/// Says that the program was run; what it found is in its own output.
pub(super) struct ToolRan;

impl ScanEngine for ToolRan {
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory) -> Findings {
        Findings {
            profile: ProfileRef {
                name: "none".into(),
                version: String::new(),
                title: "A program with a lent credential".into(),
                digest: String::new(),
                inputs: std::collections::BTreeMap::default(),
                selection: Vec::new(),
            },
            thresholds: None,
            waivers: None,
            results: vec![CheckResult {
                id: "tool-ran".into(),
                title: "The program was run to its end".into(),
                severity: Severity::Info,
                status: CheckStatus::Pass,
                message: String::new(),
                evidence: vec![],
                evidence_total: 0,
                rationale: String::new(),
                fix: String::new(),
                limits: vec![],
                tags: vec![],
                references: vec![],
                waiver: None,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_does_not_outlive_the_lease() {
        let seconds = Duration::from_secs;
        assert_eq!(remaining(30, seconds(4)), seconds(26));
        assert_eq!(remaining(30, seconds(40)), Duration::ZERO);
    }
}
