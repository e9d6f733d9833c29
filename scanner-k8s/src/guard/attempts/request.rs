//! One request, and how it is built.

use http::Method;
use kube::{
    Resource,
    api::{PostParams, Request},
};
use scanner_core::target::Namespace;
use serde_json::{Value, json};

type Http = http::Request<Vec<u8>>;

/// One request and what it is.
pub(in crate::guard) struct Attempt {
    pub(in crate::guard) what: &'static str,
    pub(in crate::guard) request: kube::Result<Http>,
}

pub(super) fn attempt(what: &'static str, request: kube::Result<Http>) -> Attempt {
    Attempt { what, request }
}

pub(super) fn at<K: Resource<DynamicType = ()>>(namespace: &Namespace) -> Request {
    Request::new(K::url_path(&(), Some(namespace.as_str())))
}

pub(super) fn built(request: Result<Http, kube::core::request::Error>) -> kube::Result<Http> {
    request.map_err(kube::Error::BuildRequest)
}

/// A request exactly as it is spelt.
pub(super) fn spelt(method: Method, uri: &str, body: Vec<u8>) -> kube::Result<Http> {
    let request = http::Request::builder().method(method).uri(uri);
    let request = request.header(http::header::CONTENT_TYPE, "application/json");
    request.body(body).map_err(kube::Error::HttpError)
}

pub(super) const DRY: PostParams = PostParams {
    dry_run: true,
    field_manager: None,
};

pub(super) fn create<K: Resource<DynamicType = ()>>(
    namespace: &Namespace,
    object: &Value,
) -> kube::Result<Http> {
    built(at::<K>(namespace).create(&DRY, object.to_string().into_bytes()))
}

/// A pod that does nothing, as `account` where one is given.
pub(super) fn pod_as(account: Option<&str>) -> Value {
    let mut pod = json!({
        "metadata": {"name": "secure-scan-guard-test"},
        "spec": {"containers": [{"name": "c", "image": "registry.invalid/none:1"}]},
    });
    if let Some(account) = account {
        pod["spec"]["serviceAccountName"] = account.into();
    }
    pod
}
