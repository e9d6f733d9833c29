//! Traces a report, from what its view holds.

use scanner_inventory::escape::visible;

use super::{View, trace::Trace};
use crate::audit::PublicKey;

/// Certificate authorities that are shown.
const MOST: usize = 8;

/// A fingerprint; in a report that somebody wrote by hand, it may be any text.
fn sha256(digest: &str) -> String {
    format!("sha256:{}", visible(digest, 64))
}

impl View<'_> {
    /// The facts by which the report can be traced: the scan, who made it, the cluster, the program and its key. What is not
    /// known is left out.
    pub fn trace(&self) -> Vec<Trace> {
        let mut all = Vec::new();
        let mut add = |label, value: String| all.push(Trace { label, value });
        if let Some(id) = self.scan_id {
            add("scan id", id.to_string());
        }
        if let Some(origin) = self.origin {
            if let Some(operator) = &origin.operator {
                let name = operator.name.escaped(300);
                add("scanned by", format!("{name} ({})", operator.known_by));
            }
            add("cluster", origin.server.escaped(300));
            if let Some(version) = &origin.version {
                add("cluster version", version.escaped(100));
            }
            let shown = origin.ca_sha256.iter().take(MOST);
            let shown: Vec<String> = shown.map(|digest| sha256(digest)).collect();
            if !shown.is_empty() {
                add("cluster CA", shown.join(", "));
            }
            let unanswered = origin.unanswered.iter().take(MOST);
            let unanswered: Vec<String> = unanswered.map(|text| text.escaped(300)).collect();
            if !unanswered.is_empty() {
                add("not answered", unanswered.join("; "));
            }
        }
        let version = visible(self.tool_version, 40);
        add("made by", format!("secure-scan {version}"));
        let key = self.audit.map(|audit| audit.public_key.as_bytes());
        if let Some(Ok(key)) = key.map(PublicKey::read) {
            add("signing key", sha256(&key.id()));
        }
        all
    }

    /// When the scan started, to the second, where the report says so in a way that can be read; else as it says, which is
    /// not yet safe to show.
    pub fn started_second(&self) -> Option<String> {
        let whole = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let started = self.started?;
        Some(self.started_at().map_or_else(|| started.to_owned(), whole))
    }
}
