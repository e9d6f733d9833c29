//! Facts for gates: of the pod itself, and bounded lists of its surroundings where a gate needs them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::{Pod, Service},
        networking::v1::{
            NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
            NetworkPolicyPort,
        },
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{ResourceExt as _, api::ListParams};
use scanner_core::{
    Target,
    gate::{GateFacts, Known, Limit, Needs, NetworkPolicyFact, ServiceFact, Siblings},
    inventory::{Collected, PodFacts},
};

use crate::{
    api::{call::call, client::OperatorClient},
    plan::{preflight::Allowed, resolve::target_of},
    pod::containers,
};

/// Objects of one kind that are listed at most.
const MAX_LIST: u32 = 500;
/// Labels that differ between pods of one owner.
const OF_ONE_POD: [&str; 4] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    REVISION,
];
/// Label by which a `StatefulSet` or `DaemonSet` marks the revision of a pod.
const REVISION: &str = "controller-revision-hash";

/// Everything that gates need: one list for each of `needs` that the operator may ask for.
pub(crate) async fn collect(
    operator: &OperatorClient,
    pod: &Pod,
    target: &Target,
    facts: Collected<PodFacts>,
    needs: Needs,
    allowed: &Allowed,
) -> GateFacts {
    let containers = facts.data().map(|facts| facts.containers.as_slice());
    let mut containers = containers.unwrap_or_default().iter();
    let container = containers.find(|c| c.target).cloned();
    let container = container.unwrap_or_default();
    let lists = Lists {
        operator,
        namespace: target.namespace.as_str(),
        allowed,
    };
    let (siblings, services, network_policies) = tokio::join!(
        lists.siblings(pod, target, needs.siblings),
        lists.services(pod, needs.services),
        lists.network_policies(pod, needs.network_policies),
    );
    GateFacts {
        run_as_user: (container.run_as_user >= 0).then_some(container.run_as_user),
        running_uid: running_uid(pod, target),
        proc_mount: container.proc_mount,
        apparmor: container.apparmor_profile,
        pod: facts,
        siblings,
        services,
        network_policies,
    }
}

fn running_uid(pod: &Pod, target: &Target) -> Option<i64> {
    let status = containers::status(pod, target.container.as_str())?;
    Some(status.user.as_ref()?.linux.as_ref()?.uid)
}

struct Lists<'a> {
    operator: &'a OperatorClient,
    namespace: &'a str,
    allowed: &'a Allowed,
}

impl Lists<'_> {
    async fn siblings(&self, pod: &Pod, target: &Target, needed: bool) -> Known<Siblings> {
        if !needed {
            return Known::NotAsked;
        }
        let Some(owner) = controller(pod) else {
            return Known::Known(Siblings::default());
        };
        let shared: Vec<String> = pod
            .labels()
            .iter()
            .filter(|(key, _)| !OF_ONE_POD.contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let listed = self.list::<Pod>("", "pods", Some(shared.join(","))).await;
        let (pods, more) = match listed {
            Ok(listed) => listed,
            Err(why) => return Known::Unknown(why),
        };
        let of_owner = pods.iter().filter(|other| {
            other.uid().as_deref() != Some(target.pod_uid.as_str())
                && controller(other).is_some_and(|o| o.uid == owner.uid)
        });
        // All pods of one revision run one image under any name; an update changes the revision too.
        let revision = pod.labels().get(REVISION);
        let running = of_owner.filter_map(|other| {
            let found = target_of(other, Some(&target.container)).ok()?;
            let comparable =
                found.image == target.image || other.labels().get(REVISION) == revision;
            comparable.then(|| (found.pod.to_string(), found.image_id))
        });
        Known::Known(Siblings {
            owner: Some(format!("{} {}", owner.kind, owner.name)),
            images: running.collect(),
            more,
        })
    }

    async fn services(&self, pod: &Pod, needed: bool) -> Known<Vec<ServiceFact>> {
        if !needed {
            return Known::NotAsked;
        }
        let listed = self.list::<Service>("", "services", None).await;
        let (services, more) = match listed {
            Ok(listed) => listed,
            Err(why) => return Known::Unknown(why),
        };
        if more {
            return Known::Unknown(format!("there are more than {MAX_LIST}"));
        }
        let selecting = services.into_iter().filter_map(|service| {
            let spec = service.spec.clone()?;
            // A Service without a selector selects nothing.
            let selector = spec.selector.filter(|s| !s.is_empty())?;
            let labels = pod.labels();
            let selects = selector.iter().all(|(k, v)| labels.get(k) == Some(v));
            selects.then(|| ServiceFact {
                name: service.name_any(),
                kind: spec.type_.unwrap_or_else(|| "ClusterIP".into()),
                external_ips: spec.external_ips.is_some_and(|ips| !ips.is_empty()),
            })
        });
        Known::Known(selecting.collect())
    }

    async fn network_policies(&self, pod: &Pod, needed: bool) -> Known<Vec<NetworkPolicyFact>> {
        if !needed {
            return Known::NotAsked;
        }
        let group = "networking.k8s.io";
        let listed = self
            .list::<NetworkPolicy>(group, "networkpolicies", None)
            .await;
        let (policies, more) = match listed {
            Ok(listed) => listed,
            Err(why) => return Known::Unknown(why),
        };
        if more {
            return Known::Unknown(format!("there are more than {MAX_LIST}"));
        }
        let selecting = policies.into_iter().filter_map(|policy| {
            let spec = policy.spec.clone()?;
            let selector = spec.pod_selector.clone().unwrap_or_default();
            let types = spec.policy_types.clone().unwrap_or_default();
            // Unset types are Ingress, and Egress where there are egress rules.
            let egress =
                types.iter().any(|t| t == "Egress") || types.is_empty() && spec.egress.is_some();
            let ingress = types.is_empty() || types.iter().any(|t| t == "Ingress");
            selects(&selector, pod.labels()).then(|| NetworkPolicyFact {
                name: policy.name_any(),
                ingress: limit(ingress, spec.ingress.iter().flatten().any(opens_ingress)),
                egress: limit(egress, spec.egress.iter().flatten().any(opens_egress)),
            })
        });
        Known::Known(selecting.collect())
    }

    /// Objects of one kind, and whether there are more; or why they cannot be listed.
    async fn list<K>(
        &self,
        group: &str,
        resource: &str,
        labels: Option<String>,
    ) -> Result<(Vec<K>, bool), String>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        if self.allowed.may(group, resource, "list") == Some(false) {
            return Err(format!(
                "you may not list {resource} in namespace {}",
                self.namespace
            ));
        }
        let api = self.operator.api::<K>(self.namespace);
        let params = ListParams {
            label_selector: labels.filter(|l| !l.is_empty()),
            ..ListParams::default().limit(MAX_LIST)
        };
        let listed = call(format!("list {resource}"), api.list(&params))
            .await
            .map_err(|error| scanner_core::cause::chain(&error))?;
        let more = listed.metadata.continue_.is_some_and(|c| !c.is_empty());
        Ok((listed.items, more))
    }
}

fn limit(applies: bool, open: bool) -> Limit {
    match (applies, open) {
        (false, _) => Limit::None,
        (true, false) => Limit::Limits,
        (true, true) => Limit::Open,
    }
}

fn opens_ingress(rule: &NetworkPolicyIngressRule) -> bool {
    everything(rule.from.as_deref(), rule.ports.as_deref())
}

fn opens_egress(rule: &NetworkPolicyEgressRule) -> bool {
    everything(rule.to.as_deref(), rule.ports.as_deref())
}

/// Whether a rule names no peer, or every address, and no port.
fn everything(peers: Option<&[NetworkPolicyPeer]>, ports: Option<&[NetworkPolicyPort]>) -> bool {
    let all = |peer: &NetworkPolicyPeer| {
        let block = peer.ip_block.as_ref();
        block.is_some_and(|b| {
            matches!(b.cidr.as_str(), "0.0.0.0/0" | "::/0")
                && b.except.as_ref().is_none_or(Vec::is_empty)
        })
    };
    ports.is_none_or(<[_]>::is_empty)
        && peers.is_none_or(|peers| peers.is_empty() || peers.iter().any(all))
}

fn controller(
    pod: &Pod,
) -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference> {
    pod.owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true))
}

/// Whether a label selector selects; an operator that is not known is taken to select nothing.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten();
    let mut expressions = selector.match_expressions.iter().flatten();
    equal.into_iter().all(|(k, v)| labels.get(k) == Some(v))
        && expressions.all(|e| {
            let value = labels.get(&e.key);
            let listed = value.is_some_and(|v| e.values.iter().flatten().any(|w| w == v));
            match e.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_select_as_the_server_says() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        for (selector, expected) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}),
                false,
            ),
        ] {
            let parsed: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(selects(&parsed, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn a_rule_that_names_no_peer_and_no_port_allows_everything() {
        for (rule, expected) in [
            (json!({}), true),
            (json!({"to": [], "ports": []}), true),
            (json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}), true),
            (
                json!({"to": [{"podSelector": {}}, {"ipBlock": {"cidr": "::/0"}}]}),
                true,
            ),
            (
                json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}),
                false,
            ),
            (json!({"to": [{"podSelector": {}}]}), false),
            (json!({"ports": [{"port": 53}]}), false),
        ] {
            let egress: NetworkPolicyEgressRule = serde_json::from_value(rule.clone()).unwrap();
            assert_eq!(opens_egress(&egress), expected, "{rule}");
            let from = rule.to_string().replace("\"to\"", "\"from\"");
            let ingress: NetworkPolicyIngressRule = serde_json::from_str(&from).unwrap();
            assert_eq!(opens_ingress(&ingress), expected, "{rule}");
        }
        assert_eq!(limit(false, true), Limit::None);
        assert_eq!(limit(true, false), Limit::Limits);
        assert_eq!(limit(true, true), Limit::Open);
    }
}
