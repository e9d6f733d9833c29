//! Isolation of the scan's own pod: deny all, and proof from inside that it is enforced.

mod policy;
mod tries;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{ResourceExt as _, api::ListParams};
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, ReleaseError, VerifyError},
    plan::PlannedControl,
};

use super::own::ScanPod;
use crate::{
    api::{
        call::{CallError, call_with_retry},
        exec::ExecStream,
    },
    strategies::own_pod::{self, Left},
};
pub(super) use policy::probe_egress_policy_name;
use tries::{Tried, attempt};

/// Port of every node's kubelet, which answers where nothing keeps a pod from it.
pub(super) const KUBELET: u16 = 10250;

/// Deny-all for the scan's own pod, with a canary.
pub(super) struct Isolation {
    pub(super) own: Arc<ScanPod>,
    pub(super) required: bool,
    /// Whether the policy was shown to be enforced, so that it must hold until the pod is gone.
    pub(super) shown: AtomicBool,
    /// Why it did not hold until then, if it did not: the evidence is then not from an isolated pod.
    pub(super) broken: Mutex<Option<ControlError>>,
}

#[async_trait]
impl SecurityControl for Isolation {
    fn id(&self) -> &'static str {
        "network"
    }

    fn plan(&self) -> PlannedControl {
        let fallback = if self.required {
            "if the isolation is not verified, the scan stops before anything of the target runs"
        } else {
            "if the isolation is not verified, the report says so, and the scan goes on"
        };
        PlannedControl::new(self.id(), "No network for what the scan starts").planning("a NetworkPolicy denies all ingress and egress, before the pod exists").planning("a canary in the pod, before anything else of it runs: no address may answer; one must \
                 while a second policy allows egress; and none again after that is deleted"
                    ).planning(fallback)
    }

    fn verifies_access(&self) -> bool {
        true
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let scope = &self.own.scope;
        let owner = scope.lease_uid()?;
        let deny = policy::of(&scope.plan().scan_id, scope.namespace(), &owner, None);
        let uid = scope.create::<NetworkPolicy>(deny).await?;
        Ok(Evidence::of(format!(
            "NetworkPolicy created (uid {uid}) before the pod: no ingress, no egress"
        )))
    }

    async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let waits = |waited, what| scope.waits(self.id(), waited, what);
        self.own.at_the_barrier(waits).await?;
        let labels = self.own.labels().await;
        let openers = policy::openers(&self.policies().await?, &labels.all);
        let mut canary = self.own.canary().await?;
        let proof = self.prove(&mut canary).await;
        self.own.keep(canary).await;
        let evidence = match (proof?, openers.as_slice()) {
            (Ok(evidence), []) => evidence,
            (Err(reason), []) => return Err(self.not_enforced(reason, Remedy::NameCanary)),
            // What got through may only be what these policies allow: the network plugin may well enforce policies.
            (proof, openers) => {
                let seen = match &proof {
                    Ok(_) => "the cluster enforces NetworkPolicies",
                    Err(reason) => reason.split_once(": ").map_or("", |(_, seen)| seen),
                };
                let openers = openers.join(", ");
                let reason = format!(
                    "not isolated: other NetworkPolicies of the namespace select the pod too and allow traffic: {openers} \
                     ({seen})"
                );
                let remedy = Remedy::advice(
                    "let these NetworkPolicies select no pod that has the label secure-scan.io/scan: matchExpressions \
                     with operator DoesNotExist",
                );
                return Err(self.not_enforced(reason, remedy));
            }
        };
        // Policies of the network plugin's own kinds are not read, and may select the pod by these labels.
        if !labels.others.is_empty() {
            let reason = format!(
                "unknown: the pod has labels beside those of the scan ({}), by which policies of the network plugin's own \
                 kinds may open it",
                labels.others.join(", ")
            );
            return Err(self.not_enforced(
                reason,
                Remedy::advice(
                    "exempt what secure-scan makes from what adds or demands labels of pods",
                ),
            ));
        }
        self.shown.store(true, Ordering::Relaxed);
        Ok(Evidence(evidence))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let scope = &self.own.scope;
        // The pod is gone by now, so this covers its whole life.
        let still = if self.shown.load(Ordering::Relaxed) {
            self.still().await
        } else {
            Ok(())
        };
        let egress = policy::probe_egress_policy_name(&scope.name());
        let deny = async {
            if scope.ledger().may_exist("Pod")
                && own_pod::left(scope, &self.own.watch).await? == Left::Pod
            {
                return Err(ControlError::new(
                    "the scan's pod is still there: its isolation stays as long",
                ));
            }
            scope.delete::<NetworkPolicy>().await
        };
        let (egress, deny) = tokio::join!(scope.delete_named::<NetworkPolicy>(&egress), deny);
        if let Err(error) = still {
            let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.get_or_insert(error);
        }
        egress?;
        Ok(Evidence::of(deny?))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let gone = self.own.scope.gone::<NetworkPolicy>().await?;
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        match broken.take() {
            Some(error) => Err(ReleaseError::EvidenceInvalid(error)),
            None => Ok(Evidence::of(gone)),
        }
    }
}

impl Isolation {
    /// How long a plugin may take to act on a policy. One that writes a node's rules anew for each
    /// change is slow on a busy node: where the scan would stop, it waits longer.
    fn settle(&self) -> Duration {
        Duration::from_secs(if self.required { 30 } else { 10 })
    }

    /// How long a plugin may take to lift one.
    fn lift(&self) -> Duration {
        Duration::from_secs(if self.required { 30 } else { 5 })
    }

    fn not_enforced(&self, reason: String, remedy: Remedy) -> VerifyError {
        let error = ControlError::new(reason).with_remedy(remedy);
        if self.required {
            VerifyError::NotHeld(error)
        } else {
            VerifyError::Tolerated(error)
        }
    }

    /// Whether the isolation that was shown is the one that is there now.
    async fn still(&self) -> Result<(), ControlError> {
        let invalid = |error: ControlError| {
            error.with_remedy(Remedy::advice(
                "look for who changes NetworkPolicies and pods in this namespace, and scan again",
            ))
        };
        if self.own.relabelled().await {
            return Err(invalid(ControlError::new(
                "the labels by which policies select the scan's pod were changed during the scan",
            )));
        }
        let scope = &self.own.scope;
        let all = self.policies().await.map_err(invalid)?;
        let uid = scope.ledger().uid_of("NetworkPolicy", &scope.name());
        if !all.iter().any(|policy| policy.uid() == uid) {
            return Err(invalid(ControlError::new(
                "the scan's NetworkPolicy was removed by someone else during the scan",
            )));
        }
        let openers = policy::openers(&all, &self.own.labels().await.all);
        if openers.is_empty() {
            return Ok(());
        }
        Err(invalid(ControlError::new(format!(
            "the isolation was reopened during the scan by NetworkPolicies that allow traffic: {}",
            openers.join(", ")
        ))))
    }

    /// Every policy of the namespace.
    async fn policies(&self) -> Result<Vec<NetworkPolicy>, ControlError> {
        let api = self.own.scope.operator_api::<NetworkPolicy>();
        let params = ListParams::default();
        let all = call_with_retry("list NetworkPolicies".into(), || api.list(&params)).await;
        Ok(all.map_err(CallError::of_control)?.items)
    }

    /// Evidence that the policy is enforced; or why it is not enforced, or not known to be.
    async fn prove(
        &self,
        canary: &mut ExecStream,
    ) -> Result<Result<Vec<String>, String>, ControlError> {
        let scope = &self.own.scope;
        let node = self.own.node_address().await;
        let exempt = |address: &SocketAddr| Some(address.ip()) == node;
        let closed = |tried: &Tried| !tried.values().any(|open| *open);
        let (first, waited) = attempt(canary, self.settle(), closed).await?;
        if let Some((address, _)) = first.iter().find(|(a, open)| **open && !exempt(a)) {
            return Ok(Err(format!(
                "not enforced: {address} answers from inside, {} s after a policy denied it",
                self.settle().as_secs()
            )));
        }
        let quiet: Vec<SocketAddr> = first
            .iter()
            .filter(|(_, o)| !**o)
            .map(|(a, _)| *a)
            .collect();
        let egress = policy::probe_egress_policy_name(&scope.name());
        let owner = scope.lease_uid()?;
        let allow = policy::of(
            &scope.plan().scan_id,
            scope.namespace(),
            &owner,
            Some(&egress),
        );
        scope.create::<NetworkPolicy>(allow).await?;
        let answers = |tried: &Tried| quiet.iter().any(|a| tried.get(a) == Some(&true));
        let second = attempt(canary, self.lift(), answers).await;
        // Egress is closed again first, in every case.
        scope.delete_named::<NetworkPolicy>(&egress).await?;
        let (second, _) = second?;
        let proven: Vec<SocketAddr> = quiet
            .iter()
            .filter(|a| second.get(a) == Some(&true))
            .copied()
            .collect();
        let names = |all: &[SocketAddr]| {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            all.join(", ")
        };
        let silent = |tried: &Tried| proven.iter().all(|a| tried.get(a) == Some(&false));
        let (third, again) = attempt(canary, self.settle(), silent).await?;
        if proven.is_empty() {
            return Ok(Err(format!(
                "unknown: nothing answered from inside while egress was allowed either ({})",
                names(&quiet)
            )));
        }
        if !silent(&third) {
            return Ok(Err(format!(
                "not enforced: {} answers after egress was denied again",
                names(&proven)
            )));
        }
        let mut evidence = vec![format!(
            "enforced: from inside the pod {} did not answer ({:.1} s after it was there), answered while \
             egress was allowed, and did not {:.1} s after that; ingress rests on the same policy",
            names(&proven),
            waited.as_secs_f64(),
            again.as_secs_f64()
        )];
        let beside: Vec<SocketAddr> = first.iter().filter(|(_, o)| **o).map(|(a, _)| *a).collect();
        if !beside.is_empty() {
            evidence.push(format!(
                "{} answers all the time: Kubernetes exempts a pod's own node",
                names(&beside)
            ));
        }
        Ok(Ok(evidence))
    }
}

/// The address of a node's kubelet.
pub(super) fn kubelet(host: Option<&str>) -> Option<SocketAddr> {
    let host: IpAddr = host?.parse().ok()?;
    Some(SocketAddr::new(host, KUBELET))
}
