//! What must not be in the API server's log, in words.

use std::fmt;

/// What must not be in the API server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AlarmKind {
    /// An exec, attach, port forward or proxy with the scan's own token, which the scan did not log.
    StreamWithToken,
    /// Any other call with the scan's own token, which the scan did not log.
    CallWithToken,
    /// An exec or the like as the scan's identity, with a token without an id.
    StreamWithoutId,
    /// Any other call as the scan's identity, with a token without an id.
    CallWithoutId,
    /// An exec or the like as the scan's identity, with another token than the scan's.
    StreamWithOtherToken,
    /// Any other call as the scan's identity, with another token than the scan's.
    CallWithOtherToken,
    /// A call as somebody who impersonated the scan's identity.
    Impersonated,
    /// A token of the scan's identity that somebody else requested.
    TokenIssued,
    /// An exec, attach, port forward or proxy by somebody else into a pod or container that the scan made.
    EnteredByOther,
    /// A Secret of type `service-account-token` for the scan's identity.
    TokenSecret,
    /// A Secret in the namespace of the scan's identity that the cluster filled with a token; the log does not say for
    /// which account.
    UnknownTokenSecret,
    /// A call that the two logs describe differently.
    Contradicted,
}

impl AlarmKind {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::StreamWithToken => {
                "a stream (exec, attach, port forward or proxy) with the scan's token that the scan did not make"
            }
            Self::CallWithToken => "a call with the scan's token that the scan did not make",
            Self::StreamWithoutId => {
                "a stream (exec, attach, port forward or proxy) as the scan's identity that the scan did not make, with a \
                 token without an id, such as one from a Secret"
            }
            Self::CallWithoutId => {
                "a call as the scan's identity that the scan did not make, with a token without an id, such as one from a Secret"
            }
            Self::StreamWithOtherToken => {
                "a stream (exec, attach, port forward or proxy) as the scan's identity that the scan did not make, with \
                 another token than the scan's"
            }
            Self::CallWithOtherToken => {
                "a call as the scan's identity that the scan did not make, with another token than the scan's"
            }
            Self::Impersonated => "somebody impersonated the scan's identity",
            Self::TokenIssued => "somebody else got a token of the scan's identity",
            Self::EnteredByOther => {
                "somebody else's stream (exec, attach, port forward or proxy) into a pod or container of the scan, where the \
                 evidence is made"
            }
            Self::TokenSecret => {
                "somebody wrote a Secret that the cluster fills with a token of the scan's identity"
            }
            Self::UnknownTokenSecret => {
                "the cluster filled a Secret with a token in the namespace of the scan's identity while the identity existed; the server's log does not say for which account"
            }
            Self::Contradicted => "a call of the scan that the server's log records differently",
        }
    }
}

/// Something that must not be in the API server's log, and the event that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarm {
    /// What must not be in the API server's log.
    pub kind: AlarmKind,
    /// The event, and how it differs from the scan's log; not yet safe to show.
    pub event: String,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.words(), self.event)
    }
}
