//! What gates decide on: facts about the target's pod and its surroundings, as the server reports them.

use scanner_inventory::{Collected, PodFacts};

/// Something that was asked of the cluster, or why it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Known<T> {
    /// No gate needs it.
    #[default]
    NotAsked,
    /// The answer.
    Known(T),
    /// It could not be read, and why.
    Unknown(String),
}

/// What gates need to know beyond the pod itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The other pods of the target's owner.
    pub siblings: bool,
    /// The Services that select the pod.
    pub services: bool,
    /// The `NetworkPolicies` that select the pod.
    pub network_policies: bool,
}

/// Everything that gates decide on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateFacts {
    /// What the pod's specification and status say of the container; not known by default, which is never evidence.
    pub pod: Collected<PodFacts>,
    /// `runAsUser` of the container or the pod.
    pub run_as_user: Option<i64>,
    /// User id with which the container was started, if the node reports it.
    pub running_uid: Option<i64>,
    /// `securityContext.procMount`; empty when unset, which is `Default`.
    pub proc_mount: String,
    /// `AppArmor` profile type of the container or the pod, from field or annotation; empty when unset.
    pub apparmor: String,
    /// Other containers running from the same owner and the same image.
    pub siblings: Known<Siblings>,
    /// Services that select the pod.
    pub services: Known<Vec<ServiceFact>>,
    /// `NetworkPolicies` that select the pod.
    pub network_policies: Known<Vec<NetworkPolicyFact>>,
}

/// Containers of the same name and image in pods of the same owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Siblings {
    /// Kind and name of the owner; absent where the pod has none.
    pub owner: Option<String>,
    /// Pod name and image id of each that runs.
    pub images: Vec<(String, String)>,
    /// Whether there are more than were read.
    pub more: bool,
}

/// A Service that selects the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFact {
    /// Name.
    pub name: String,
    /// Type, such as `ClusterIP`.
    pub kind: String,
    /// Whether it has external addresses of its own.
    pub external_ips: bool,
}

/// A `NetworkPolicy` that selects the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPolicyFact {
    /// Name.
    pub name: String,
    /// How it limits ingress.
    pub ingress: Limit,
    /// How it limits egress.
    pub egress: Limit,
}

/// How a `NetworkPolicy` limits one direction of traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limit {
    /// Not at all: it does not cover this direction.
    #[default]
    None,
    /// It allows what its rules name, if anything.
    Limits,
    /// A rule of it allows everything, whatever other policies say: they add up.
    Open,
}
