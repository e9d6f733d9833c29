//! What the proxy answers by itself: the requests that kubectl sends before an exec, and the one pod.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::Target;
use serde_json::{Value, json};

use crate::names::DEFAULT_CONTAINER;

/// The answers of one loan, made when it was planned.
pub(in crate::credential_loan) struct Answers {
    /// Path of the pod, without a slash at its end.
    pod_path: String,
    pod: Value,
}

impl Answers {
    /// The answers for `target`, whose pod the operator read as `pod`: with the whole pod if the program may see it, else
    /// with what an exec needs.
    pub(in crate::credential_loan) fn new(target: &Target, pod: &Pod, whole: bool) -> Self {
        let pod = if whole {
            let mut all = serde_json::to_value(pod).unwrap_or_default();
            all["kind"] = "Pod".into();
            all["apiVersion"] = "v1".into();
            all
        } else {
            reduced(target, pod)
        };
        Self {
            pod_path: format!(
                "/api/v1/namespaces/{}/pods/{}",
                target.namespace, target.pod
            ),
            pod,
        }
    }

    /// Path of the pod's exec.
    pub(super) fn exec_path(&self) -> String {
        format!("{}/exec", self.pod_path)
    }

    /// The answer to a GET of that path, if it is one of these.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        Some(match path {
            "/api" | "/api/" => json!({
                "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
            }),
            "/apis" | "/apis/" => json!({
                "kind": "APIGroupList", "apiVersion": "v1", "groups": [],
            }),
            "/api/v1" | "/api/v1/" => json!({
                "kind": "APIResourceList", "groupVersion": "v1", "resources": [
                    {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "shortNames": ["po"],
                     "verbs": ["get"]},
                    {"name": "pods/exec", "singularName": "", "namespaced": true, "kind": "PodExecOptions",
                     "verbs": ["create", "get"]},
                ],
            }),
            // The oldest version that secure-scan supports: an exec is the same in all.
            "/version" | "/version/" => json!({
                "major": "1", "minor": "33", "gitVersion": "v1.33.0+secure-scan-proxy",
            }),
            path if path == self.pod_path => self.pod.clone(),
            _ => return None,
        })
    }
}

/// What `kubectl exec` needs of a pod.
fn reduced(target: &Target, pod: &Pod) -> Value {
    let spec = pod.spec.as_ref();
    let named = |names: Vec<&String>| -> Vec<Value> {
        names.iter().map(|name| json!({"name": name})).collect()
    };
    let init = spec.and_then(|spec| spec.init_containers.as_ref());
    let ephemeral = spec.and_then(|spec| spec.ephemeral_containers.as_ref());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_ref());
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": target.pod, "namespace": target.namespace, "uid": pod.metadata.uid,
            // A client that names no container takes that of the loan.
            "annotations": {DEFAULT_CONTAINER: target.container},
        },
        "spec": {
            "containers": named(spec.iter().flat_map(|spec| &spec.containers).map(|c| &c.name).collect()),
            "initContainers": named(init.into_iter().flatten().map(|c| &c.name).collect()),
            "ephemeralContainers": named(ephemeral.into_iter().flatten().map(|c| &c.name).collect()),
        },
        "status": {"phase": phase},
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn target() -> Target {
        serde_json::from_value(json!({
            "namespace": "shop", "pod": "web", "pod_uid": "1-2", "container": "app", "image": "registry.example/app:1", "restarts": 0,
            "image_id": "", "node": "n1", "container_id": "containerd://00",
        }))
        .unwrap()
    }

    pub(crate) fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "1-2", "labels": {"a": "b"}, "annotations": {"x": "secret-y"}},
            "spec": {
                "nodeName": "n1",
                "containers": [
                    {"name": "proxy", "image": "secret-image"},
                    {"name": "app", "image": "i", "env": [{"name": "PASSWORD", "value": "secret-z"}],
                     "args": ["secret-arg"]},
                ],
                "initContainers": [{"name": "init", "command": ["secret-c"]}],
            },
            "status": {"phase": "Running", "podIP": "192.0.2.1"},
        }))
        .unwrap()
    }

    #[test]
    fn the_pod_is_reduced_to_names_uid_and_phase() {
        let answers = Answers::new(&target(), &pod(), false);
        let pod = answers.get("/api/v1/namespaces/shop/pods/web").unwrap();
        assert_eq!(
            pod,
            json!({
                "kind": "Pod", "apiVersion": "v1",
                "metadata": {"name": "web", "namespace": "shop", "uid": "1-2",
                    "annotations": {"kubectl.kubernetes.io/default-container": "app"}},
                "spec": {"containers": [{"name": "proxy"}, {"name": "app"}], "initContainers": [{"name": "init"}],
                    "ephemeralContainers": []},
                "status": {"phase": "Running"},
            })
        );
    }

    #[test]
    fn the_whole_pod_is_what_the_operator_read() {
        let answers = Answers::new(&target(), &pod(), true);
        let whole = answers.get("/api/v1/namespaces/shop/pods/web").unwrap();
        let read: Pod = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(read, pod());
        assert_eq!(whole["kind"], "Pod");
    }

    #[test]
    fn no_other_path_is_answered() {
        let answers = Answers::new(&target(), &pod(), true);
        for path in [
            "",
            "/",
            "/api/v1/",
            "/api/v1/namespaces/shop/pods/web/",
            "/api/v1/namespaces/shop/pods",
            "/api/v1/namespaces/shop/pods/web2",
            "/api/v1/namespaces/shop/pods/web/log",
            "/api/v1/namespaces/shop/pods/web/exec",
            "/api/v1/namespaces/other/pods/web",
            "/api/v1/namespaces/shop/secrets",
            "/api/v1/namespaces/shop/pods/../pods/web",
            "/api/v1/namespaces/shop/pods/we%62",
            "//api/v1",
            "/apis/apps/v1",
            "/openapi/v3",
            "/metrics",
        ] {
            let answered = answers.get(path).is_some();
            assert_eq!(answered, path == "/api/v1/", "{path}");
        }
    }
}
