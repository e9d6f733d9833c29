//! What nobody may do for a scan identity or in a scan's name, attempted as the operator.

use k8s_openapi::api::{
    core::v1::{Pod, Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use serde_json::{Value, json};

use super::{
    planned::Planned,
    request::{Attempt, DRY, at, attempt, built, create, pod_as},
};

impl Planned {
    /// All of it.
    pub(in crate::guard) fn by_others(&self) -> Vec<Attempt> {
        let mut all = self.of_identities();
        all.extend(self.of_pods());
        all.extend(self.of_containers());
        all.extend(self.of_probes());
        all
    }

    fn of_identities(&self) -> Vec<Attempt> {
        let (home, namespace) = (&self.home, &self.target.namespace);
        let token = json!({"spec": {"audiences": []}}).to_string();
        let account = at::<ServiceAccount>(home);
        let binding = json!({
            "metadata": {"name": "secure-scan-guard-test"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": self.account, "namespace": home}],
        });
        let foreign = json!({
            "metadata": {"name": self.account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.account},
            "subjects": [{"kind": "ServiceAccount", "name": self.account, "namespace": "secure-scan-elsewhere"}],
        });
        let second = json!({
            "metadata": {"name": "secure-scan-guard-test"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.account},
            "subjects": [{"kind": "ServiceAccount", "name": self.account, "namespace": home}],
        });
        let alias = {
            let mut pod = pod_as(None);
            pod["spec"]["serviceAccount"] = self.account.as_str().into();
            pod
        };
        let filled = json!({
            "metadata": {
                "name": "secure-scan-guard-test",
                "annotations": {"kubernetes.io/service-account.name": self.account},
            },
            "type": "kubernetes.io/service-account-token",
        });
        vec![
            attempt(
                "operator: a pod that runs as the scan identity",
                create::<Pod>(home, &pod_as(Some(&self.account))),
            ),
            attempt(
                "operator: a pod that runs as it by the old name of the field",
                create::<Pod>(home, &alias),
            ),
            attempt(
                "operator: the Role for an identity of a namespace that is none of identities",
                create::<RoleBinding>(namespace, &foreign),
            ),
            attempt(
                "operator: another binding of its own Role",
                create::<RoleBinding>(namespace, &second),
            ),
            attempt(
                "operator: a token that is bound to nothing",
                built(account.create_subresource("token", &self.account, &DRY, token.into_bytes())),
            ),
            attempt(
                "operator: a Secret that is filled with a token",
                create::<Secret>(home, &filled),
            ),
            attempt(
                "operator: another role for the scan identity",
                create::<RoleBinding>(namespace, &binding),
            ),
            attempt(
                "operator: a scan identity whose token is mounted",
                create::<ServiceAccount>(
                    home,
                    &json!({"metadata": {"name": "secure-scan-00000000"}}),
                ),
            ),
        ]
    }

    /// Pods in a scan's name that are more than it makes.
    fn of_pods(&self) -> Vec<Attempt> {
        let pod = |what, owners: &Value, more: &Value| {
            attempt(
                what,
                create::<Pod>(&self.target.namespace, &own_pod(owners, more)),
            )
        };
        let volume = |what, kind: &str, source: Value| {
            let volumes = json!({"volumes": [{"name": "v", kind: source}]});
            pod(what, &leased(), &volumes)
        };
        let claim = json!({
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}},
        });
        let token = json!({"sources": [
            {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"serviceAccountToken": {"path": "token"}},
        ]});
        vec![
            pod(
                "operator: a pod of a scan without a lease",
                &json!([]),
                &json!({}),
            ),
            pod(
                "operator: a pod of a scan that never ends",
                &leased(),
                &json!({"activeDeadlineSeconds": null}),
            ),
            pod(
                "operator: a pod of a scan in the host's network",
                &leased(),
                &json!({"hostNetwork": true}),
            ),
            volume(
                "operator: a pod of a scan with a host path",
                "hostPath",
                json!({"path": "/"}),
            ),
            volume(
                "operator: a pod of a scan with a claim",
                "persistentVolumeClaim",
                json!({"claimName": "any"}),
            ),
            volume(
                "operator: a pod of a scan with a claim of its own",
                "ephemeral",
                json!({"volumeClaimTemplate": {"spec": claim}}),
            ),
            volume(
                "operator: a pod of a scan with a share of the network",
                "nfs",
                json!({"server": "192.0.2.1", "path": "/"}),
            ),
            volume(
                "operator: a pod of a scan with a projected token",
                "projected",
                token,
            ),
        ]
    }

    /// Containers in a pod of a scan that are more than it makes.
    fn of_containers(&self) -> Vec<Attempt> {
        let pod = |what, more: &Value| {
            let pod = own_pod(&leased(), more);
            attempt(what, create::<Pod>(&self.target.namespace, &pod))
        };
        let clone = |what, field: &str, value: Value| {
            let mut clone = container("c");
            clone[field] = value;
            pod(what, &json!({"containers": [clone]}))
        };
        let probe = |what, field: &str, value: Value| {
            let mut probe = container("secure-scan-00000000");
            probe["securityContext"] = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
            });
            probe["securityContext"][field] = value;
            pod(what, &json!({"containers": [container("c"), probe]}))
        };
        let context = "securityContext";
        let with = |name: &str| json!({"drop": ["ALL"], "add": [name]});
        vec![
            clone(
                "operator: a privileged clone",
                context,
                json!({"privileged": true}),
            ),
            clone(
                "operator: a clone with SYS_ADMIN",
                context,
                json!({"capabilities": with("SYS_ADMIN")}),
            ),
            clone(
                "operator: a clone with every capability",
                context,
                json!({"capabilities": with("ALL")}),
            ),
            clone(
                "operator: a clone at a port of the host",
                "ports",
                json!([{"containerPort": 80, "hostPort": 80}]),
            ),
            pod(
                "operator: a pod of a scan with a second clone",
                &json!({"containers": [container("c"), container("d")]}),
            ),
            pod(
                "operator: a clone that runs before the barrier",
                &json!({"initContainers": [container("d")]}),
            ),
            probe(
                "operator: a probe beside a clone with NET_ADMIN",
                "capabilities",
                with("NET_ADMIN"),
            ),
            probe(
                "operator: a probe beside a clone that may gain privileges",
                "allowPrivilegeEscalation",
                true.into(),
            ),
            probe(
                "operator: a probe beside a clone, seccomp unconfined",
                "seccompProfile",
                json!({"type": "Unconfined"}),
            ),
        ]
    }
}

impl Planned {
    /// Ephemeral containers in a scan's name that are more than a probe is.
    fn of_probes(&self) -> Vec<Attempt> {
        let named = |what, change: &dyn Fn(&mut Value)| {
            let mut probe = self.probe.clone();
            probe["name"] = "secure-scan-00000000".into();
            change(&mut probe);
            attempt(what, self.ephemeral(&[probe]))
        };
        let context = "securityContext";
        vec![
            named(
                "operator: a privileged container named as a probe",
                &|probe| {
                    probe[context]["privileged"] = true.into();
                    probe[context]["allowPrivilegeEscalation"] = true.into();
                },
            ),
            named(
                "operator: a container named as a probe with SYS_ADMIN",
                &|probe| {
                    probe[context]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
                },
            ),
            named(
                "operator: a container named as a probe that may write its root",
                &|probe| {
                    probe[context]["readOnlyRootFilesystem"] = false.into();
                },
            ),
            named(
                "operator: a container named as a probe, seccomp unconfined",
                &|probe| {
                    probe[context]["seccompProfile"]["type"] = "Unconfined".into();
                },
            ),
            named(
                "operator: a container named as a probe without a security context",
                &|probe| {
                    probe[context] = Value::Null;
                },
            ),
            named(
                "operator: a container named as a probe with an environment",
                &|probe| {
                    probe["env"] = json!([{"name": "A", "value": "b"}]);
                },
            ),
            named(
                "operator: a container named as a probe with a terminal",
                &|probe| {
                    probe["stdin"] = true.into();
                    probe["tty"] = true.into();
                },
            ),
        ]
    }
}

fn leased() -> Value {
    json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "secure-scan-00000000", "uid": "none"}])
}

fn container(name: &str) -> Value {
    json!({"name": name, "image": "registry.invalid/none:1"})
}

/// A pod as strategy sidecar makes it, with other owners and `more` in its specification.
fn own_pod(owners: &Value, more: &Value) -> Value {
    let mut pod = pod_as(None);
    pod["metadata"] = json!({
        "name": "secure-scan-00000000", "labels": {"secure-scan.io/scan": "00000000"},
        "ownerReferences": owners,
    });
    let shape = json!({
        "automountServiceAccountToken": false, "activeDeadlineSeconds": 60, "restartPolicy": "Never",
    });
    for part in [&shape, more] {
        for (key, value) in part.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
    }
    pod
}
