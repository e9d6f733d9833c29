//! An agent at the other end of one exec stream: it gets one input and gives one framed answer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    AccessError, TargetAccess,
    inventory::{Collected, Inventory, InventoryRequest, collector, parse, wire::WireError},
};

use crate::{
    api::exec::{ExecError, ExecStream, Limits},
    run::session::Session,
};

/// Largest answer in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// Longest silence of an agent: one walk of a large filesystem.
const IDLE: Duration = Duration::from_mins(2);

/// What the shell collector needs and the target turned out not to have; a probe brings its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lacks {
    /// `/bin/sh`.
    Shell,
    /// A tool, in the collector's words, such as `the target has no dd`.
    Tool(String),
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell => f.write_str("the target has no /bin/sh"),
            Self::Tool(words) => f.write_str(words),
        }
    }
}

/// How the collector words that a tool is not there.
const NO_TOOL: &str = "the target has no ";
/// How the probe words that the kernel does not show it the target.
const UNSEEN: &str = "cannot see the root";

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) enum Agent {
    /// The shell collector, and what it turned out to lack.
    Collector(Arc<OnceLock<Lacks>>),
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
            hint: self.agent.hint(&error),
            source: Some(Box::new(error)),
        })?;
        let read = parse::inventory(name, &answer, &self.nonce, request);
        if let (Some(session), Ok(inventory)) = (&self.told, &read) {
            let _ = session.changes.set(inventory.changes.clone());
        }
        self.agent.learn(&read);
        read.map_err(|error| AccessError {
            message: format!("the {name}'s answer cannot be used"),
            hint: Some(of_answer(&error).into()),
            source: Some(Box::new(error)),
        })
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}

impl Agent {
    /// What to do where it gave no answer.
    fn hint(&self, error: &ExecError) -> Option<String> {
        let text = match (error, self) {
            (ExecError::NoShell { .. }, Self::Collector(lacks)) => {
                let _ = lacks.set(Lacks::Shell);
                "the container has no /bin/sh, as in a distroless image: strategy container cannot \
                 look into it; take a strategy that brings its own tools: secure-scan distroless"
            }
            (ExecError::Failed { stderr, .. }, Self::Probe) if stderr.contains(UNSEEN) => {
                "the kernel shows a process only to one of its user with at least its capabilities: the target's \
                 may have changed its user after its start, as when it starts as root and drops to another; \
                 take secure-scan sidecar --inert, which reads the image"
            }
            (ExecError::TooLate, _) => "raise --lease if the target's filesystem is very large",
            (ExecError::Cut | ExecError::Connection(_), _) => {
                "scan again; see that the container still runs"
            }
            (error, _) => return error.hint(),
        };
        Some(text.into())
    }

    /// Notes what the collector lacked, so that it could not answer at all or not list files.
    fn learn(&self, read: &Result<Inventory, WireError>) {
        let Self::Collector(lacks) = self else {
            return;
        };
        let words = match read {
            Err(WireError::Refused(words)) => words,
            Ok(Inventory {
                files: Collected::Unavailable { reason },
                ..
            }) => reason,
            _ => return,
        };
        if words.starts_with(NO_TOOL) {
            let _ = lacks.set(Lacks::Tool(words.clone()));
        }
    }
}

/// What to do about an answer that cannot be used.
fn of_answer(error: &WireError) -> &'static str {
    match error {
        WireError::Refused(_) => {
            "take a strategy that brings its own tools: secure-scan distroless; or secure-scan sidecar --inert, \
             which reads the image"
        }
        _ => "scan again; if it stays so, what answers does not work or lies",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_may_not_see_the_target_names_what_can() {
        let denied = "cannot see the root /proc/7/root: Permission denied (os error 13)";
        let failed = |said: &str| ExecError::Failed {
            server: "exit code 1".into(),
            stderr: said.into(),
            exit_code: Some(1),
        };
        let hint = Agent::Probe.hint(&failed(denied));
        assert!(hint.is_some_and(|h| h.contains("secure-scan sidecar --inert")));
        assert_eq!(Agent::Probe.hint(&failed("else")), None);
    }

    #[test]
    fn what_the_collector_lacks_is_noted() {
        let unavailable = |reason: &str| Inventory {
            files: Collected::Unavailable {
                reason: reason.into(),
            },
            ..Inventory::default()
        };
        let refused = |words: &str| Err(WireError::Refused(words.into()));
        let tool = |words: &str| Some(Lacks::Tool(words.into()));
        let (dd, find) = ("the target has no dd", "the target has no find");
        for (read, expected) in [
            (refused(dd), tool(dd)),
            (refused("something else"), None),
            (Err(WireError::Cut), None),
            (Ok(unavailable(find)), tool(find)),
            (Ok(unavailable("Permission denied")), None),
            (Ok(Inventory::default()), None),
        ] {
            let lacks = Arc::default();
            Agent::Collector(Arc::clone(&lacks)).learn(&read);
            assert_eq!(lacks.get().cloned(), expected, "{read:?}");
        }
        assert!(of_answer(&WireError::Refused(dd.into())).contains("secure-scan distroless"));
        assert!(!of_answer(&WireError::Cut).contains("distroless"));
    }
}
