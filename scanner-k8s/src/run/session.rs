//! What one scan knows of itself while it runs: names, lease, token, and its two clients.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{Api, Resource};
use scanner_core::{
    ControlError, ScanPlan, Target,
    control::ControlEffect,
    inventory::{Changes, Collected},
};
use secrecy::SecretString;

use super::ledger::{Ledger, Made};
use crate::names::LOAN_STRATEGY;
use crate::{
    api::{
        call::CallError,
        client::{CanaryClient, ReviewClient, ScanClient, ScanIdentity},
        exec::{ExecError, ExecStream},
        object_watch::Watched,
        segment::Segment,
    },
    names::object_name,
    pod::snapshot::PodSnapshot,
};

/// What an ephemeral container is called in the list of what was attempted; it is no object.
const PROBE: &str = "ephemeral container";

/// One scan, shared by its controls and its strategy.
pub struct Session {
    pub(crate) segment: Segment,
    pub(crate) plan: ScanPlan,
    pub(crate) lease_uid: OnceLock<String>,
    pub(crate) identity: OnceLock<ScanIdentity>,
    /// When the server first accepted the token, which it may remember for up to 10 s.
    pub(crate) token_used: OnceLock<Instant>,
    pub(crate) started: Instant,
    /// Set once the server was seen to refuse the token.
    pub(crate) token_refused: OnceLock<()>,
    /// The pod as it was resolved, and as it was after the scan.
    pub(crate) before: OnceLock<PodSnapshot>,
    pub(crate) after: OnceLock<PodSnapshot>,
    /// The target's pod, from when a probe was added to it.
    pub(crate) with_probe: tokio::sync::Mutex<Option<Watched<Pod>>>,
    /// What changed in the target while it was read.
    pub(crate) changes: OnceLock<Collected<Changes>>,
    /// Whether the lease must stay until it ends: something is left that needs what it owns.
    keep: AtomicBool,
    /// The token, where it is lent to a program; nowhere else is it kept.
    lent: Mutex<Option<SecretString>>,
    pub(super) ledger: Arc<Ledger>,
}

impl Session {
    /// A session for one planned scan.
    pub fn new(segment: Segment, plan: ScanPlan) -> Arc<Self> {
        Arc::new(Self {
            segment,
            plan,
            lease_uid: OnceLock::new(),
            identity: OnceLock::new(),
            token_used: OnceLock::new(),
            started: Instant::now(),
            token_refused: OnceLock::new(),
            before: OnceLock::new(),
            after: OnceLock::new(),
            with_probe: tokio::sync::Mutex::default(),
            changes: OnceLock::new(),
            keep: AtomicBool::new(false),
            lent: Mutex::default(),
            ledger: Arc::default(),
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

    /// Opens an exec as the scan's own identity, once the credential control has made one.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential, or the server refuses the exec.
    pub async fn exec(
        &self,
        target: &Target,
        command: &[&str],
    ) -> Result<ExecStream, ControlError> {
        let opened = self.scan_client()?.exec(target, command).await;
        opened.map_err(ExecError::of_control)
    }

    /// Every object that the scan created, in order.
    pub fn ledger(&self) -> Vec<Made> {
        self.ledger.made()
    }

    /// What was shown of them since.
    pub(crate) fn shown(&self) -> &Ledger {
        &self.ledger
    }

    /// Keeps the token for the program that it is lent to, if there is one.
    pub(crate) fn lend(&self, token: &SecretString) {
        if self.plan.strategy == LOAN_STRATEGY {
            let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
            *lent = Some(token.clone());
        }
    }

    /// The token that is lent, once.
    pub(crate) fn take_lent(&self) -> Option<SecretString> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        lent.take()
    }

    /// Makes one call as the scan's own identity, and gives the status code of the answer: to try
    /// what must be refused.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential, or no answer.
    pub async fn try_call(&self, verb: &str, path: &str, body: &[u8]) -> Result<u16, ControlError> {
        let answer = self.review()?.try_call(verb, path, body).await;
        answer.map_err(CallError::of_control)
    }

    /// The lease is not to be released: what it owns stays until it ends.
    pub(crate) fn keep_lease(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }

    pub(crate) fn keeps_lease(&self) -> bool {
        self.keep.load(Ordering::Relaxed)
    }

    pub(crate) fn name(&self) -> String {
        object_name(&self.plan.scan_id)
    }

    /// User name of the scan's identity at the server.
    pub(crate) fn account(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace(), self.name())
    }

    pub(crate) fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    pub(crate) fn lease_uid(&self) -> Result<&str, ControlError> {
        let uid = self.lease_uid.get().map(String::as_str);
        uid.ok_or_else(|| not_held("the lease does not exist"))
    }

    fn identity(&self) -> Result<&ScanIdentity, ControlError> {
        let identity = self.identity.get();
        identity.ok_or_else(|| not_held("the scan has no credential"))
    }

    /// The scan's identity as it asks what it may do.
    pub(crate) fn review(&self) -> Result<ReviewClient, ControlError> {
        Ok(self.identity()?.review())
    }

    /// The scan's identity as it looks into the scan's own pod.
    pub(crate) fn canary(&self) -> Result<CanaryClient, ControlError> {
        let pod = self.name().parse();
        let pod = pod.map_err(|_| not_held("the pod's name is not valid"))?;
        let namespace = self.plan.target.namespace.clone();
        Ok(self.identity()?.canary(namespace, pod))
    }

    /// The scan's identity as it touches the target.
    pub(crate) fn scan_client(&self) -> Result<ScanClient, ControlError> {
        Ok(self.identity()?.scan())
    }

    pub(crate) fn operator_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        self.segment.operator().api(self.namespace())
    }

    /// The server is now asked to add the probe's ephemeral container.
    pub(crate) fn probe_attempted(&self) {
        // The watch of its start and end is what waits for it.
        drop(Ledger::attempt(&self.ledger, PROBE, &self.name()));
    }

    /// The server clearly refused it.
    pub(crate) fn probe_refused(&self) {
        self.ledger.refused(PROBE, &self.name());
    }

    pub(crate) fn probe_may_exist(&self) -> bool {
        self.may_exist(PROBE)
    }

    /// Whether something of that kind was asked for and not clearly refused.
    pub(crate) fn may_exist(&self, kind: &str) -> bool {
        self.ledger.attempted().iter().any(|(k, _)| k == kind)
    }

    /// UID of an object that the scan created.
    pub(crate) fn uid_of(&self, kind: &str, name: &str) -> Option<String> {
        let made = self.ledger.made().into_iter();
        made.filter(|made| (made.kind.as_str(), made.name.as_str()) == (kind, name))
            .map(|made| made.uid)
            .next()
    }
}

pub(crate) fn not_held(message: impl Into<String>) -> ControlError {
    ControlError {
        message: message.into(),
        hint: None,
        effect: ControlEffect::NotHeld,
        source: None,
    }
}
