//! Secrets that the cluster fills with a token (type `kubernetes.io/service-account-token`): whoever reads one is the account.
//!
//! The type and the account stand in the request, which most audit policies rightly leave out for Secrets. The controller
//! that fills the Secret writes it too, and this write is in every log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{alarm::AlarmKind, event::Event, found::Reconciliation, scan_log::ScanLog};

const TYPE: &str = "kubernetes.io/service-account-token";
/// The annotation that names the account.
const ACCOUNT: &str = "kubernetes.io/service-account.name";
/// As whom the controller that fills Secrets acts, and how it calls itself.
const CONTROLLER: (&str, &str) = ("system:kube-controller-manager", "tokens-controller");
/// Writes that are kept until the whole log was read; each beyond is an alarm at once.
const MAX_KEPT: usize = 1000;

/// Namespace and name.
type Place = (String, String);

/// What the server's log has of such Secrets.
#[derive(Debug, Default)]
pub(super) struct TokenSecrets {
    /// Secrets that the log shows to be of another type or account.
    harmless: BTreeSet<Place>,
    /// Secrets that somebody else wrote since, in a way that does not show for which account they are.
    turned: BTreeSet<Place>,
    /// Whether there were more of these than are kept.
    turned_more: bool,
    /// Secrets that the controller filled, with the time and the text of the event.
    filled: BTreeMap<Place, (String, String)>,
    /// Times at which a scan's identity was made and deleted, by namespace.
    made: Vec<(String, String)>,
    deleted: Vec<(String, String)>,
}

impl TokenSecrets {
    /// Takes a call of the scan's own that the server's log has too: it shows when the identity existed.
    pub(super) fn ours(&mut self, event: &Event) {
        let Some(object) = &event.object_ref else {
            return;
        };
        if object.resource != "serviceaccounts" || !object.subresource.is_empty() {
            return;
        }
        let entry = || {
            (
                object.namespace.clone(),
                event.request_received_timestamp.clone(),
            )
        };
        match event.verb.as_str() {
            "create" => self.made.push(entry()),
            "delete" => self.deleted.push(entry()),
            _ => {}
        }
    }

    /// Takes a call that the scan did not make.
    pub(super) fn other(&mut self, event: &Event, log: &ScanLog<'_>, found: &mut Reconciliation) {
        let Some(object) = &event.object_ref else {
            return;
        };
        let writes = matches!(event.verb.as_str(), "create" | "update" | "patch");
        let refused = event.status().is_some_and(|code| code >= 400);
        let secret = object.resource == "secrets" && object.subresource.is_empty();
        if !secret || !writes || refused || !log.lives_in(&object.namespace) {
            return;
        }
        let place = (object.namespace.clone(), object.name.clone());
        match event.request_object.as_ref().map(SecretFor::of) {
            Some(SecretFor::Account(account)) if log.is_identity(&object.namespace, account) => {
                found.alarm(AlarmKind::TokenSecret, event.show());
                keep(&mut self.harmless, place);
            }
            // A patch need not name the type: only a whole object shows that it is another one.
            Some(SecretFor::Account(_) | SecretFor::NoAccount) if event.verb != "patch" => {
                keep(&mut self.harmless, place);
            }
            _ if is_filled(event) => self.fill(place, event, found),
            // It may name another account from here on.
            _ if may_turn(event.request_object.as_ref()) => {
                if self.turned.len() < MAX_KEPT {
                    self.turned.insert(place);
                } else {
                    self.turned_more = true;
                }
            }
            _ => {}
        }
    }

    fn fill(&mut self, place: Place, event: &Event, found: &mut Reconciliation) {
        if self.filled.len() < MAX_KEPT || self.filled.contains_key(&place) {
            let time = event.request_received_timestamp.clone();
            self.filled
                .entry(place)
                .or_insert_with(|| (time, event.show()));
        } else {
            found.alarm(AlarmKind::UnknownTokenSecret, event.show());
        }
    }

    /// Raises the alarms, once the server's whole log was read.
    pub(super) fn finish(self, log: &ScanLog<'_>, found: &mut Reconciliation) {
        let whole = log.times.clone().unwrap_or_default();
        for (place, (time, event)) in &self.filled {
            let of = |all: &[(String, String)]| -> Vec<String> {
                let here = all.iter().filter(|(namespace, _)| *namespace == place.0);
                here.map(|(_, time)| time.clone()).collect()
            };
            let (made, deleted) = (of(&self.made), of(&self.deleted));
            let from = made.iter().min().unwrap_or(&whole.0);
            // An identity whose deletion is not in the log may still exist.
            let until = deleted.iter().max().filter(|_| deleted.len() >= made.len());
            let lived = time >= from && until.is_none_or(|until| time <= until);
            let turned = self.turned_more || self.turned.contains(place);
            if lived && (turned || !self.harmless.contains(place)) {
                found.alarm(AlarmKind::UnknownTokenSecret, event.clone());
            }
        }
    }
}

/// Whether a write may set the account although the log does not show one: a list of changes (RFC 6902) may, and so may a
/// request that the log leaves out. A merge without the annotation of an account does not.
fn may_turn(request: Option<&Value>) -> bool {
    !request.is_some_and(|request| {
        request.is_object() && request["metadata"]["annotations"].get(ACCOUNT).is_none()
    })
}

fn keep(set: &mut BTreeSet<Place>, place: Place) {
    if set.len() < MAX_KEPT {
        set.insert(place);
    }
}

/// For which account a Secret is, as far as the request says.
enum SecretFor<'a> {
    Account(&'a str),
    NoAccount,
    Unknown,
}

impl<'a> SecretFor<'a> {
    fn of(request: &'a Value) -> Self {
        let annotation = &request["metadata"]["annotations"][ACCOUNT];
        match (request["type"].as_str(), annotation.as_str()) {
            // Without a type, as in a patch, the annotation says enough.
            (Some(TYPE) | None, Some(account)) => Self::Account(account),
            (Some(TYPE) | None, None) => Self::Unknown,
            (Some(_), _) => Self::NoAccount,
        }
    }
}

fn is_filled(event: &Event) -> bool {
    let (user, agent) = CONTROLLER;
    event.verb != "create" && (event.user.username == user || event.user_agent.ends_with(agent))
}
