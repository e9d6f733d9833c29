//! Strategy `container`: one exec into the running container, with the shell collector on stdin.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, ScanPlan, ScanStrategy, StrategyError, Target, TargetAccess,
    inventory::{Inventory, InventoryRequest, parse},
    plan::PlannedCommand,
};
use uuid::Uuid;

use crate::{
    Session, collector,
    exec::{ExecError, ExecStream, Limits},
};

/// Largest answer in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// Longest silence of the collector: one walk of a large filesystem.
const IDLE: Duration = Duration::from_mins(2);

/// Execs into the target with the scan's own identity.
pub struct ContainerExec {
    session: Arc<Session>,
    nonce: String,
}

impl ContainerExec {
    /// A strategy for one scan.
    pub fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            nonce: Uuid::new_v4().simple().to_string(),
        }
    }
}

/// What would run in `target` to answer `request`.
pub fn commands(target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
    let script = collector::script(request, &"0".repeat(32));
    vec![PlannedCommand {
        container: target.container.to_string(),
        argv: collector::COMMAND.map(str::to_owned).to_vec(),
        stdin: "the collector script, which only reads".into(),
        stdin_bytes: script.len(),
    }]
}

#[async_trait]
impl ScanStrategy for ContainerExec {
    fn name(&self) -> &'static str {
        "container"
    }

    fn trust(&self) -> &'static str {
        "the target's own shell and tools answer: an intruder in it can lie"
    }

    fn commands(&self, target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
        commands(target, request)
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let opened = self.session.exec(&plan.target, &collector::COMMAND).await;
        let stream = opened.map_err(|error| StrategyError {
            message: format!("cannot exec into {}", plan.target),
            hint: error.hint.clone(),
            source: Some(Box::new(error)),
        })?;
        Ok(Box::new(Access {
            stream,
            nonce: self.nonce.clone(),
            limits: Limits {
                bytes: MAX_ANSWER,
                total: Duration::from_secs(plan.lease_seconds.into()),
                idle: IDLE,
            },
        }))
    }
}

struct Access {
    stream: ExecStream,
    nonce: String,
    limits: Limits,
}

#[async_trait]
impl TargetAccess for Access {
    async fn inventory(&mut self, request: &InventoryRequest) -> Result<Inventory, AccessError> {
        let script = collector::script(request, &self.nonce);
        let ran = self.stream.run(script.as_bytes(), self.limits).await;
        let answer = ran.map_err(|error| AccessError {
            message: "the collector gave no answer".into(),
            hint: hint(&error),
            source: Some(Box::new(error)),
        })?;
        parse::inventory(collector::NAME, &answer, &self.nonce, request).map_err(|error| {
            AccessError {
                message: "the collector's answer cannot be used".into(),
                hint: Some(
                    "scan again; if it stays so, the target's tools do not work or lie".into(),
                ),
                source: Some(Box::new(error)),
            }
        })
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}

fn hint(error: &ExecError) -> Option<String> {
    let text = match error {
        ExecError::Failed(message) if has_no_shell(message) => {
            "the container has no /bin/sh, as in a distroless image: strategy container cannot look \
             into it; take strategy distroless, which brings its own tools: secure-scan distroless"
        }
        ExecError::TooLate => "raise --lease if the target's filesystem is very large",
        ExecError::Cut | ExecError::Connection(_) => {
            "scan again; see that the container still runs"
        }
        ExecError::TooLong(_) | ExecError::Failed(_) => return None,
    };
    Some(text.into())
}

/// Words of runc and of crun for a command that is not there.
fn has_no_shell(message: &str) -> bool {
    message.contains("exec: \"/bin/sh\"") || message.contains("executable file `/bin/sh` not found")
}
