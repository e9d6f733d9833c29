//! The fake cluster: how it starts, and how a client reaches it.

mod build;
mod inspect;

use jiff::Timestamp;
use kube::{Client, Config, client::ClientBuilder};
use scanner_k8s::{Cluster, ClusterBuilder, ConnectError, api::connect::GenericService};
use secrecy::SecretString;

use crate::{
    FakeCluster,
    facts::OPERATOR,
    identity::{Identities, User},
    rbac::Rule,
    state::{State, given},
    transport::in_memory,
};

pub use inspect::ObjectName;

/// Where the fake says that it is: a name that never resolves, RFC 6761.
const ADDRESS: &str = "https://fake-cluster.invalid:6443/";

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
        let mut state = State::new(epoch, identities);
        given::node(&mut state);
        given::namespace(&mut state, "default");
        Self::of(state)
    }

    /// How the operator reaches the fake, for programs that build clients of their own from a [`Config`], over
    /// [`FakeCluster::client_builder`] in place of TCP and TLS.
    pub fn config(&self) -> Config {
        self.config_of(OPERATOR)
    }

    /// The same for another operator, see [`FakeCluster::operator`]. An unknown operator gets a token that the fake
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

    /// The fake as the library's own cluster, for its operator: pass it to a scan in place of a real one.
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
