//! The operator's identity: sets up and cleans up, never touches a target.

use http::{Request, Response};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    client::Body,
};
use serde::de::DeserializeOwned;

/// Calls as the operator. Has no exec, and no way to the client that it is made of.
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
