//! What a line of the audit log can say.

use serde::{Deserialize, Serialize};

use crate::{plan::ScanId, verdict::Verdict};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Number of the line, from 0.
    pub seq: u64,
    /// RFC 3339 time of this machine's clock.
    pub time: String,
    /// SHA-256 of the line before it, in lower-case hexadecimal.
    pub prev: String,
    /// What happened.
    pub entry: Entry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// The log was opened for a server.
    Opened {
        /// Version of secure-scan.
        tool_version: String,
        /// Address of the API server.
        server: String,
    },
    /// A scan was planned; from here on its identity is expected to act.
    Planned {
        /// The scan.
        scan: ScanId,
        /// What it looks at.
        target: String,
        /// User name of its identity at the server.
        account: String,
        /// SHA-256 of the plan as JSON.
        plan: String,
    },
    /// A token was received.
    Token {
        /// Whose it is, as the token says.
        account: String,
        /// How the server names the token in its own audit log: `JTI=` and a UUID. Not a secret.
        credential: String,
    },
    /// A call to the API server is about to be sent.
    Call(Call),
    /// The outcome of a call.
    Answer(Answer),
    /// What went through the stream of an exec.
    Stream(StreamEnd),
    /// Something that a scan decided or did, as an observer of it sees it.
    Scan {
        /// The scan.
        scan: ScanId,
        /// The event of the scan.
        what: serde_json::Value,
    },
    /// A program of this machine may now exec as follows, through a proxy that logs its calls here.
    Lent {
        /// Namespace of the pod.
        namespace: String,
        /// The one pod that it may exec into.
        pod: String,
        /// The one container of it.
        #[serde(default)]
        container: String,
        /// What it may do, for a reader.
        #[serde(default)]
        may: Vec<String>,
        /// The program, for a reader.
        tool: String,
    },
    /// A program called the proxy of its loan.
    LoanCall(LoanCall),
    /// An exec that was opened for a program is over.
    Tunnel(TunnelEnd),
    /// A report was made, which names the log up to the line before this one.
    Report(ReportEntry),
    /// Something else that was done, such as running a tool.
    Done {
        /// What, for a reader.
        what: String,
    },
}

/// What a log says of a report. Digests are SHA-256 in lower-case hexadecimal of the canonical form (RFC 8785).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportEntry {
    /// The scan.
    pub scan: ScanId,
    /// Digest of the report.
    pub sha256: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its target.
    pub target: String,
    /// Digest of its plan.
    pub plan: String,
    /// Names and versions of the engines of its plan.
    pub profile: String,
}

/// As whom a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The operator: sets up and cleans up.
    Operator,
    /// A scan's own identity: all that touches a target.
    Scan,
}

/// A call to the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Value of its `Audit-ID` header, a new UUID.
    pub id: String,
    /// As whom.
    pub identity: Identity,
    /// Kubernetes verb, such as `create` or `watch`.
    pub verb: String,
    /// Resource with its subresource and group, such as `pods/exec` or `jobs.batch`.
    pub resource: String,
    /// Namespace, for what has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name in the URL, where one object is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Path and query, as the server's own audit log shows it.
    pub uri: String,
    /// SHA-256 of the payload; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The call's id.
    pub id: String,
    /// HTTP status; absent when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the server's answer carried the same `Audit-ID`.
    pub echoed: bool,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What went through the stream of an exec; digests are SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// The call's id.
    pub id: String,
    /// Bytes sent to standard input.
    pub stdin_bytes: u64,
    /// Their digest.
    pub stdin: String,
    /// Bytes received from standard output.
    pub stdout_bytes: u64,
    /// Their digest.
    pub stdout: String,
    /// Bytes received from standard error.
    pub stderr_bytes: u64,
    /// How it ended: `success`, or what went wrong.
    pub outcome: String,
}

/// A call of a program to the proxy of its loan, before anything is done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanCall {
    /// HTTP method; empty for a connection that no request came on.
    pub method: String,
    /// Path without the query, escaped and cut.
    pub path: String,
    /// The command, for an exec; escaped and cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Whether the loan allows it; the API server may still refuse.
    pub allowed: bool,
    /// Why, or why not.
    pub why: String,
}

/// What went through an exec that was opened for a program, in the bytes of its own protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelEnd {
    /// The call's id.
    pub id: String,
    /// Bytes from the program to the server.
    pub sent_bytes: u64,
    /// Bytes from the server to the program.
    pub received_bytes: u64,
    /// How it ended.
    pub outcome: String,
}
