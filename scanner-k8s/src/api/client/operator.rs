//! The operator's identity: sets up and cleans up, never touches a target.

use http::{Request, Response};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    client::Body,
};
use scanner_core::{PreparedControls, Target, plan::ScanId};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::api::call::{CallError, call};

/// Calls as the operator. Has no exec, and does not give out the client inside it.
#[derive(Clone)]
pub struct OperatorClient(Client);

impl OperatorClient {
    pub(in crate::api) fn new(client: Client) -> Self {
        Self(client)
    }

    /// One kind of object in a namespace.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.0.clone(), namespace)
    }

    /// One kind of object of the cluster, or of all namespaces.
    pub(crate) fn everywhere<K>(&self) -> Api<K>
    where
        K: Resource,
        K::DynamicType: Default,
    {
        Api::all(self.0.clone())
    }

    /// A kind that is only known at run time, in one namespace or in all.
    pub(crate) fn dynamic(
        &self,
        namespace: Option<&str>,
        kind: &ApiResource,
    ) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.0.clone(), namespace, kind),
            None => Api::all_with(self.0.clone(), kind),
        }
    }

    /// Adds an ephemeral container to `target`'s pod, and returns the pod as it then is. It takes the witness that the
    /// controls before access were verified, because the entry stays in the pod.
    pub(crate) fn add_ephemeral_container(
        &self,
        controls: &PreparedControls,
        scan: &ScanId,
        target: &Target,
        container: &serde_json::Value,
    ) -> impl Future<Output = Result<Pod, CallError>> + Send + 'static + use<> {
        let patch = json!({"spec": {"ephemeralContainers": [container]}});
        let pods = self.api::<Pod>(target.namespace.as_str());
        let what = format!("add an ephemeral container to {target}");
        let surrounded = controls.is_of(scan);
        let pod = target.pod.clone();
        async move {
            if !surrounded {
                return Err(CallError::not_surrounded(what));
            }
            let params = PatchParams::default();
            let patch = Patch::Strategic(&patch);
            let patched = pods.patch_ephemeral_containers(pod.as_str(), &params, &patch);
            call(what, patched).await.map_err(CallError::of_container)
        }
    }

    /// Gets a path, with the headers of the answer.
    pub(crate) async fn get(&self, path: &str) -> kube::Result<Response<Body>> {
        let request = Request::get(path).body(Body::empty());
        self.0.send(request.map_err(kube::Error::HttpError)?).await
    }

    /// Sends a request whose answer is an object.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
    ) -> kube::Result<T> {
        self.0.request(request).await
    }

    /// Tries a request that the guard must refuse, or let pass without effect.
    pub(crate) async fn attempt(&self, request: Request<Vec<u8>>) -> kube::Result<String> {
        self.0
            .request_text(super::review::never_upgraded(request))
            .await
    }
}
