//! A strategy that really execs, with a script of the test's choice, and an engine that passes.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, Evaluation, FailureKind, OpenContext, ScanEngine, ScanStrategy,
    StrategyError, TargetAccess,
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{
        AgentInfo, Inventory, InventoryRequest,
        sink::{InventorySink, deliver},
    },
};
use scanner_k8s::{
    ScanScope,
    api::exec::{ExecStream, Limits},
};

/// Runs `script` with `sh -s` as the scan's own identity.
pub struct Script {
    /// The scan.
    pub scope: Arc<ScanScope>,
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

    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            StrategyError::new(FailureKind::Unknown, "cannot open").with_source(error)
        };
        let client = self.scope.credential().scan_client(controls);
        let client = client.map_err(|error| failed(error.into()))?;
        let opened = client
            .exec(&self.scope.plan().target, &[self.shell, "-s"])
            .await;
        match opened {
            Ok(stream) => Ok(Box::new(Access(stream, self.script))),
            Err(error) => Err(failed(error.into())),
        }
    }
}

struct Access(ExecStream, &'static str);

#[async_trait]
impl TargetAccess for Access {
    async fn stream(
        &mut self,
        _: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let limits = Limits {
            bytes: 1 << 20,
            total: Duration::from_secs(100),
            idle: Some(Duration::from_secs(100)),
        };
        let ran = self.0.run(self.1.as_bytes(), limits).await;
        let out = ran.map_err(|error| {
            AccessError::new(error.failure_kind(), "cannot collect").with_source(error)
        })?;
        let inventory = Inventory {
            agent: AgentInfo {
                name: String::from_utf8_lossy(&out).trim().into(),
                ..AgentInfo::default()
            },
            ..Inventory::default()
        };
        deliver(inventory, sink).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

/// An engine whose only check passes.
pub struct Passes;

impl ScanEngine for Passes {
    fn reference(&self) -> EngineRef {
        EngineRef::new("e2e", "1").with_title("E2E")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        let check = CheckResult::new("passes", "Passes", Severity::High);
        Findings::new(self.reference(), vec![check.pass()])
    }
}
