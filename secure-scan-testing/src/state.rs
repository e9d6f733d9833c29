//! Everything that a fake cluster knows, and the handle to it that all of its parts share.

pub(crate) mod given;
pub(crate) mod removal;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Pace,
    call::Call,
    clock::Clock,
    facts::KEPT,
    identity::Identities,
    kinds::Kinds,
    runs::Runs,
    store::{Key, Store},
    target::Target,
};

/// A webhook that may refuse or change an object before it is stored; it gets the caller and the object.
pub(crate) type Hook = Arc<dyn Fn(&str, &mut Value) -> Result<(), String> + Send + Sync>;

/// An action on the cluster before a call is handled.
pub(crate) type Action = Arc<dyn Fn(&FakeCluster) + Send + Sync>;

/// The effect of a fault on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Status(u16, String),
    Malformed,
    Hang,
    Cut,
    LoseAnswer,
}

/// A fault that strikes one call.
#[derive(Clone)]
pub(crate) struct Strike {
    pub(crate) delay: Duration,
    pub(crate) effect: Effect,
    pub(crate) action: Option<Action>,
}

/// Returns the fault that strikes a call, if any does.
pub(crate) type Striker = Box<dyn FnMut(&Call) -> Option<Strike> + Send>;

/// A Kubernetes cluster in memory, behind the real client code.
///
/// It is a handle: clones are the same cluster. Everything that takes time in it (the lease of a scan, a container's
/// start, the ten seconds for which a server remembers a token) follows tokio's clock, so that a test with
/// `start_paused = true` waits for nothing.
///
/// Make it inside the runtime that uses it.
#[derive(Clone)]
pub struct FakeCluster(Arc<Mutex<State>>);

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster").finish_non_exhaustive()
    }
}

impl FakeCluster {
    pub(crate) fn of(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the object at `key`, if it exists.
    pub(crate) fn edit_at(&self, key: &Key, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        if let Some(mut object) = state.store.get(key).map(|object| (**object).clone()) {
            change(&mut object);
            state.store.put(key.clone(), object);
        }
    }
}

/// Everything that the fake knows.
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) pace: Pace,
    pub(crate) kinds: Kinds,
    pub(crate) store: Store,
    pub(crate) identities: Identities,
    pub(crate) faults: Vec<Striker>,
    pub(crate) calls: VecDeque<Call>,
    pub(crate) called: u64,
    /// How many calls are kept in `calls`.
    pub(crate) remembered: usize,
    pub(crate) hooks: Vec<Hook>,
    /// UIDs of given objects, and of those that the cluster made by itself.
    pub(crate) given: BTreeSet<String>,
    /// What answers in the containers of a pod, by its namespace, name and container; an empty container is any.
    pub(crate) targets: BTreeMap<(String, String, String), Target>,
    /// What answers in a container of an image.
    pub(crate) images: BTreeMap<String, Target>,
    pub(crate) unpullable: BTreeSet<String>,
    /// Images that are pulled only for pods with a pull secret.
    pub(crate) private: BTreeSet<String>,
    /// Whether the server lists no rights of operators, and says that its list is incomplete.
    pub(crate) lists_no_rights: bool,
    pub(crate) runs: Runs,
    /// The pod that was given last, to which answers belong.
    pub(crate) last: Option<(String, String)>,
}

impl State {
    /// An empty cluster whose clock starts at `epoch`.
    pub(crate) fn new(epoch: Timestamp, identities: Identities) -> Self {
        Self {
            clock: Clock::starting_at(epoch),
            pace: Pace::default(),
            kinds: Kinds::default(),
            store: Store::default(),
            identities,
            faults: Vec::new(),
            calls: VecDeque::new(),
            called: 0,
            remembered: KEPT,
            hooks: Vec::new(),
            given: BTreeSet::new(),
            targets: BTreeMap::new(),
            images: BTreeMap::new(),
            unpullable: BTreeSet::new(),
            private: BTreeSet::new(),
            lists_no_rights: false,
            runs: Runs::default(),
            last: None,
        }
    }

    /// Records a call, and returns the fault that strikes it.
    pub(crate) fn note(&mut self, call: Call) -> Option<Strike> {
        let strikes = self.faults.iter_mut().filter_map(|strikes| strikes(&call));
        let strike = strikes.collect::<Vec<_>>().into_iter().next();
        self.calls.push_back(call);
        let over = self.calls.len().saturating_sub(self.remembered);
        self.calls.drain(..over);
        strike
    }

    /// Records the answer to a call.
    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        let first = self.calls.front().map_or(0, |call| call.number);
        let at = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        if let Some(call) = self.calls.get_mut(at).filter(|call| call.number == number) {
            call.status = Some(status);
        }
    }
}
