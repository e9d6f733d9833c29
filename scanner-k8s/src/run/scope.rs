//! What one scan is: its plan, its names and the parts that its controls and its strategy share.

use std::{sync::Arc, time::Duration};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource};
use scanner_core::{ControlError, ScanPlan};
use tokio::time::Instant;

use super::{credential::Credential, ledger::Ledger, target_watch::TargetWatch};
use crate::{api::segment::Segment, names::object_name, pod::snapshot::PodSnapshot};

/// One scan. Only the records of its parts change: the [`Ledger`] records the objects, the [`Credential`] the token and its
/// end, and the `TargetWatch` the state of the pod.
pub struct ScanScope {
    segment: Segment,
    plan: ScanPlan,
    started: Instant,
    ledger: Arc<Ledger>,
    credential: Credential,
    target: TargetWatch,
    limits: AgentLimits,
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
        Self::with_limits(segment, plan, before, AgentLimits::default())
    }

    /// The same for a scan whose agent has those limits.
    pub fn with_limits(
        segment: Segment,
        plan: ScanPlan,
        before: Option<PodSnapshot>,
        limits: AgentLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            credential: Credential::new(plan.scan_id.clone()),
            target: TargetWatch::new(before),
            ledger: Arc::default(),
            started: Instant::now(),
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

    /// When the scan began, for what must end before its lease.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The limits of its agent.
    pub fn limits(&self) -> AgentLimits {
        self.limits
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
        format!("system:serviceaccount:{}:{}", self.namespace(), self.name())
    }

    /// Namespace of the target, in which everything is created.
    pub fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    /// UID of the lease, which owns everything else.
    ///
    /// # Errors
    ///
    /// Fails before the lease was created.
    pub fn lease_uid(&self) -> Result<String, ControlError> {
        let uid = self.ledger.uid_of("Job", &self.name());
        uid.ok_or_else(|| ControlError::new("the lease does not exist"))
    }

    pub(crate) fn operator_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        self.segment.operator().api(self.namespace())
    }
}
