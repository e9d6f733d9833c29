//! What one scan is: its plan, its names and the parts that its controls and its strategy share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource};
use scanner_core::{ControlError, ScanPlan, alert::Alerts};
use tokio::time::Instant;

use super::owned::Owned;
use super::{
    credential::Credential, everyone::Everyone, lease_state::LeaseState, ledger::Ledger,
    target_watch::TargetWatch,
};
use crate::{
    api::segment::Segment,
    names::{identity_lease_name, object_name},
    pod::snapshot::PodSnapshot,
};

/// A lease that ends this long before its deadline was not ended by it.
const MARGIN: Duration = Duration::from_secs(2);

/// One scan. Only the records of its parts change: the [`Ledger`] records the objects, the [`Credential`] the token and its
/// end, and the `TargetWatch` the state of the pod.
pub struct ScanScope {
    segment: Segment,
    plan: ScanPlan,
    started: Mutex<Instant>,
    ledger: Arc<Ledger>,
    credential: Credential,
    target: TargetWatch,
    options: ScopeOptions,
    alerts: Alerts,
    leases: LeaseState,
    everyone: Everyone,
}

/// How one scan is done, in addition to its plan.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ScopeOptions {
    /// Limits of its agent.
    pub limits: AgentLimits,
    /// Whether its proofs hold for every server and every namespace: it waits until no server can remember its token,
    /// and looks for what it made in all namespaces.
    pub prove_everywhere: bool,
}

impl From<AgentLimits> for ScopeOptions {
    fn from(limits: AgentLimits) -> Self {
        Self {
            limits,
            prove_everywhere: false,
        }
    }
}

/// How long the agent of a scan may send nothing, and how much it may send in all.
#[derive(Debug, Clone, Copy)]
pub struct AgentLimits {
    /// Longest silence; without one only the lease bounds it.
    pub idle_timeout: Option<Duration>,
    /// Longest answer in bytes.
    pub answer: u64,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            idle_timeout: None,
            answer: 1 << 30,
        }
    }
}

impl ScanScope {
    /// The scope of one planned scan; `before` is the pod as it was resolved, where there is one.
    pub fn new(segment: Segment, plan: ScanPlan, before: Option<PodSnapshot>) -> Arc<Self> {
        Self::with_options(segment, plan, before, ScopeOptions::default())
    }

    /// The same, with `options`.
    pub fn with_options(
        segment: Segment,
        plan: ScanPlan,
        before: Option<PodSnapshot>,
        options: ScopeOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            alerts: Alerts::default(),
            leases: LeaseState::default(),
            everyone: Everyone::default(),
            credential: Credential::new(plan.scan_id.clone()),
            target: TargetWatch::new(before),
            ledger: Arc::default(),
            started: Mutex::new(Instant::now()),
            segment,
            plan,
        })
    }

    /// Where its calls are counted and logged.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What was planned.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// When the lease began, or before that the scan, for what must end before its lease.
    pub fn started(&self) -> Instant {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the lease is about to be made: from now on its time runs.
    pub(crate) fn note_started(&self) {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether its lease may have ended by itself.
    pub(crate) fn lease_is_over(&self) -> bool {
        let lease = Duration::from_secs(self.plan.lease_seconds.into());
        self.started().elapsed() + MARGIN >= lease
    }

    /// The limits of its agent.
    pub fn limits(&self) -> AgentLimits {
        self.options.limits
    }

    /// Whether the proofs of this scan hold for every server and every namespace.
    pub(crate) fn proves_everywhere(&self) -> bool {
        self.options.prove_everywhere
    }

    /// Where its alerts are raised.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// What is seen of its leases.
    pub(crate) fn leases(&self) -> &LeaseState {
        &self.leases
    }

    /// What every account may do.
    pub(crate) fn everyone(&self) -> &Everyone {
        &self.everyone
    }

    /// What the scan created, and what became of it.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The scan's own identity.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// What was seen of the target's pod.
    pub fn target(&self) -> &TargetWatch {
        &self.target
    }

    /// Name of every object of the scan.
    pub fn name(&self) -> String {
        object_name(&self.plan.scan_id)
    }

    /// User name of the scan's identity at the server.
    pub fn account(&self) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.identity_namespace(),
            self.name()
        )
    }

    /// Namespace of the target, in which the Role, its binding and the scan's own pod are created.
    pub fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    /// Namespace in which the account and its Secret are created: that of the target, unless the scan has one for its
    /// identity.
    pub fn identity_namespace(&self) -> &str {
        self.plan.identity_namespace()
    }

    /// Name of the lease of the identity, where the identity has a namespace of its own.
    pub(crate) fn identity_lease(&self) -> Option<String> {
        let apart = self.plan.identity_namespace.is_some();
        apart.then(|| identity_lease_name(&self.plan.scan_id))
    }

    /// Namespace of an object of this scan.
    pub(crate) fn namespace_of(&self, kind: &str, name: &str) -> &str {
        let of_identity = matches!(kind, "ServiceAccount" | "Secret")
            || kind == "Job" && self.identity_lease().as_deref() == Some(name);
        if of_identity {
            self.identity_namespace()
        } else {
            self.namespace()
        }
    }

    /// Namespaces in which this scan makes objects of that kind.
    pub(crate) fn places_of(&self, kind: &str) -> Vec<&str> {
        let mut places = vec![self.namespace_of(kind, "")];
        if kind == "Job" && self.plan.identity_namespace.is_some() {
            places.push(self.identity_namespace());
        }
        places
    }

    /// UID of the lease that owns an object of this scan; a lease has no owner.
    pub(crate) fn owner_of(&self, kind: &str, name: &str) -> Option<String> {
        if kind == "Job" {
            return None;
        }
        let identity = self.identity_lease();
        let lease = match identity {
            Some(lease) if self.namespace_of(kind, name) == self.identity_namespace() => lease,
            _ => self.name(),
        };
        self.ledger.uid_of("Job", &lease)
    }

    /// UID of the lease in the target's namespace, which owns everything there.
    ///
    /// # Errors
    ///
    /// Fails before the lease was created.
    pub fn lease_uid(&self) -> Result<String, ControlError> {
        self.lease_uid_of(&self.name())
    }

    /// UID of the lease that owns the account and its Secret.
    ///
    /// # Errors
    ///
    /// Fails before the lease was created.
    pub(crate) fn identity_lease_uid(&self) -> Result<String, ControlError> {
        self.lease_uid_of(&self.identity_lease().unwrap_or_else(|| self.name()))
    }

    fn lease_uid_of(&self, name: &str) -> Result<String, ControlError> {
        let uid = self.ledger.uid_of("Job", name);
        uid.ok_or_else(|| ControlError::new("the lease does not exist"))
    }

    pub(crate) fn operator_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        self.segment.operator().api(self.namespace())
    }

    /// The kind of an object of this scan, in its namespace.
    pub(crate) fn operator_api_for<K: Owned>(&self, name: &str) -> Api<K> {
        self.segment
            .operator()
            .api(self.namespace_of(&K::kind(&()), name))
    }
}
