//! The calls to the fake, one by one.

use std::{fmt, time::Duration};

/// One request, as the fake's own audit log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Its number, from 1.
    pub number: u64,
    /// Time since the fake was made, by its own clock.
    pub at: Duration,
    /// Verb, such as `create` or `watch`.
    pub verb: String,
    /// API group; empty for the core.
    pub group: String,
    /// Resource with its subresource, such as `pods/exec`; empty for discovery.
    pub resource: String,
    /// Namespace; empty for the whole cluster.
    pub namespace: String,
    /// Name of the object; empty where there is none.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// User name of the caller; empty where the credential was refused.
    pub user: String,
    /// Its `Audit-ID` header.
    pub audit_id: String,
    /// Its `User-Agent` header.
    pub user_agent: String,
    /// The answer's status code; `None` while there is none, and where the connection was cut.
    pub status: Option<u16>,
}

impl fmt::Display for Call {
    /// One line, such as `12 create pods/exec shop/web-0 as system:serviceaccount:shop:x: 101`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{} {} ", self.number, self.verb)?;
        if self.resource.is_empty() {
            write!(f, "{}", self.uri)?;
        } else {
            write!(
                f,
                "{}{dot}{} {}/{}",
                self.resource, self.group, self.namespace, self.name
            )?;
        }
        let user = if self.user.is_empty() {
            "nobody"
        } else {
            &self.user
        };
        match self.status {
            Some(status) => write!(f, " as {user}: {status}"),
            None => write!(f, " as {user}: no answer"),
        }
    }
}
