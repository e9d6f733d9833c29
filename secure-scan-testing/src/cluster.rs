//! The fake cluster: what is in it, who may use it, and how a client reaches it.

mod build;
mod inspect;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kube::{Client, Config, client::ClientBuilder};
use scanner_k8s::{Cluster, ClusterBuilder, ConnectError, api::connect::GenericService};
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    Fault, Pace,
    call::Call,
    clock::Clock,
    controllers,
    identity::{Identities, User},
    kinds::Kinds,
    kubelet::Runs,
    rbac::Rule,
    store::Store,
    target::Target,
    transport::in_memory,
};

pub use inspect::ObjectName;

/// Calls and tokens that are remembered where nothing else is said.
pub(crate) const REMEMBERED: usize = 50_000;
/// The operator that every fake has.
pub(crate) const OPERATOR: &str = "operator";
/// Where the fake says that it is: a name that never resolves, RFC 6761.
const ADDRESS: &str = "https://fake-cluster.invalid:6443/";

/// What may refuse or change an object before it is stored: the object, and who sends it.
pub(crate) type Hook = Arc<dyn Fn(&str, &mut Value) -> Result<(), String> + Send + Sync>;

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

/// Everything that the fake knows.
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) pace: Pace,
    pub(crate) kinds: Kinds,
    pub(crate) store: Store,
    pub(crate) identities: Identities,
    pub(crate) faults: Vec<Fault>,
    pub(crate) calls: VecDeque<Call>,
    pub(crate) called: u64,
    /// How many calls are kept in `calls`.
    pub(crate) remembered: usize,
    pub(crate) hooks: Vec<Hook>,
    /// UIDs of what was given, and of what the cluster made by itself.
    pub(crate) given: BTreeSet<String>,
    /// What answers in the containers of a pod, by its namespace, name and container; an empty container is any.
    pub(crate) targets: BTreeMap<(String, String, String), Target>,
    /// What answers in a container of an image.
    pub(crate) images: BTreeMap<String, Target>,
    pub(crate) unpullable: BTreeSet<String>,
    pub(crate) runs: Runs,
    /// The pod that was given last, to which answers belong.
    last: Option<(String, String)>,
}

impl Default for FakeCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeCluster {
    /// An empty cluster with namespace `default`, one node, and an operator who may do everything.
    pub fn new() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// The same with a clock that starts at `epoch`, for output that must not differ from run to run.
    pub fn starting_at(epoch: Timestamp) -> Self {
        let mut identities = Identities::default();
        let rights = Rule::all().into_iter().map(|rule| (None, rule)).collect();
        identities.fix("fake-operator", User::operator(OPERATOR, rights));
        let mut state = State {
            clock: Clock::starting_at(epoch),
            pace: Pace::default(),
            kinds: Kinds::default(),
            store: Store::default(),
            identities,
            faults: Vec::new(),
            calls: VecDeque::new(),
            called: 0,
            remembered: REMEMBERED,
            hooks: Vec::new(),
            given: BTreeSet::new(),
            targets: BTreeMap::new(),
            images: BTreeMap::new(),
            unpullable: BTreeSet::new(),
            runs: Runs::default(),
            last: None,
        };
        controllers::node(&mut state);
        controllers::namespace(&mut state, "default");
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the operator reaches the fake, for programs that build clients of their own from a [`Config`], over
    /// [`FakeCluster::client_builder`] in place of TCP and TLS.
    pub fn config(&self) -> Config {
        self.config_of(OPERATOR)
    }

    /// The same for another operator, see [`FakeCluster::operator`]; one who is not known has a token that the fake
    /// refuses.
    pub fn config_of(&self, operator: &str) -> Config {
        let state = self.state();
        let token = state
            .identities
            .fixed(operator)
            .map_or("unknown", |(token, _)| token);
        let mut config = Config::new(http::Uri::from_static(ADDRESS));
        config.auth_info.token = Some(SecretString::from(token.to_owned()));
        config.root_cert = Some(vec![
            b"the fake cluster has no certificate authority".to_vec(),
        ]);
        config
    }

    /// A builder of clients for `config`, with the layers that kube's own has, over memory in place of TCP and TLS.
    ///
    /// # Errors
    ///
    /// Fails on credentials that kube cannot use.
    pub fn client_builder(&self, config: &Config) -> kube::Result<ClientBuilder<GenericService>> {
        in_memory(self).builder(config)
    }

    /// The fake as the library's own cluster, for its operator: what a scan is given in place of a real one.
    ///
    /// # Errors
    ///
    /// Fails outside of a tokio runtime.
    pub fn cluster(&self) -> Result<Cluster, ConnectError> {
        self.cluster_of(OPERATOR)
    }

    /// The same for another operator, see [`FakeCluster::operator`].
    ///
    /// # Errors
    ///
    /// Fails outside of a tokio runtime.
    pub fn cluster_of(&self, operator: &str) -> Result<Cluster, ConnectError> {
        self.cluster_builder(operator).build()
    }

    /// A builder of the same, for a program's own layers and name.
    pub fn cluster_builder(&self, operator: &str) -> ClusterBuilder {
        Cluster::builder(self.config_of(operator)).in_memory(in_memory(self))
    }

    /// A client of the operator.
    ///
    /// # Errors
    ///
    /// Does not fail.
    pub fn client(&self) -> kube::Result<Client> {
        Ok(self.client_builder(&self.config())?.build())
    }
}

impl State {
    /// Notes a call, and gives what strikes it.
    pub(crate) fn note(&mut self, call: Call) -> Option<crate::fault::Strike> {
        let strikes = self
            .faults
            .iter_mut()
            .filter_map(|fault| fault.strike(&call));
        let strike = strikes.collect::<Vec<_>>().into_iter().next();
        self.calls.push_back(call);
        let over = self.calls.len().saturating_sub(self.remembered);
        self.calls.drain(..over);
        strike
    }

    /// Notes the answer to a call.
    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        let first = self.calls.front().map_or(0, |call| call.number);
        let at = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        if let Some(call) = self.calls.get_mut(at).filter(|call| call.number == number) {
            call.status = Some(status);
        }
    }
}
