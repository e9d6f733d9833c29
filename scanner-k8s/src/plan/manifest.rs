//! Every object that a scan creates, as pure functions from its names to manifests.

use std::collections::BTreeSet;

use crate::names::MANAGER;
use crate::names::SCAN_LABEL;
use crate::names::{identity_lease_name, object_name};
use scanner_core::{
    ObjectMetadata,
    plan::{PlannedObject, PlannedRule, ScanId, ScanPlan},
};
use serde_json::{Value, json};

/// Name, labels and owner of an object of a scan.
pub(crate) fn metadata(scan: &ScanId, namespace: &str, lease_uid: Option<&str>) -> Value {
    let mut metadata = json!({
        "name": object_name(scan),
        "namespace": namespace,
        "labels": {"app.kubernetes.io/managed-by": MANAGER, SCAN_LABEL: scan.as_str()},
    });
    if let Some(uid) = lease_uid {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": object_name(scan), "uid": uid,
        }]);
    }
    metadata
}

/// Gives an object, and the pods of its template, these labels and annotations. Its own ones stay.
pub(crate) fn mark(object: &mut Value, more: &ObjectMetadata) {
    let give = |metadata: &mut Value| {
        for (place, all) in [
            ("labels", more.labels()),
            ("annotations", more.annotations()),
        ] {
            if !metadata[place].is_null() && !metadata[place].is_object() {
                continue;
            }
            for (key, value) in all {
                let own = &mut metadata[place][key];
                if own.is_null() {
                    *own = value.as_str().into();
                }
            }
        }
    };
    let has_place = |object: &Value| {
        let metadata = object.get("metadata");
        object.is_object() && metadata.is_none_or(|m| m.is_null() || m.is_object())
    };
    if more.is_empty() || !has_place(object) {
        return;
    }
    give(&mut object["metadata"]);
    let is_of_a_pod = |template: &&mut Value| {
        let metadata = template.get("metadata");
        template.get("spec").is_some_and(Value::is_object)
            && metadata.is_none_or(|metadata| metadata.is_null() || metadata.is_object())
    };
    if let Some(template) = object.pointer_mut("/spec/template").filter(is_of_a_pod) {
        give(&mut template["metadata"]);
    }
}

/// Labels that keep the common meshes out of a pod: their sidecar would keep the pod alive, and takes part in its traffic.
pub(crate) const NO_MESH_LABELS: [(&str, &str); 3] = [
    ("istio.io/dataplane-mode", "none"),
    ("kuma.io/sidecar-injection", "disabled"),
    ("sidecar.istio.io/inject", "false"),
];

/// Annotations that do the same, also for those that know no label.
pub(crate) const NO_MESH_ANNOTATIONS: [(&str, &str); 6] = [
    ("appmesh.k8s.aws/sidecarInjectorWebhook", "disabled"),
    ("consul.hashicorp.com/connect-inject", "false"),
    ("kuma.io/sidecar-injection", "disabled"),
    ("linkerd.io/inject", "disabled"),
    ("openservicemesh.io/sidecar-injection", "disabled"),
    ("sidecar.istio.io/inject", "false"),
];

/// Keeps meshes out of a pod, or of the pods of a Job, whatever else it has. A key that is already there, as a label or as
/// an annotation, is not added in the other place: a mesh may read either of them, and they must not disagree.
pub(crate) fn keep_meshes_out(object: &mut Value) {
    let metadata = match object["kind"].as_str() {
        Some("Pod") => "/metadata",
        Some("Job") => "/spec/template/metadata",
        _ => return,
    };
    if let Some(template) = object.pointer_mut("/spec/template")
        && template["metadata"].is_null()
    {
        template["metadata"] = json!({});
    }
    let Some(metadata) = object.pointer_mut(metadata) else {
        return;
    };
    let own = |key: &str| {
        let mut places = ["labels", "annotations"].into_iter();
        places.any(|place| !metadata[place][key].is_null())
    };
    let keys = NO_MESH_LABELS.iter().chain(&NO_MESH_ANNOTATIONS);
    let keys = keys.map(|(key, _)| *key).filter(|key| own(key));
    let given: BTreeSet<&str> = keys.collect();
    for (place, all) in [
        ("labels", NO_MESH_LABELS.as_slice()),
        ("annotations", NO_MESH_ANNOTATIONS.as_slice()),
    ] {
        for (key, value) in all {
            if !given.contains(key) {
                metadata[place][key] = json!(value);
            }
        }
    }
}

/// The lease of an identity that has a namespace of its own.
pub(crate) fn identity_lease(scan: &ScanId, namespace: &str, seconds: u32) -> Value {
    let mut lease = lease(scan, namespace, seconds);
    lease["metadata"]["name"] = identity_lease_name(scan).into();
    lease
}

/// An object of the identity, owned by its lease: that of the scan, or where `apart`, one of its own.
fn of_identity(scan: &ScanId, namespace: &str, lease_uid: &str, apart: bool) -> Value {
    let mut metadata = metadata(scan, namespace, Some(lease_uid));
    if apart {
        metadata["ownerReferences"][0]["name"] = identity_lease_name(scan).into();
    }
    metadata
}

/// The lease: a Job without pods that the cluster's own controllers delete, with everything that
/// it owns, `seconds` after it started (`activeDeadlineSeconds`, `ttlSecondsAfterFinished`).
pub fn lease(scan: &ScanId, namespace: &str, seconds: u32) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(scan, namespace, None),
        "spec": {
            "parallelism": 0,
            "activeDeadlineSeconds": seconds,
            "ttlSecondsAfterFinished": 0,
            "backoffLimit": 0,
            "template": {"spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "never-started",
                    "image": "registry.k8s.io/pause:3.10",
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "1Mi"},
                        "limits": {"cpu": "1m", "memory": "1Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }],
            }},
        },
    })
}

/// The scan's own identity; its token is never mounted anywhere.
pub fn service_account(scan: &ScanId, namespace: &str, lease_uid: &str, apart: bool) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": of_identity(scan, namespace, lease_uid, apart),
        "automountServiceAccountToken": false,
    })
}

/// What the scan's identity may do.
pub fn role(scan: &ScanId, namespace: &str, lease_uid: &str, rules: &[PlannedRule]) -> Value {
    let rules: Vec<Value> = rules
        .iter()
        .map(|rule| {
            json!({
                "apiGroups": rule.api_groups,
                "resources": rule.resources,
                "resourceNames": rule.resource_names,
                "verbs": rule.verbs,
            })
        })
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(scan, namespace, Some(lease_uid)),
        "rules": rules,
    })
}

/// Gives the role to the account in namespace `identity`.
pub fn role_binding(scan: &ScanId, namespace: &str, lease_uid: &str, identity: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(scan, namespace, Some(lease_uid)),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": object_name(scan),
        },
        "subjects": [{
            "kind": "ServiceAccount", "name": object_name(scan), "namespace": identity,
        }],
    })
}

/// The empty Secret that the token is bound to: deleting it revokes the token.
pub fn anchor(scan: &ScanId, namespace: &str, lease_uid: &str, apart: bool) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": of_identity(scan, namespace, lease_uid, apart),
    })
}

/// The leases and the identity of a scan, as its plan names them; every scan makes them.
pub(crate) fn planned(plan: &ScanPlan, identity: &str) -> Vec<PlannedObject> {
    let rbac = "rbac.authorization.k8s.io/v1";
    let (here, there) = (plan.target.namespace.as_str(), plan.identity_namespace());
    let name = object_name(&plan.scan_id);
    let object = |api_version: &str, kind: &str, namespace: &str, purpose: &str| {
        PlannedObject::new(api_version, kind, namespace, &name, purpose)
    };
    let mut objects = vec![object(
        "batch/v1",
        "Job",
        here,
        "the lease: owns the rest, never has a pod",
    )];
    if plan.identity_namespace.is_some() {
        let name = identity_lease_name(&plan.scan_id);
        let purpose = "the lease of the identity: owns the account and the Secret, never has a pod";
        objects.push(PlannedObject::new("batch/v1", "Job", there, name, purpose));
    }
    objects.extend([
        object("v1", "ServiceAccount", there, identity),
        object(rbac, "Role", here, "what the identity may do"),
        object("v1", "Secret", there, "empty; the token dies with it"),
        object(
            rbac,
            "RoleBinding",
            here,
            "gives the role to the identity, made last",
        ),
    ]);
    objects
}

/// Exec into one pod by name. WebSocket exec needs get and create since Kubernetes 1.35.
pub fn exec_rule(pod: &str) -> PlannedRule {
    PlannedRule::of(
        vec![String::new()],
        vec!["pods/exec".into()],
        vec![pod.to_owned()],
        vec!["create".into(), "get".into()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ScanId {
        "abcd1234".parse().unwrap()
    }

    #[test]
    fn everything_but_the_lease_is_owned_by_the_lease() {
        assert!(
            lease(&id(), "n", 60)["metadata"]
                .get("ownerReferences")
                .is_none()
        );
        for object in [
            service_account(&id(), "n", "u", false),
            role(&id(), "n", "u", &[]),
            role_binding(&id(), "n", "u", "i"),
            anchor(&id(), "n", "u", true),
        ] {
            assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "u");
            assert_eq!(object["metadata"]["labels"][SCAN_LABEL], "abcd1234");
        }
    }

    #[test]
    fn what_is_added_to_an_object_is_added_to_its_pods_and_takes_nobodys_place() {
        let mut more = ObjectMetadata::default();
        more.label("team", "shop").unwrap();
        more.label("tier", "scans").unwrap();
        more.annotation("example.com/why", "SEC-1").unwrap();
        let mut lease = lease(&id(), "n", 60);
        lease["metadata"]["labels"]["tier"] = json!("own");
        mark(&mut lease, &more);
        let (object, pods) = (&lease["metadata"], &lease["spec"]["template"]["metadata"]);
        assert_eq!(object["labels"][SCAN_LABEL], "abcd1234");
        assert_eq!(object["labels"]["team"], "shop");
        assert_eq!(object["labels"]["tier"], "own");
        assert_eq!(pods["labels"], json!({"team": "shop", "tier": "scans"}));
        for metadata in [object, pods] {
            assert_eq!(metadata["annotations"], json!({"example.com/why": "SEC-1"}));
        }
        let mut secret = anchor(&id(), "n", "u", false);
        mark(&mut secret, &more);
        assert!(secret.get("spec").is_none(), "it has no pods");
        let bare = role(&id(), "n", "u", &[]);
        let mut unmarked = bare.clone();
        mark(&mut unmarked, &ObjectMetadata::default());
        assert_eq!(unmarked, bare);
    }

    #[test]
    fn meshes_are_kept_out_of_pods_and_of_nothing_else_and_an_own_label_wins() {
        let mut more = ObjectMetadata::default();
        more.label("kuma.io/sidecar-injection", "enabled").unwrap();
        let pod = || json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {}});
        let mut asked = pod();
        mark(&mut asked, &more);
        keep_meshes_out(&mut asked);
        assert_eq!(
            asked["metadata"]["labels"]["kuma.io/sidecar-injection"],
            "enabled"
        );
        assert!(
            asked["metadata"]["annotations"]["kuma.io/sidecar-injection"].is_null(),
            "{asked}"
        );
        let mut noted = ObjectMetadata::default();
        noted.annotation("kuma.io/sidecar-injection", "on").unwrap();
        let mut annotated = pod();
        mark(&mut annotated, &noted);
        keep_meshes_out(&mut annotated);
        let metadata = &annotated["metadata"];
        assert!(metadata["labels"]["kuma.io/sidecar-injection"].is_null());
        assert_eq!(metadata["annotations"]["kuma.io/sidecar-injection"], "on");
        assert_eq!(metadata["labels"]["sidecar.istio.io/inject"], "false");
        let mut plain = pod();
        keep_meshes_out(&mut plain);
        let mut lease = lease(&id(), "n", 60);
        keep_meshes_out(&mut lease);
        for metadata in [&plain["metadata"], &lease["spec"]["template"]["metadata"]] {
            for (key, value) in NO_MESH_LABELS {
                assert_eq!(metadata["labels"][key], value);
            }
            for (key, value) in NO_MESH_ANNOTATIONS {
                assert_eq!(metadata["annotations"][key], value);
            }
        }
        assert!(lease["metadata"]["annotations"].is_null());
        let mut role = role(&id(), "n", "u", &[]);
        let before = role.clone();
        keep_meshes_out(&mut role);
        assert_eq!(role, before);
    }

    #[test]
    fn the_lease_never_makes_a_pod_and_ends() {
        let lease = lease(&id(), "n", 60);
        assert_eq!(lease["spec"]["parallelism"], 0);
        assert_eq!(lease["spec"]["activeDeadlineSeconds"], 60);
        assert_eq!(lease["spec"]["ttlSecondsAfterFinished"], 0);
        assert!(lease["spec"].get("completions").is_none());
        assert!(lease["spec"].get("suspend").is_none());
    }
}
