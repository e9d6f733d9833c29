//! An agent at the other end of one exec stream: it reads one input and sends one framed answer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    AccessError, FailureKind, Remedy, TargetAccess,
    inventory::{
        Coverage, InventoryRequest, collector,
        parse::AnswerReader,
        sink::InventorySink,
        wire::{TARGET_HIDDEN, TARGET_LEFT, WireError, broken_tool, missing_tool},
    },
};

use crate::{
    api::exec::{ExecError, ExecStream, Limits, Output, Refusal},
    pod::agreement::Agreement,
    run::scope::ScanScope,
    strategies::witnessed::Witnessed,
};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    /// The shell collector.
    Collector {
        /// Whether an answer without a list of files is refused, since another strategy could be taken instead.
        strict: bool,
    },
    /// `secure-scan-probe`.
    Probe,
}

/// An open way to one agent.
pub(crate) struct AgentStream {
    stream: ExecStream,
    agent: Agent,
    nonce: String,
    /// Time after which the agent ends by itself.
    seconds: u32,
    limits: Limits,
    /// The scan that keeps what changed in the target, where a running target is read.
    comparing: Option<(Arc<ScanScope>, Arc<Agreement>)>,
}

impl AgentStream {
    /// The stream of a scan; its agent ends when the stream does, and with the lease at the latest.
    pub(crate) fn new(stream: ExecStream, agent: Agent, nonce: &str, scope: &ScanScope) -> Self {
        let seconds = scope.plan().lease_seconds;
        let limits = scope.limits();
        Self {
            stream,
            agent,
            nonce: nonce.to_owned(),
            seconds,
            limits: Limits {
                bytes: limits.answer,
                total: Duration::from_secs(seconds.into()),
                idle: limits.idle_timeout,
            },
            comparing: None,
        }
    }

    /// The same, of the running target itself: the scan keeps what changed in it meanwhile, and whether the agent
    /// agrees with what is stated of the target.
    pub(crate) fn comparing(mut self, scope: &Arc<ScanScope>, agreement: &Arc<Agreement>) -> Self {
        self.comparing = Some((Arc::clone(scope), Arc::clone(agreement)));
        self
    }
}

#[async_trait]
impl TargetAccess for AgentStream {
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let asked = match &self.comparing {
            Some((_, agreement)) => &agreement.witness().asked(request),
            None => request,
        };
        let mut witnessed;
        let sink: &mut dyn InventorySink = match &self.comparing {
            Some((_, agreement)) => {
                witnessed = Witnessed::new(agreement, request, sink);
                &mut witnessed
            }
            None => sink,
        };
        let request = asked;
        let (name, input) = match &self.agent {
            Agent::Collector { .. } => {
                let script = collector::script_held(request, &self.nonce, self.seconds);
                (collector::NAME, script.into_bytes())
            }
            Agent::Probe => (
                "probe",
                serde_json::to_vec(request).map_err(|error| {
                    AccessError::new(FailureKind::Unknown, "the request cannot be sent")
                        .with_source(error)
                })?,
            ),
        };
        let mut answer = Answer {
            reader: AnswerReader::new(name, &self.nonce, request),
            sink,
            agent: &self.agent,
        };
        let ran = self.stream.run_held_into(&input, self.limits, &mut answer);
        ran.await.map_err(|error| match refused(error) {
            Ok(error) => self.agent.unusable(error),
            Err(error) => {
                if let (Some((_, agreement)), Some(why)) =
                    (&self.comparing, self.agent.left(&error))
                {
                    agreement.all_left(why);
                }
                self.agent.no_answer(error, self.seconds)
            }
        })?;
        let Answer { reader, sink, .. } = answer;
        let end = reader.end(sink).await;
        let end = end.map_err(|error| self.agent.unusable(error))?;
        if let Some((scope, _)) = &self.comparing {
            scope.target().note_changes(end.changes.clone());
        }
        self.agent.check(&end.coverage)?;
        sink.end(end).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}

/// An answer that is read as it comes.
struct Answer<'a> {
    reader: AnswerReader,
    sink: &'a mut dyn InventorySink,
    agent: &'a Agent,
}

#[async_trait]
impl Output for Answer<'_> {
    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.reader.feed(bytes, self.sink).await?;
        Ok(())
    }

    fn is_whole(&self) -> bool {
        // An agent stays until its answer was read, because its end could cut off what is on the way. A collector with a
        // short answer does not stay, which saves a round trip.
        match self.agent {
            Agent::Probe => self.reader.is_whole(),
            Agent::Collector { .. } => self.reader.is_long_and_whole(),
        }
    }

    fn is_ended_by_reader(&self) -> bool {
        // A probe compares the target once more at its end, and its exit code reports what it saw.
        matches!(self.agent, Agent::Collector { .. })
    }
}

/// Why the reader refused what came, where it did.
fn refused(error: ExecError) -> Result<WireError, ExecError> {
    match error {
        ExecError::Refused(refusal) => match refusal.downcast() {
            Ok(error) => Ok(*error),
            Err(refusal) => Err(ExecError::Refused(refusal)),
        },
        error => Err(error),
    }
}

impl Agent {
    /// Its name in messages.
    const fn name(self) -> &'static str {
        match self {
            Self::Collector { .. } => "shell collector",
            Self::Probe => "probe",
        }
    }

    /// The message of a probe that saw every process outside of the target's container.
    fn left(self, error: &ExecError) -> Option<&str> {
        match (error, self) {
            (
                ExecError::Failed {
                    exit_code: Some(TARGET_LEFT),
                    stderr,
                    ..
                },
                Self::Probe,
            ) => Some(stderr),
            _ => None,
        }
    }

    /// Why it gave no answer, and what to do about it. By itself it ends `seconds` after its start at the latest.
    fn no_answer(self, error: ExecError, seconds: u32) -> AccessError {
        let hidden = matches!(
            (&error, self),
            (
                ExecError::Failed {
                    exit_code: Some(TARGET_HIDDEN),
                    ..
                },
                Self::Probe
            )
        );
        let left = self.left(&error).is_some();
        let (kind, remedy) = match (&error, self) {
            (ExecError::NoShell { .. }, Self::Collector { .. }) => {
                (FailureKind::NoShell, Some(Remedy::UseProbe))
            }
            _ if hidden || left => (FailureKind::TargetHidden, Some(Remedy::UseImage)),
            (ExecError::TooLate, _) => (error.failure_kind(), Some(Remedy::RaiseLease)),
            (ExecError::TooLong(_), _) => (error.failure_kind(), Some(Remedy::RaiseAnswerLimit)),
            (ExecError::Silent(_), _) => (error.failure_kind(), Some(Remedy::RaiseIdleTimeout)),
            (ExecError::Failed { stderr, .. }, Self::Probe) if stderr.starts_with("usage: ") => {
                (error.failure_kind(), Some(Remedy::CheckProbeVersion))
            }
            (ExecError::Cut | ExecError::ConnectionFailed(_), _) => {
                let remedy = Remedy::scan_again("if the container still runs");
                (error.failure_kind(), Some(remedy))
            }
            _ => (error.failure_kind(), error.remedy()),
        };
        let name = self.name();
        let message = if hidden {
            format!(
                "the {name} did not answer: the kernel shows a process only to processes of the same user that have at least its capabilities, and the target may have changed its user after its start"
            )
        } else if left {
            format!(
                "the {name} did not read the target: no process that it sees is where the target's container is"
            )
        } else if kind == FailureKind::NoShell {
            format!("the target has no /bin/sh, which the {name} needs")
        } else if matches!(error, ExecError::Cut | ExecError::ConnectionFailed(_)) {
            format!(
                "the {name} did not answer; whether it still runs in the target is unknown until its deadline, at most \
                 {seconds} s after its start"
            )
        } else {
            format!("the {name} did not answer")
        };
        AccessError::new(kind, message)
            .with_remedy(remedy)
            .with_source(error)
    }

    /// Refuses an answer without a list of files where another strategy can give one.
    fn check(self, files: &Coverage) -> Result<(), AccessError> {
        let (Self::Collector { strict: true }, Coverage::Unavailable { reason }) = (self, files)
        else {
            return Ok(());
        };
        if missing_tool(reason).or(broken_tool(reason)).is_none() {
            return Ok(());
        }
        let message = format!("the {} cannot list files: {reason}", self.name());
        Err(AccessError::new(FailureKind::NoTool, message).with_remedy(Remedy::UseProbe))
    }

    /// Why an answer cannot be used, and what to do about it.
    fn unusable(self, error: WireError) -> AccessError {
        let (kind, remedy) = match &error {
            WireError::Refused(_) if error.missing_tool().is_some() => {
                (FailureKind::NoTool, Remedy::UseProbe)
            }
            _ if error.is_of_shell() && matches!(self, Self::Collector { .. }) => {
                (FailureKind::ShellUnusable, Remedy::UseProbe)
            }
            WireError::Refused(_) => (FailureKind::AnswerUnusable, Remedy::UseProbe),
            _ => (
                FailureKind::AnswerUnusable,
                Remedy::scan_again(
                    "to see whether it happens again: if it does, the agent does not work, or lies",
                ),
            ),
        };
        AccessError::new(kind, format!("the {}'s answer cannot be used", self.name()))
            .with_remedy(remedy)
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_may_not_see_the_target_names_what_can() {
        let failed = |code| ExecError::Failed {
            server: "the command failed".into(),
            stderr: "cannot see the root".into(),
            exit_code: Some(code),
        };
        for code in [TARGET_HIDDEN, TARGET_LEFT] {
            let error = Agent::Probe.no_answer(failed(code), 60);
            assert_eq!(error.kind, FailureKind::TargetHidden);
            assert_eq!(error.remedy, Some(Remedy::UseImage));
        }
        let collector = Agent::Collector { strict: true };
        assert_eq!(collector.left(&failed(TARGET_LEFT)), None);
        assert_eq!(Agent::Probe.left(&failed(TARGET_HIDDEN)), None);
        assert!(Agent::Probe.left(&failed(TARGET_LEFT)).is_some());
        for error in [
            Agent::Probe.no_answer(failed(1), 60),
            Agent::Collector { strict: true }.no_answer(failed(TARGET_HIDDEN), 60),
        ] {
            assert_eq!(
                (error.kind, error.remedy),
                (FailureKind::CommandFailed, None)
            );
        }
    }

    #[test]
    fn without_a_shell_the_message_says_what_needs_one() {
        let error = ExecError::NoShell {
            server: "no such file or directory".into(),
            stderr: String::new(),
        };
        let error = Agent::Collector { strict: true }.no_answer(error, 60);
        assert_eq!(error.kind, FailureKind::NoShell);
        let words = "the target has no /bin/sh, which the shell collector needs";
        assert_eq!(error.message, words);
    }

    #[test]
    fn silence_the_lease_and_an_old_probe_have_remedies_of_their_own() {
        let collector = Agent::Collector { strict: true };
        let of = |error| collector.no_answer(error, 60).remedy;
        let silent = ExecError::Silent(Duration::from_secs(20));
        assert_eq!(of(silent), Some(Remedy::RaiseIdleTimeout));
        assert_eq!(of(ExecError::TooLate), Some(Remedy::RaiseLease));
        let old = ExecError::Failed {
            server: "the command failed".into(),
            stderr: "usage: wait SECONDS".into(),
            exit_code: Some(1),
        };
        let error = Agent::Probe.no_answer(old, 60);
        assert_eq!(error.remedy, Some(Remedy::CheckProbeVersion));
    }

    #[test]
    fn after_a_cut_the_message_says_how_long_the_agent_may_run_on() {
        let gone = || tokio_tungstenite::tungstenite::Error::ConnectionClosed;
        for error in [
            ExecError::Cut,
            ExecError::ConnectionFailed(Box::new(gone())),
        ] {
            let message = Agent::Probe.no_answer(error, 90).message;
            let words = "unknown until its deadline, at most 90 s after its start";
            assert!(message.contains(words), "{message}");
        }
        let late = Agent::Probe.no_answer(ExecError::TooLate, 90);
        assert!(!late.message.contains("unknown"), "{}", late.message);
    }

    #[test]
    fn a_missing_tool_is_a_kind_of_failure() {
        let shell = Agent::Collector { strict: true };
        let refused = |words: &str| shell.unusable(WireError::Refused(words.into()));
        assert_eq!(refused("the target has no dd").kind, FailureKind::NoTool);
        assert_eq!(refused("something else").kind, FailureKind::AnswerUnusable);
        for error in [
            refused("the shell of the target ended"),
            shell.unusable(WireError::NoAnswer),
        ] {
            assert_eq!(error.kind, FailureKind::ShellUnusable);
            assert_eq!(error.remedy, Some(Remedy::UseProbe));
        }
        let cut = shell.unusable(WireError::Cut);
        let other = Agent::Probe.unusable(WireError::NoAnswer);
        assert_eq!(other.kind, FailureKind::AnswerUnusable);
        assert_eq!(cut.kind, FailureKind::AnswerUnusable);
        assert_ne!(cut.remedy, Some(Remedy::UseProbe));
    }

    #[test]
    fn an_answer_without_files_is_refused_only_where_another_strategy_is_left() {
        let unavailable = |reason: &str| Coverage::Unavailable {
            reason: reason.into(),
        };
        let (strict, lenient) = (
            Agent::Collector { strict: true },
            Agent::Collector { strict: false },
        );
        let no_find = unavailable("the target has no find");
        let error = strict.check(&no_find).unwrap_err();
        assert_eq!(error.kind, FailureKind::NoTool);
        let odd_shell = unavailable("the target's sh does not do what it must");
        let error = strict.check(&odd_shell).unwrap_err();
        assert_eq!(error.kind, FailureKind::NoTool);
        assert!(lenient.check(&no_find).is_ok());
        let denied = unavailable("Permission denied");
        assert!(strict.check(&denied).is_ok());
        assert!(strict.check(&Coverage::NotRequested).is_ok());
    }
}
