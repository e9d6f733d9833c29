//! An agent at the other end of one exec stream: it gets one input and gives one framed answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    AccessError, TargetAccess,
    inventory::{Inventory, InventoryRequest, parse},
};

use crate::{
    Session, collector,
    exec::{ExecError, ExecStream, Limits},
};

/// Largest answer in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// Longest silence of an agent: one walk of a large filesystem.
const IDLE: Duration = Duration::from_mins(2);

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) enum Agent {
    /// The shell collector, and whether the target turned out to have no shell.
    Collector(Arc<AtomicBool>),
    /// `secure-scan-probe`.
    Probe,
}

/// An open way to one agent.
pub(crate) struct AgentStream {
    stream: ExecStream,
    agent: Agent,
    nonce: String,
    limits: Limits,
    /// The scan that is told what changed in the target, where a running target is read.
    told: Option<Arc<Session>>,
}

impl AgentStream {
    pub(crate) fn new(stream: ExecStream, agent: Agent, nonce: &str, seconds: u32) -> Self {
        Self {
            stream,
            agent,
            nonce: nonce.to_owned(),
            limits: Limits {
                bytes: MAX_ANSWER,
                total: Duration::from_secs(seconds.into()),
                idle: IDLE,
            },
            told: None,
        }
    }

    /// The same, of the running target itself: the scan is told what changed in it meanwhile.
    pub(crate) fn comparing(mut self, session: &Arc<Session>) -> Self {
        self.told = Some(Arc::clone(session));
        self
    }
}

#[async_trait]
impl TargetAccess for AgentStream {
    async fn inventory(&mut self, request: &InventoryRequest) -> Result<Inventory, AccessError> {
        let request = match &self.told {
            Some(_) => &request.comparing(),
            None => request,
        };
        let (name, input) = match &self.agent {
            Agent::Collector(_) => {
                let script = collector::script(request, &self.nonce);
                (collector::NAME, script.into_bytes())
            }
            Agent::Probe => (
                "probe",
                serde_json::to_vec(request).map_err(|error| AccessError {
                    message: "the request cannot be sent".into(),
                    hint: None,
                    source: Some(Box::new(error)),
                })?,
            ),
        };
        let ran = self.stream.run(&input, self.limits).await;
        let answer = ran.map_err(|error| AccessError {
            message: format!("the {name} gave no answer"),
            hint: self.hint(&error),
            source: Some(Box::new(error)),
        })?;
        let read = parse::inventory(name, &answer, &self.nonce, request);
        if let (Some(session), Ok(inventory)) = (&self.told, &read) {
            let _ = session.changes.set(inventory.changes.clone());
        }
        read.map_err(|error| AccessError {
            message: format!("the {name}'s answer cannot be used"),
            hint: Some("scan again; if it stays so, what answers does not work or lies".into()),
            source: Some(Box::new(error)),
        })
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}

impl AgentStream {
    fn hint(&self, error: &ExecError) -> Option<String> {
        let text = match (error, &self.agent) {
            (ExecError::Failed(message), Agent::Collector(no_shell)) if has_no_shell(message) => {
                no_shell.store(true, Ordering::Relaxed);
                "the container has no /bin/sh, as in a distroless image: strategy container cannot \
                 look into it; take a strategy that brings its own tools: secure-scan distroless"
            }
            (ExecError::TooLate, _) => "raise --lease if the target's filesystem is very large",
            (ExecError::Cut | ExecError::Connection(_), _) => {
                "scan again; see that the container still runs"
            }
            (ExecError::TooLong(_) | ExecError::Failed(_), _) => return None,
        };
        Some(text.into())
    }
}

/// Words of runc and of crun for a command that is not there.
fn has_no_shell(message: &str) -> bool {
    message.contains("exec: \"/bin/sh\"") || message.contains("executable file `/bin/sh` not found")
}
