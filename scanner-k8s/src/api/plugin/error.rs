//! Why a credential plugin gives no credential, without what it was started with and what it wrote to its output.

use std::{error::Error, iter};

/// Why there is no credential.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::api) enum PluginError {
    /// The kubeconfig does not say what to run.
    #[error("the kubeconfig names no command of its credential plugin")]
    NoCommand,
    /// There is no such program.
    #[error("credential plugin {name} is not installed{}", .hint.as_ref().map(|hint| format!("; the kubeconfig says: {hint}")).unwrap_or_default())]
    Missing { name: String, hint: Option<String> },
    /// The program cannot be started.
    #[error("credential plugin {0} cannot be started: {1}")]
    Start(String, String),
    /// It did not end in time.
    #[error("credential plugin {name} did not end within {seconds} s, and was stopped")]
    Late { name: String, seconds: u64 },
    /// It runs, longer than a call waits for it.
    #[error("credential plugin {name} still runs after {seconds} s, and the call was not sent")]
    Running { name: String, seconds: u64 },
    /// It was stopped, or cannot be waited for.
    #[error("credential plugin {0} was stopped")]
    Stopped(String),
    /// The program failed.
    #[error("credential plugin {name} failed: {how}")]
    Failed { name: String, how: String },
    /// The program wants somebody at a terminal.
    #[error("credential plugin {0} needs a terminal to prompt at, but standard input is not one")]
    NoTerminal(String),
    /// The program wants to know the cluster.
    #[error("credential plugin {0} asks for the cluster, which the configuration does not name")]
    NoCluster(String),
    /// The answer cannot be used.
    #[error("credential plugin {name} gave {what}")]
    Answer { name: String, what: &'static str },
    /// The token cannot be sent.
    #[error("credential plugin {0} gave a token with characters that no header may have")]
    NoHeader(String),
    /// What was a token is none any more.
    #[error("credential plugin {0} gave no token in place of the one that expired")]
    NoToken(String),
    /// kubectl's preferences forbid it.
    #[error("credential plugin {name} is not run: {why}")]
    Forbidden { name: String, why: String },
    /// kubectl no longer has this way to log in either.
    #[error(
        "the auth-provider {0} would run a program; kubectl no longer supports it: use a credential plugin (exec) instead"
    )]
    Provider(String),
}

impl PluginError {
    /// The one among an error and its causes.
    pub(in crate::api) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref())
    }

    /// Whether another try may well succeed a moment later: that waits for the same run.
    pub(in crate::api) fn is_transient(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// What to do next.
    pub(in crate::api) fn advice(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Start(..) => {
                "install it, or name another user in the kubeconfig"
            }
            Self::Forbidden { .. } => {
                "change credentialPluginPolicy or credentialPluginAllowlist in the kuberc, or name another user in the kubeconfig"
            }
            Self::Running { .. } => {
                "try again when it has ended; run it by hand to see what it waits for"
            }
            Self::NoTerminal(_) => "run it at a terminal, or log in before",
            Self::Provider(_) => "log in anew with the current tool of that provider",
            _ => "log in anew, or run the plugin by hand to see what it says",
        }
    }
}
