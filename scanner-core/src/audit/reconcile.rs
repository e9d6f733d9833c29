//! Matches a verified log with the API server's own audit log (`audit.k8s.io/v1`), both ways.
//!
//! A call by a scan's identity that the scan did not log is an alarm: somebody else had its token.
//! `Audit-ID` is chosen by the client, so it joins lines but proves nothing by itself: a joined pair
//! must also agree in verb, resource, URI, user, credential and status, and an id may be used once.

mod event;

use std::collections::{BTreeMap, BTreeSet};

use event::Event;

use super::{
    entry::{Call, Entry, Identity},
    verify::Verified,
};

/// The annotation with which the server says which token it issued.
const ISSUED: &str = "authentication.kubernetes.io/issued-credential-id";
/// The user's extra field with which the server says which token was used.
const USED: &str = "authentication.kubernetes.io/credential-id";
/// The stage of a request that is over.
const COMPLETE: &str = "ResponseComplete";

/// What the two logs say of each other.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciliation {
    /// Calls that both logs have, and agree on.
    pub matched: u64,
    /// Calls by programs that a token was lent to, within what it was lent for.
    pub lent: u64,
    /// What must not be: somebody else acted as the scan, or the logs contradict each other.
    pub alarms: Vec<String>,
    /// Calls that were answered, and that the server's log does not have.
    pub missing: Vec<String>,
    /// Calls without an answer that the server's log does not have: they may never have arrived.
    pub never_arrived: Vec<String>,
    /// Lines of the server's log that cannot be read.
    pub unreadable: u64,
    /// Time of the first event in the server's log.
    pub first_event: Option<String>,
    /// Time of the last event in the server's log.
    pub last_event: Option<String>,
    /// Times of the scan's first and last call, by the clock of its machine.
    pub calls: Option<(String, String)>,
}

/// Where a server's log begins that does not have all of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// After the scan's last call.
    AfterScan,
    /// After its first call.
    DuringScan,
}

impl Reconciliation {
    /// Whether calls are missing because the server's log begins too late, as after a rotation.
    pub fn begins_late(&self) -> Option<Begins> {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let begin = time(self.first_event.as_ref()?)?;
        let (first, last) = self.calls.as_ref()?;
        if self.missing.is_empty() || begin <= time(first)? {
            return None;
        }
        Some(if begin > time(last)? {
            Begins::AfterScan
        } else {
            Begins::DuringScan
        })
    }
}

/// Reads the server's log line by line, in bounded memory.
#[derive(Debug)]
pub struct Reconciler<'a> {
    calls: BTreeMap<&'a str, Ours<'a>>,
    accounts: BTreeSet<&'a str>,
    credentials: BTreeSet<&'a str>,
    /// User name, namespace, pod, and whether it may be got.
    lent: Vec<(&'a str, &'a str, &'a str, bool)>,
    found: Reconciliation,
}

#[derive(Debug)]
struct Ours<'a> {
    call: &'a Call,
    status: Option<u16>,
    stages: BTreeSet<String>,
}

impl<'a> Reconciler<'a> {
    /// Starts with what a scan says that it did.
    pub fn new(log: &'a Verified) -> Self {
        let (mut calls, mut accounts, mut credentials) =
            (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut lent = Vec::new();
        let mut times: Option<(String, String)> = None;
        for record in &log.records {
            match &record.entry {
                Entry::Call(call) => {
                    let first = times.take().map_or(record.time.clone(), |(first, _)| first);
                    times = Some((first, record.time.clone()));
                    let ours = Ours {
                        call,
                        status: None,
                        stages: BTreeSet::new(),
                    };
                    calls.insert(call.id.as_str(), ours);
                }
                Entry::Answer(answer) => {
                    if let Some(ours) = calls.get_mut(answer.id.as_str()) {
                        ours.status = answer.status;
                    }
                }
                Entry::Planned { account, .. } => {
                    accounts.insert(account.as_str());
                }
                Entry::Token {
                    account,
                    credential,
                } => {
                    accounts.insert(account.as_str());
                    credentials.insert(credential.as_str());
                }
                Entry::Lent {
                    account,
                    namespace,
                    pod,
                    get_pod,
                    ..
                } => lent.push((account.as_str(), namespace.as_str(), pod.as_str(), *get_pod)),
                Entry::Opened { .. }
                | Entry::Stream(_)
                | Entry::Scan { .. }
                | Entry::Done { .. } => {}
            }
        }
        Self {
            calls,
            accounts,
            credentials,
            lent,
            found: Reconciliation {
                calls: times,
                ..Reconciliation::default()
            },
        }
    }

    /// Takes one line of the server's log.
    pub fn line(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => self.event(&event),
            Err(_) => self.found.unreadable += 1,
        }
    }

    /// What came of it, once the server's whole log was read.
    pub fn finish(mut self) -> Reconciliation {
        for ours in self.calls.values() {
            let text = describe(ours.call);
            match (ours.stages.is_empty(), ours.status) {
                (false, _) => self.found.matched += 1,
                (true, Some(_)) => self.found.missing.push(text),
                (true, None) => self.found.never_arrived.push(text),
            }
        }
        self.found
    }

    fn event(&mut self, event: &Event) {
        let time = &event.request_received_timestamp;
        let (first, last) = (&mut self.found.first_event, &mut self.found.last_event);
        if first.as_ref().is_none_or(|first| first > time) {
            *first = Some(time.clone());
        }
        if last.as_ref().is_none_or(|last| last < time) {
            *last = Some(time.clone());
        }
        if let Some(ours) = self.calls.get_mut(event.audit_id.as_str()) {
            let first = ours.stages.insert(event.stage.clone());
            let mut wrong = contradictions(ours, event, &self.accounts, &self.credentials);
            if !first {
                wrong.push("its Audit-ID was used more than once".into());
            }
            let texts = wrong
                .into_iter()
                .map(|why| format!("{why}: {}", event.show()));
            self.found.alarms.extend(texts);
            return;
        }
        if self.is_lent(event) {
            self.found.lent += u64::from(event.stage == COMPLETE);
            return;
        }
        if let Some(why) = self.stranger(event) {
            self.found.alarms.push(format!("{why}: {}", event.show()));
        }
    }

    /// Whether it is a call with a lent token, by its own user, for what it was lent for.
    fn is_lent(&self, event: &Event) -> bool {
        let mut used = event.user.extra.get(USED).into_iter().flatten();
        if event.impersonated_user.is_some()
            || !used.all(|id| self.credentials.contains(id.as_str()))
        {
            return false;
        }
        self.lent.iter().any(|(account, namespace, pod, get_pod)| {
            let within = event.object_ref.as_ref().map_or_else(
                // What the server can do: every client asks that first.
                || {
                    ["/api", "/openapi", "/version"]
                        .iter()
                        .any(|p| event.request_uri.starts_with(p))
                },
                |object| {
                    let this = object.namespace == *namespace && object.name == *pod;
                    let what = match object.resource().as_str() {
                        "pods/exec" => true,
                        "pods" => *get_pod && event.verb == "get",
                        _ => false,
                    };
                    this && what
                },
            );
            within && event.user.username == *account
        })
    }

    /// Why a call that was not logged may not be.
    fn stranger(&self, event: &Event) -> Option<&'static str> {
        // One alarm for a call, not one for each of its stages.
        if event.stage == "RequestReceived" {
            return None;
        }
        if self.accounts.contains(event.user.username.as_str()) {
            return Some("a call as the scan's identity that the scan did not make");
        }
        let impersonated = event.impersonated_user.as_ref();
        if impersonated.is_some_and(|user| self.accounts.contains(user.username.as_str())) {
            return Some("somebody impersonated the scan's identity");
        }
        let mut used = event.user.extra.get(USED).into_iter().flatten();
        if used.any(|id| self.credentials.contains(id.as_str())) {
            return Some("a call with the scan's token that the scan did not make");
        }
        let object = event.object_ref.as_ref()?;
        let account = format!("system:serviceaccount:{}:{}", object.namespace, object.name);
        let minted = event.verb == "create"
            && object.resource == "serviceaccounts"
            && object.subresource == "token"
            && event.annotations.contains_key(ISSUED)
            && self.accounts.contains(account.as_str());
        minted.then_some("somebody else got a token of the scan's identity")
    }
}

/// In what a call of the server's log is not the call that was logged under its id.
fn contradictions(
    ours: &Ours<'_>,
    event: &Event,
    accounts: &BTreeSet<&str>,
    credentials: &BTreeSet<&str>,
) -> Vec<String> {
    let call = ours.call;
    let mut wrong = Vec::new();
    let mut differs = |what: &str, ours: &str, theirs: &str| {
        if ours != theirs {
            wrong.push(format!("logged with {what} {ours:?}, not {theirs:?}"));
        }
    };
    differs("verb", &call.verb, &event.verb);
    differs("URI", &call.uri, &event.request_uri);
    if let Some(object) = &event.object_ref {
        differs("resource", &call.resource, &object.resource());
    }
    let over = event.stage == COMPLETE;
    let theirs = event.response_status.as_ref().map(|status| status.code);
    if let (true, Some(ours), Some(theirs)) = (over, ours.status, theirs) {
        differs("status", &ours.to_string(), &theirs.to_string());
    }
    // A server that does not know a token does not know whose it is either.
    let refused = theirs == Some(401);
    let is_scan = accounts.contains(event.user.username.as_str());
    match call.identity {
        Identity::Operator if is_scan => {
            wrong.push("logged as a call of the operator, made as the scan's identity".into());
        }
        Identity::Scan if !is_scan && !refused => {
            wrong.push("logged as a call of the scan's identity, made as another".into());
        }
        Identity::Scan if !refused => {
            let mut used = event.user.extra.get(USED).into_iter().flatten();
            if used.any(|id| !credentials.contains(id.as_str())) {
                wrong.push("made with another token than the scan's".into());
            }
        }
        _ => {}
    }
    wrong
}

fn describe(call: &Call) -> String {
    format!("{} {} ({})", call.verb, call.uri, call.id)
}
