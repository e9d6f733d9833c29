//! What a scan's own log has: its calls, its identities and its tokens.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{
    entry::{Call, Entry},
    verify::Verified,
};

/// What a scan did, by its own log.
#[derive(Debug, Default)]
pub(super) struct ScanLog<'a> {
    /// By their `Audit-ID`.
    pub(super) calls: BTreeMap<&'a str, Ours<'a>>,
    /// User names of the scans' identities.
    pub(super) accounts: BTreeSet<&'a str>,
    /// Ids of the tokens that the scans received.
    pub(super) credentials: BTreeSet<&'a str>,
    /// Times of the first and the last call.
    pub(super) times: Option<(String, String)>,
}

/// One call, and what the server's log has of it.
#[derive(Debug)]
pub(super) struct Ours<'a> {
    pub(super) call: &'a Call,
    pub(super) status: Option<u16>,
    pub(super) stages: BTreeSet<String>,
}

impl<'a> ScanLog<'a> {
    pub(super) fn of(verified: &'a Verified) -> Self {
        let mut log = Self::default();
        for record in &verified.records {
            log.take(&record.time, &record.entry);
        }
        log
    }

    fn take(&mut self, time: &str, entry: &'a Entry) {
        match entry {
            Entry::Call(call) => {
                let first = self
                    .times
                    .take()
                    .map_or(time.to_owned(), |(first, _)| first);
                self.times = Some((first, time.to_owned()));
                let ours = Ours {
                    call,
                    status: None,
                    stages: BTreeSet::new(),
                };
                self.calls.insert(call.id.as_str(), ours);
            }
            Entry::Answer(answer) => {
                if let Some(ours) = self.calls.get_mut(answer.id.as_str()) {
                    ours.status = answer.status;
                }
            }
            Entry::Planned { account, .. } => {
                self.accounts.insert(account.as_str());
            }
            Entry::Token {
                account,
                credential,
            } => {
                self.accounts.insert(account.as_str());
                self.credentials.insert(credential.as_str());
            }
            Entry::Opened { .. }
            | Entry::Stream(_)
            | Entry::Scan { .. }
            | Entry::Lent { .. }
            | Entry::LoanCall(_)
            | Entry::Tunnel(_)
            | Entry::Report(_)
            | Entry::Done { .. } => {}
        }
    }

    /// Whether an account of that name in that namespace is a scan's identity.
    pub(super) fn is_identity(&self, namespace: &str, name: &str) -> bool {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        self.accounts.contains(user.as_str())
    }

    /// Whether a pod or a container of that name is a scan's own: it has the name of the scan's account.
    pub(super) fn is_name(&self, name: &str) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|user| user.rsplit(':').next() == Some(name))
    }

    /// Whether a scan's identity lives in that namespace.
    pub(super) fn lives_in(&self, namespace: &str) -> bool {
        let start = format!("system:serviceaccount:{namespace}:");
        self.accounts.iter().any(|user| user.starts_with(&start))
    }
}
