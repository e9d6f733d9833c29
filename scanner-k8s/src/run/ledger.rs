//! What a scan created, what became of it, and which creations are still under way.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Serialize;
use tokio::sync::watch;

use super::made::{Made, Removed};
use crate::api::call::CallError;

/// The kind of an ephemeral container in the list of attempts; it is not an object.
const PROBE: &str = "ephemeral container";

/// By how many seconds the clocks of API servers may differ.
const SKEW: i64 = 60;

/// Where no object with the scan's label was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In all namespaces.
    Everywhere,
    /// In the namespaces of the scan.
    Namespaces,
}

#[derive(Default)]
struct State {
    made: Vec<Made>,
    /// Kind and name of each object that the server did not clearly refuse to create.
    attempted: Vec<(String, String)>,
    /// Kind and name, and the UID that the server named as removed; `None` while a finalizer holds it.
    deleted: Vec<(String, String, Option<String>)>,
    /// Kinds without an object that carries the scan's label.
    absent: Vec<(String, Scope)>,
    /// Kind and name of each object that a look-up by name did not find.
    gone: Vec<(String, String)>,
}

/// The ledger of one scan.
pub struct Ledger {
    state: Mutex<State>,
    under_way: watch::Sender<usize>,
    only_here: AtomicBool,
    keep_lease: AtomicBool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            under_way: watch::channel(0).0,
            only_here: AtomicBool::new(false),
            keep_lease: AtomicBool::new(false),
        }
    }
}

/// A creation that is under way until this is dropped.
pub(crate) struct UnderWay {
    ledger: Arc<Ledger>,
    kind: String,
    name: String,
}

impl UnderWay {
    /// Records the outcome.
    pub(crate) fn end<K: Resource + Serialize>(self, made: Result<&K, &CallError>) {
        match made {
            Ok(made) => {
                let made = Made::of(&self.kind, &self.name, made);
                self.ledger.state().made.push(made);
            }
            Err(error) => self.failed(error),
        }
    }

    /// Records the outcome for a part of another object, such as a container of a pod: a part has no UID of its own.
    pub(crate) fn end_of_part<K>(self, made: Result<&K, &CallError>) {
        if let Err(error) = made {
            self.failed(error);
        }
    }

    fn failed(&self, error: &CallError) {
        // A clear no. Anything else may have created it: a timeout, and 409 too, where something on the way sent the request
        // twice.
        if matches!(error.code(), Some(400 | 401 | 403 | 404 | 422)) {
            self.ledger.refused(&self.kind, &self.name);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.ledger.under_way.send_modify(|count| *count -= 1);
    }
}

impl Ledger {
    /// Records that the server is about to be asked to create an object.
    pub(crate) fn attempt(ledger: &Arc<Self>, kind: &str, name: &str) -> UnderWay {
        let this = (kind.to_owned(), name.to_owned());
        ledger.state().attempted.push(this);
        ledger.under_way.send_modify(|count| *count += 1);
        UnderWay {
            ledger: Arc::clone(ledger),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Waits until no creation is under way, `limit` at most. An object whose creation was interrupted
    /// would be taken for gone before the server has made it.
    pub(crate) async fn settle(&self, limit: Duration) {
        let mut count = self.under_way.subscribe();
        let idle = count.wait_for(|count| *count == 0);
        // Each call ends by itself within the same limit; what then is unknown is looked for by label.
        let _ = tokio::time::timeout(limit, idle).await;
    }

    /// Records that the server clearly refused to create it.
    pub(crate) fn refused(&self, kind: &str, name: &str) {
        let mut state = self.state();
        state
            .attempted
            .retain(|(k, n)| (k.as_str(), n.as_str()) != (kind, name));
    }

    /// Every object that the scan created, in order.
    pub fn made(&self) -> Vec<Made> {
        self.state().made.clone()
    }

    pub(crate) fn attempted(&self) -> Vec<(String, String)> {
        self.state().attempted.clone()
    }

    pub(crate) fn deleted(&self, kind: &str, name: &str) -> bool {
        let state = self.state();
        state.deleted.iter().any(|(k, n, _)| k == kind && n == name)
    }

    pub(crate) fn note_deleted(&self, kind: &str, name: &str, removed: Option<String>) {
        let entry = (kind.to_owned(), name.to_owned(), removed);
        self.state().deleted.push(entry);
    }

    pub(crate) fn note_absent(&self, kind: &str, scope: Scope) {
        self.state().absent.push((kind.to_owned(), scope));
    }

    /// Where no object of that kind carries the scan's label.
    pub(crate) fn absent(&self, kind: &str) -> Option<Scope> {
        let state = self.state();
        state
            .absent
            .iter()
            .find(|(k, _)| k == kind)
            .map(|(_, scope)| *scope)
    }

    /// What was made, or may have been, and the server did not confirm to have removed: its name, and its
    /// UID where that is known.
    pub(crate) fn unconfirmed(&self, kind: &str) -> Vec<(String, Option<String>)> {
        let mut all: Vec<_> = self
            .made()
            .into_iter()
            .filter(|made| made.kind == kind && self.removed(made).is_none())
            .map(|made| (made.name, Some(made.uid)))
            .collect();
        let state = self.state();
        let unknown = state.attempted.iter().filter(|(k, name)| {
            let made = state.made.iter().any(|m| m.kind == *k && m.name == *name);
            let mut deleted = state.deleted.iter();
            let removed = deleted.any(|(d, n, uid)| d == k && n == name && uid.is_some());
            k == kind && !made && !removed
        });
        all.extend(unknown.map(|(_, name)| (name.clone(), None)));
        all
    }

    /// Records that a look-up by name does not find it any more.
    pub(crate) fn note_gone(&self, kind: &str, name: &str) {
        self.state().gone.push((kind.to_owned(), name.to_owned()));
    }

    pub(crate) fn gone(&self, made: &Made) -> bool {
        let state = self.state();
        let mut gone = state.gone.iter();
        gone.any(|(kind, name)| *kind == made.kind && *name == made.name)
    }

    /// Whether the server confirmed the removal of exactly this object: it named its UID, or had no
    /// object with that name and UID any more.
    pub(crate) fn removed(&self, made: &Made) -> Option<Removed> {
        self.state().deleted.iter().find_map(|(kind, name, uid)| {
            let same = *kind == made.kind && *name == made.name;
            match uid.as_deref().filter(|_| same)? {
                "" => Some(Removed::BySomebody),
                uid => (uid == made.uid).then_some(Removed::ByUs),
            }
        })
    }

    /// Whether the server may have created something of that kind.
    pub(crate) fn may_exist(&self, kind: &str) -> bool {
        self.attempted().iter().any(|(k, _)| k == kind)
    }

    /// UID of an object that the scan created.
    pub(crate) fn uid_of(&self, kind: &str, name: &str) -> Option<String> {
        self.made_of(kind, name).map(|made| made.uid)
    }

    /// An object that the scan created.
    pub(crate) fn made_of(&self, kind: &str, name: &str) -> Option<Made> {
        let state = self.state();
        let mut made = state.made.iter();
        let this = made.find(|made| (made.kind.as_str(), made.name.as_str()) == (kind, name));
        this.cloned()
    }

    /// Whether the server made the object a minute or more before it made the first object of the scan: the clocks of several
    /// API servers differ.
    pub(crate) fn older_than_the_scan(&self, object: &ObjectMeta) -> bool {
        let state = self.state();
        let first = state.made.first().and_then(|made| made.created.as_ref());
        let object = object.creation_timestamp.as_ref();
        first
            .zip(object)
            .is_some_and(|(first, object)| object.0.as_second() + SKEW < first.0.as_second())
    }

    /// Records that the scan saw the object again, in this version, and that it was as it should be.
    pub(crate) fn note_version(&self, kind: &str, name: &str, version: &str) {
        let mut state = self.state();
        let mut made = state.made.iter_mut();
        if let Some(made) =
            made.find(|made| (made.kind.as_str(), made.name.as_str()) == (kind, name))
        {
            version.clone_into(&mut made.version);
        }
    }

    /// Records when the scan saw a lease start.
    pub(crate) fn note_lease_start(&self, name: &str, start: Option<Time>) {
        let mut state = self.state();
        let mut made = state.made.iter_mut();
        if let Some(made) =
            made.find(|made| (made.kind.as_str(), made.name.as_str()) == ("Job", name))
        {
            made.lease_start = start;
        }
    }

    /// Records that the server created it with other owners or labels than the scan asked for. The scan fails because of that,
    /// and a controller may correct it: the garbage collector removes an owner that does not exist.
    pub(crate) fn note_otherwise(&self, kind: &str, name: &str) {
        let mut state = self.state();
        let mut made = state.made.iter_mut();
        if let Some(made) =
            made.find(|made| (made.kind.as_str(), made.name.as_str()) == (kind, name))
        {
            made.came_otherwise = true;
        }
    }

    /// Records that the lease must not be released: what it owns stays until the lease ends.
    pub(crate) fn keep_lease(&self) {
        self.keep_lease.store(true, Ordering::Relaxed);
    }

    pub(crate) fn keeps_lease(&self) -> bool {
        self.keep_lease.load(Ordering::Relaxed)
    }

    /// Records that the server is about to be asked to add an ephemeral container of that name.
    pub(crate) fn attempt_probe(ledger: &Arc<Self>, name: &str) -> UnderWay {
        Self::attempt(ledger, PROBE, name)
    }

    pub(crate) fn probe_may_exist(&self) -> bool {
        self.may_exist(PROBE)
    }

    pub(crate) fn may_list_everywhere(&self) -> bool {
        !self.only_here.load(Ordering::Relaxed)
    }

    /// Records that the operator may not list other namespaces.
    pub(crate) fn only_here(&self) {
        self.only_here.store(true, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: &str, name: &str, uid: &str) -> Made {
        let object: k8s_openapi::api::core::v1::Secret = serde_json::from_value(
            serde_json::json!({"metadata": {"uid": uid, "resourceVersion": "1"}}),
        )
        .unwrap();
        Made::of(kind, name, &object)
    }

    #[tokio::test]
    async fn release_waits_for_what_is_under_way() {
        let ledger = Arc::new(Ledger::default());
        let slow = Ledger::attempt(&ledger, "Job", "a");
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(slow);
        });
        ledger.settle(Duration::from_millis(1)).await;
        assert!(!task.is_finished(), "the wait is bounded");
        ledger.settle(Duration::from_secs(5)).await;
        assert_eq!(*ledger.under_way.borrow(), 0);
        assert_eq!(ledger.attempted().len(), 1, "it may exist");
    }

    #[test]
    fn what_no_answer_confirmed_is_to_be_looked_for() {
        let ledger = Arc::new(Ledger::default());
        for name in ["held", "deleted", "lost"] {
            drop(Ledger::attempt(&ledger, "Role", name));
        }
        for name in ["held", "deleted"] {
            ledger.state().made.push(made("Role", name, name));
        }
        ledger.note_deleted("Role", "held", None);
        ledger.note_deleted("Role", "deleted", Some("deleted".into()));
        let wanted = [("held".into(), Some("held".into())), ("lost".into(), None)];
        assert_eq!(ledger.unconfirmed("Role"), wanted);
        assert!(ledger.unconfirmed("Job").is_empty());
    }

    #[test]
    fn only_the_uid_that_was_made_counts_as_removed() {
        let ledger = Ledger::default();
        let made = |uid: &str| made("Job", "a", uid);
        ledger.note_deleted("Job", "a", None);
        assert_eq!(ledger.removed(&made("1")), None, "a finalizer holds it");
        ledger.note_deleted("Job", "a", Some("1".into()));
        assert_eq!(ledger.removed(&made("1")), Some(Removed::ByUs));
        assert_eq!(ledger.removed(&made("2")), None);
        ledger.note_deleted("Job", "a", Some(String::new()));
        assert_eq!(ledger.removed(&made("2")), Some(Removed::BySomebody));
    }
}
