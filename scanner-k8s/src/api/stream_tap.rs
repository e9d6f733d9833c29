//! Ties a stream that goes on after its call was answered to that call's line in the audit log.

use std::sync::{Arc, OnceLock};

use scanner_core::audit::AuditLog;

use super::token_detector::TokenDetector;

/// An extension of a request. The layer that records the call fills it; the reader of the stream uses it.
#[derive(Clone, Default)]
pub(crate) struct StreamTap(Arc<OnceLock<Tapped>>);

struct Tapped {
    log: Arc<AuditLog>,
    id: String,
    tokens: Arc<TokenDetector>,
}

impl StreamTap {
    /// The first call that fills it owns the stream.
    pub(crate) fn fill(&self, log: &Arc<AuditLog>, id: &str, tokens: &Arc<TokenDetector>) {
        let _ = self.0.set(Tapped {
            log: Arc::clone(log),
            id: id.to_owned(),
            tokens: Arc::clone(tokens),
        });
    }

    /// The log, and the id of the call in it.
    pub(crate) fn call(&self) -> Option<(&AuditLog, &str)> {
        let tapped = self.0.get()?;
        Some((&*tapped.log, tapped.id.as_str()))
    }

    /// Looks for tokens in what goes through.
    pub(crate) fn look(&self, outgoing: bool, carry: &mut Vec<u8>, data: &[u8]) {
        if let Some(tapped) = self.0.get() {
            tapped.tokens.stream(outgoing, carry, data);
        }
    }
}
