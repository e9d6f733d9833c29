//! The kinds of objects that the fake API server stores.

use std::sync::Arc;

use serde_json::{Value, json};

/// One kind of object, as discovery names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the field's own word")]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
}

impl Kind {
    /// `v1`, or `batch/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods`, or `jobs.batch`, as messages of the server name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Group, version, plural, kind, whether it is in a namespace.
const KNOWN: [(&str, &str, &str, &str, bool); 33] = [
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "services", "Service", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "limitranges", "LimitRange", true),
    ("", "v1", "resourcequotas", "ResourceQuota", true),
    (
        "",
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        true,
    ),
    (
        "",
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        true,
    ),
    ("batch", "v1", "jobs", "Job", true),
    ("batch", "v1", "cronjobs", "CronJob", true),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "replicasets", "ReplicaSet", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("apps", "v1", "daemonsets", "DaemonSet", true),
    ("events.k8s.io", "v1", "events", "Event", true),
    ("coordination.k8s.io", "v1", "leases", "Lease", true),
    (
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        true,
    ),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true),
    (
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        true,
    ),
    (
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        true,
    ),
    (RBAC, "v1", "roles", "Role", true),
    (RBAC, "v1", "rolebindings", "RoleBinding", true),
    (RBAC, "v1", "clusterroles", "ClusterRole", false),
    (
        RBAC,
        "v1",
        "clusterrolebindings",
        "ClusterRoleBinding",
        false,
    ),
    (
        ADMISSION,
        "v1",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        false,
    ),
    (
        ADMISSION,
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        false,
    ),
    (
        ADMISSION,
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        false,
    ),
    (
        ADMISSION,
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        false,
    ),
    (
        "scheduling.k8s.io",
        "v1",
        "priorityclasses",
        "PriorityClass",
        false,
    ),
];

/// Every kind that the fake knows.
#[derive(Debug, Clone)]
pub(crate) struct Kinds(Vec<Arc<Kind>>);

impl Default for Kinds {
    fn default() -> Self {
        let known = KNOWN
            .iter()
            .map(|(group, version, plural, kind, namespaced)| {
                Arc::new(Kind {
                    group: (*group).into(),
                    version: (*version).into(),
                    plural: (*plural).into(),
                    kind: (*kind).into(),
                    namespaced: *namespaced,
                })
            });
        Self(known.collect())
    }
}

impl Kinds {
    pub(crate) fn add(&mut self, kind: Kind) {
        self.0.push(Arc::new(kind));
    }

    pub(crate) fn of_path(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let found = self
            .0
            .iter()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural);
        found.cloned()
    }

    /// The kind of an object by its `apiVersion` and `kind`.
    pub(crate) fn of_object(&self, object: &Value) -> Option<Arc<Kind>> {
        let version = object["apiVersion"].as_str().unwrap_or("v1");
        let name = object["kind"].as_str().unwrap_or_default();
        let found = self.0.iter();
        let mut found = found.filter(|kind| kind.api_version() == version && kind.kind == name);
        found.next().cloned()
    }

    /// The kind of that name, such as `pods` or `jobs.batch`.
    pub(crate) fn of_name(&self, name: &str) -> Option<Arc<Kind>> {
        let qualified = self.0.iter().find(|kind| kind.qualified() == name);
        qualified
            .or_else(|| {
                self.0
                    .iter()
                    .find(|kind| kind.plural == name || kind.kind == name)
            })
            .cloned()
    }

    /// What discovery says of a group and version.
    pub(crate) fn discovery(&self, group: &str, version: &str) -> Option<Value> {
        let all = self
            .0
            .iter()
            .filter(|k| k.group == group && k.version == version);
        let resources: Vec<Value> = all
            .map(|kind| {
                json!({
                    "name": kind.plural, "singularName": kind.kind.to_lowercase(),
                    "namespaced": kind.namespaced, "kind": kind.kind,
                    "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
                })
            })
            .collect();
        let first = self
            .0
            .iter()
            .find(|k| k.group == group && k.version == version)?;
        Some(json!({
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": first.api_version(), "resources": resources,
        }))
    }

    /// What discovery says of all groups but the core.
    pub(crate) fn groups(&self) -> Value {
        let mut names: Vec<(&str, &str)> = self
            .0
            .iter()
            .filter(|kind| !kind.group.is_empty())
            .map(|kind| (kind.group.as_str(), kind.version.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        let groups: Vec<Value> = names
            .iter()
            .map(|(group, version)| {
                let version =
                    json!({"groupVersion": format!("{group}/{version}"), "version": version});
                json!({"name": group, "versions": [version], "preferredVersion": version})
            })
            .collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }
}
