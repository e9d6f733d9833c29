//! What a program may do with a loan.

use scanner_core::{
    ObjectMetadata,
    target::{Namespace, TargetRequest},
};

/// Most execs that one loan can allow.
pub(super) const MAX_EXECS: u32 = 10_000;

/// Which pod a program may access, and what it may do there.
#[derive(Debug, Clone)]
pub struct LoanRequest {
    /// The pod; if it has several containers, one must be named.
    pub target: TargetRequest,
    /// What the program may do there.
    pub terms: LoanTerms,
    /// Seconds after which the cluster itself removes everything.
    pub lease_seconds: u32,
    /// Labels and annotations for everything that the loan creates, beside its own.
    pub object_metadata: ObjectMetadata,
    /// Namespace of the loan's account and token, in which the owners of the pod have no rights; that of the pod where
    /// absent.
    pub identity_namespace: Option<Namespace>,
}

/// What a program may do with a loan. By default nothing.
#[derive(Debug, Clone, Default)]
pub struct LoanTerms {
    /// Commands that it may run in the container.
    pub commands: Vec<AllowedCommand>,
    /// How often it may run any other command in the container.
    pub any_command: u32,
    /// Whether its commands may have a terminal. A cluster with the admission guard allows none.
    pub terminal: bool,
    /// Whether it may see the whole pod, including the values of environment variables, as the operator read it
    /// when the loan was planned. Otherwise it sees what kubectl needs for an exec: names, UID and phase.
    pub whole_pod: bool,
}

/// A command that a program may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedCommand {
    /// The command and its arguments, each exactly so.
    pub argv: Vec<String>,
    /// How often.
    pub times: u32,
}

impl AllowedCommand {
    /// A command that may be run once.
    pub fn once(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            times: 1,
        }
    }
}

impl LoanTerms {
    /// How many execs they allow in all.
    pub fn execs(&self) -> u64 {
        let commands = self.commands.iter().map(|command| u64::from(command.times));
        commands.sum::<u64>() + u64::from(self.any_command)
    }

    /// The same with each command once.
    pub(super) fn merged(mut self) -> Self {
        let mut merged: Vec<AllowedCommand> = Vec::new();
        for command in self.commands.drain(..) {
            match merged.iter_mut().find(|known| known.argv == command.argv) {
                Some(known) => known.times = known.times.saturating_add(command.times),
                None => merged.push(command),
            }
        }
        self.commands = merged;
        self
    }

    /// In words, for a reader.
    pub(super) fn words(&self) -> Vec<String> {
        let times = |times: u32| match times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let commands = self.commands.iter();
        let mut words: Vec<String> = commands
            .map(|command| format!("run {:?}, {}", command.argv, times(command.times)))
            .collect();
        if self.any_command > 0 {
            words.push(format!("run any command, {}", times(self.any_command)));
        }
        let with = if self.terminal { "with" } else { "without" };
        words.push(format!("{with} a terminal"));
        words.push(if self.whole_pod {
            "see the whole pod".into()
        } else {
            "see the pod's names, UID and phase".into()
        });
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_allowed_twice_may_be_run_twice() {
        let terms = LoanTerms {
            commands: vec![
                AllowedCommand::once(["id"]),
                AllowedCommand::once(["id", ""]),
                AllowedCommand::once(["id"]),
            ],
            any_command: 3,
            ..LoanTerms::default()
        };
        let merged = terms.merged();
        assert_eq!(merged.execs(), 6);
        assert_eq!(
            merged.words(),
            [
                "run [\"id\"], 2 times",
                "run [\"id\", \"\"], once",
                "run any command, 3 times",
                "without a terminal",
                "see the pod's names, UID and phase",
            ]
        );
    }
}
