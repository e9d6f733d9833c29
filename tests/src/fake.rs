//! A strategy that really execs, with a script of the test's choice, and an engine that passes.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, ScanEngine, ScanPlan, ScanStrategy, StrategyError, Target,
    TargetAccess,
    finding::{CheckResult, CheckStatus, Findings, ProfileRef, Severity},
    inventory::{AgentInfo, Inventory, InventoryRequest},
    plan::PlannedCommand,
};
use scanner_k8s::{
    Session,
    api::exec::{ExecStream, Limits},
};

/// Runs `script` with `sh -s` as the scan's own identity.
pub struct Script {
    /// The scan.
    pub session: Arc<Session>,
    /// The shell that is run.
    pub shell: &'static str,
    /// What it reads.
    pub script: &'static str,
}

#[async_trait]
impl ScanStrategy for Script {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn trust(&self) -> &'static str {
        "the target's own tools"
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
        let opened = self.session.exec(&plan.target, &[self.shell, "-s"]).await;
        match opened {
            Ok(stream) => Ok(Box::new(Access(stream, self.script))),
            Err(error) => Err(StrategyError {
                message: "cannot open".into(),
                hint: None,
                source: Some(Box::new(error)),
            }),
        }
    }
}

struct Access(ExecStream, &'static str);

#[async_trait]
impl TargetAccess for Access {
    async fn inventory(&mut self, _: &InventoryRequest) -> Result<Inventory, AccessError> {
        let limits = Limits {
            bytes: 1 << 20,
            total: Duration::from_secs(20),
            idle: Duration::from_secs(10),
        };
        let ran = self.0.run(self.1.as_bytes(), limits).await;
        let out = ran.map_err(|error| AccessError {
            message: "cannot collect".into(),
            hint: None,
            source: Some(Box::new(error)),
        })?;
        Ok(Inventory {
            agent: AgentInfo {
                name: String::from_utf8_lossy(&out).trim().into(),
                ..AgentInfo::default()
            },
            ..Inventory::default()
        })
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

/// An engine whose only check passes.
pub struct Passes;

impl ScanEngine for Passes {
    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory) -> Findings {
        Findings {
            profile: ProfileRef {
                name: "e2e".into(),
                version: "1".into(),
                title: "E2E".into(),
                digest: String::new(),
                inputs: std::collections::BTreeMap::default(),
                selection: Vec::new(),
            },
            results: vec![CheckResult {
                id: "passes".into(),
                title: "Passes".into(),
                severity: Severity::High,
                status: CheckStatus::Pass,
                message: String::new(),
                evidence: vec![],
                evidence_total: 0,
                rationale: String::new(),
                fix: String::new(),
                limits: vec![],
                tags: Vec::new(),
                references: Vec::new(),
                waiver: None,
            }],
            waivers: None,
            thresholds: None,
        }
    }
}
