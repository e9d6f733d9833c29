//! Writes of any other kind than an exec.

use http::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use kube::{
    Resource as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    planned::Planned,
    request::{Attempt, DRY, at, attempt, built, create, pod_as, spelt},
};

impl Planned {
    /// Writes of any other kind, though a role allowed them.
    pub(in crate::guard) fn writes(&self) -> Vec<Attempt> {
        let (target, namespace) = (&self.target, &self.target.namespace);
        let token = json!({"spec": {"audiences": []}}).to_string();
        let object = json!({"metadata": {"name": "secure-scan-guard-test"}});
        let labels = json!({"metadata": {"annotations": {"a": "b"}}});
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let delete = DeleteParams {
            dry_run: true,
            ..DeleteParams::default()
        };
        let pod = target.pod.as_str();
        let mut all = vec![
            attempt(
                "create a ConfigMap",
                create::<ConfigMap>(namespace, &object),
            ),
            attempt("create a Secret", create::<Secret>(namespace, &object)),
            attempt("create a pod", create::<Pod>(namespace, &pod_as(None))),
            attempt(
                "annotate the pod",
                built(at::<Pod>(namespace).patch(pod, &params, &Patch::Merge(labels))),
            ),
            attempt(
                "delete the pod",
                built(at::<Pod>(namespace).delete(pod, &delete)),
            ),
            attempt("evict the pod", self.eviction()),
            attempt("a probe with another image, by apply", self.applied()),
        ];
        // Elsewhere no Role of the trial says that it may.
        if self.home == *namespace {
            let account = at::<ServiceAccount>(&self.home);
            let request =
                account.create_subresource("token", &self.account, &DRY, token.into_bytes());
            all.push(attempt("a token for itself", built(request)));
        }
        all
    }

    fn eviction(&self) -> kube::Result<http::Request<Vec<u8>>> {
        let (pod, namespace) = (self.target.pod.as_str(), self.target.namespace.as_str());
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": {"dryRun": ["All"]},
        });
        let pods = Pod::url_path(&(), Some(namespace));
        let uri = format!("{pods}/{pod}/eviction?dryRun=All");
        spelt(Method::POST, &uri, eviction.to_string().into_bytes())
    }

    fn applied(&self) -> kube::Result<http::Request<Vec<u8>>> {
        let mut probe = self.probe.clone();
        probe["image"] = "registry.invalid/other:1".into();
        let pod =
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"ephemeralContainers": [probe]}});
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::apply("secure-scan-guard-test")
        };
        let request = at::<Pod>(&self.target.namespace);
        let name = self.target.pod.as_str();
        built(request.patch_subresource("ephemeralcontainers", name, &params, &Patch::Apply(pod)))
    }
}
