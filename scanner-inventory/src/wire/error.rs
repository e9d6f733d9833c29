//! Why an answer cannot be used.

/// How an agent's reason begins when the target does not have a tool; the rest is its name. The shell collector writes
/// it after `@fail` and `!missing`; a test of the collector holds it to this.
const NO_TOOL: &str = "the target has no ";

/// The tool that the target does not have, where that is the reason that an agent gave.
pub fn missing_tool(reason: &str) -> Option<&str> {
    reason.strip_prefix(NO_TOOL)
}

/// How an agent's reason ends when a tool of the target does something else than POSIX says.
const BROKEN: &str = " does not do what it must";

/// The tool of the target that does not work as POSIX says, if that is the reason that an agent gave.
pub fn broken_tool(reason: &str) -> Option<&str> {
    reason.strip_prefix("the target's ")?.strip_suffix(BROKEN)
}

/// How an agent's reason begins when the target's shell cannot run it; a test of the collector holds it to this.
pub(crate) const SHELL: &str = "the shell of the target ";

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The agent reports that it cannot work here.
    #[error("the agent cannot work in this target: {0}")]
    Refused(String),
    /// The output has no mark of an answer.
    #[error("what arrived is not the answer of an agent")]
    NoAnswer,
    /// The answer ends before its trailer.
    #[error("the answer was cut: it has no trailer")]
    Cut,
    /// Something that is not the protocol.
    #[error("frame {0} of the answer is not what the protocol allows")]
    Malformed(u64),
    /// The checksum of a frame, or of all headers, is wrong.
    #[error("the checksum of frame {0} of the answer is wrong")]
    Checksum(u64),
    /// The sections are longer than a client keeps in memory.
    #[error("the sections of the answer beside the files are longer than {0} MiB")]
    TooLong(usize),
    /// Bytes after the trailer, or totals that do not fit.
    #[error("the answer does not fit its trailer")]
    Trailer,
    /// Not all sections were answered.
    #[error("the agent stopped before its answer was complete")]
    Incomplete,
}

impl WireError {
    /// Whether the shell of the target, or what is in its place, cannot run the collector.
    pub fn is_of_shell(&self) -> bool {
        match self {
            Self::Refused(reason) => reason.starts_with(SHELL),
            Self::NoAnswer => true,
            _ => false,
        }
    }

    /// The tool that the target does not have, where the agent cannot work without it.
    pub fn missing_tool(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => missing_tool(reason),
            _ => None,
        }
    }
}
