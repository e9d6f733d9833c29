//! What belongs to one piece of work: its own log, counters and detector, over shared connections.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::header::InvalidHeaderValue;
use scanner_core::{
    audit::{AuditLog, Entry, Identity},
    report::Origin,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    bearer::bearer,
    client::{OperatorClient, ScanIdentity},
    image_memory::ImageMemory,
    record::AuditLayer,
    spelling, token_claims,
    token_detector::TokenDetector,
    transport::Transport,
};

/// Spellings of a token beside the one that the server gave: one for reviews, the others for its end.
const SPELLINGS: usize = 7;

/// One scan, or one other command, against a cluster: every call in it is counted and logged here, and
/// nowhere else. Cheap to clone; clones are the same segment.
#[derive(Clone)]
pub struct Segment {
    transport: Arc<Transport>,
    log: Arc<AuditLog>,
    operator_calls: Arc<AtomicU64>,
    scan_calls: Arc<AtomicU64>,
    tokens: Arc<TokenDetector>,
    operator: OperatorClient,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment")
            .field("server", &self.transport.server())
            .field("log", &self.log)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

impl Segment {
    /// A segment whose lines go to `log`.
    pub(super) fn new(transport: Arc<Transport>, log: Arc<AuditLog>) -> Self {
        log.record(Entry::Opened {
            tool_version: env!("CARGO_PKG_VERSION").into(),
            server: transport.server(),
        });
        let (operator_calls, tokens) = (Arc::default(), Arc::default());
        let layer = AuditLayer {
            log: Arc::clone(&log),
            tokens: Arc::clone(&tokens),
            identity: Identity::Operator,
            calls: Arc::clone(&operator_calls),
            user_agent: transport.user_agent.clone(),
        };
        Self {
            operator: OperatorClient::new(transport.client(&layer, None)),
            transport,
            log,
            operator_calls,
            scan_calls: Arc::default(),
            tokens,
        }
    }

    /// Opens the connections that this segment's scan identity is about to need. No credential is sent on them yet.
    pub(crate) fn expect_scan(&self) {
        self.transport.expect_scan();
    }

    /// Another segment of the same cluster in the same log, with counters and a detector of its own: for
    /// the next scan of a command whose log is one file.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::new(Arc::clone(&self.transport), Arc::clone(&self.log))
    }

    /// The log of every call of this segment, and of what was decided in it. It is still open:
    /// [`AuditLog::close`] it when the work is over.
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.log
    }

    /// Requests sent so far, as the operator and as scan identities.
    pub fn calls(&self) -> (u64, u64) {
        (
            self.operator_calls.load(Ordering::Relaxed),
            self.scan_calls.load(Ordering::Relaxed),
        )
    }

    /// The operator's identity, whose calls this segment records.
    pub fn operator(&self) -> &OperatorClient {
        &self.operator
    }

    /// Namespace of the context or of the process's own service account.
    pub fn default_namespace(&self) -> &str {
        self.transport.default_namespace()
    }

    /// How the cluster is reached, as [`Cluster::connection`](super::connect::Cluster::connection) has it.
    pub(crate) fn connection(&self) -> &[String] {
        self.transport.connection()
    }

    /// What is known of the cluster and the operator without a call.
    pub(crate) fn origin(&self) -> &Origin {
        self.transport.origin()
    }

    /// Whether the process's own files, arguments and environment are searched for a scan's token.
    pub(crate) fn searches_own_process(&self) -> bool {
        self.transport.searches_own_process
    }

    /// Address of the API server.
    pub(crate) fn server(&self) -> String {
        self.transport.server()
    }

    /// What remembers which images of the probe started on which nodes.
    pub(crate) fn images(&self) -> &dyn ImageMemory {
        self.transport.images.as_ref()
    }

    pub(crate) fn tokens(&self) -> &Arc<TokenDetector> {
        &self.tokens
    }

    /// An identity at the same server that has nothing but `token`.
    ///
    /// # Errors
    ///
    /// Fails when `token` cannot be sent: its requests would have no identity.
    pub(crate) fn identity(&self, token: SecretString) -> Result<ScanIdentity, InvalidHeaderValue> {
        bearer(token.expose_secret())?;
        let needle = self.tokens.add(token.expose_secret());
        if let Some(claims) = token_claims::claims(token.expose_secret()) {
            self.log.record(Entry::Token {
                account: claims.account,
                credential: format!("JTI={}", claims.jti),
            });
        }
        let layer = AuditLayer {
            log: Arc::clone(&self.log),
            tokens: Arc::clone(&self.tokens),
            identity: Identity::Scan,
            calls: Arc::clone(&self.scan_calls),
            user_agent: self.transport.user_agent.clone(),
        };
        let others = spelling::others(&token, SPELLINGS).into_iter();
        let others = others.map(|other| self.transport.client(&layer, Some(other)));
        let others = others.collect();
        let client = self.transport.client(&layer, Some(token));
        Ok(ScanIdentity::new(client, others, needle))
    }
}
