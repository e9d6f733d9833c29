//! Names that exist and are similar to one that does not.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    ResourceExt,
    api::{ApiResource, ListParams},
};
use scanner_core::{similar::similar, workload::WorkloadKind};

use super::{
    error::ResolveError,
    owner::{Controller, workload},
};
use crate::api::{
    call::{CallErrorKind, call},
    client::OperatorClient,
};

/// Objects that are looked at for one whose name is similar.
const LOOKED_AT: u32 = 500;

/// Fails where the namespace is missing, if the operator may read that.
pub(crate) async fn namespace_exists(
    operator: &OperatorClient,
    namespace: &str,
) -> Result<(), ResolveError> {
    let api = operator.everywhere::<Namespace>();
    let what = format!("get namespace {namespace}");
    match call(what, api.get_metadata(namespace)).await {
        Err(error) if error.kind() == CallErrorKind::NotFound => {
            let params = ListParams::default().limit(LOOKED_AT);
            let listed = call("list namespaces", api.list_metadata(&params)).await;
            let names = listed.map(|list| list.items).unwrap_or_default();
            Err(ResolveError::NoNamespace {
                name: namespace.to_owned(),
                similar: similar(namespace, names.iter().map(ResourceExt::name_any)),
            })
        }
        _ => Ok(()),
    }
}

/// Why there is no pod of that name.
pub(super) async fn no_pod(operator: &OperatorClient, namespace: &str, name: &str) -> ResolveError {
    if let Err(error) = namespace_exists(operator, namespace).await {
        return error;
    }
    let pods = pods_of(operator, namespace).await;
    // Nobody knows the name of a workload's pod by heart: the workload comes first.
    let mut offered = workloads_like(name, &pods);
    offered.extend(similar(name, pods.iter().map(ResourceExt::name_any)));
    offered.truncate(3);
    ResolveError::NoPod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        similar: offered,
    }
}

/// The pods of the namespace, by their metadata alone; none where the operator may not list them.
async fn pods_of(operator: &OperatorClient, namespace: &str) -> Vec<Pod> {
    let params = ListParams::default().limit(LOOKED_AT);
    let what = format!("list pods in namespace {namespace}");
    let pods = operator.api::<Pod>(namespace);
    let listed = call(what, pods.list_metadata(&params)).await;
    let pods = listed
        .map(|list| list.items)
        .unwrap_or_default()
        .into_iter();
    let pods = pods.map(|item| Pod {
        metadata: item.metadata,
        ..Pod::default()
    });
    pods.collect()
}

/// The workloads of these pods that have that name or a similar one, as kubectl names them.
fn workloads_like(name: &str, pods: &[Pod]) -> Vec<String> {
    let owners: Vec<_> = pods.iter().filter_map(workload).collect();
    let mut names = vec![name.to_owned()];
    names.extend(similar(name, owners.iter().map(Controller::name)));
    let mut found: Vec<String> = Vec::new();
    for name in &names {
        let meant = owners.iter().filter(|owner| owner.name() == name);
        for target in meant.filter_map(Controller::target) {
            if !found.contains(&target) {
                found.push(target);
            }
        }
    }
    found
}

/// Why there is no workload of that kind and name.
pub(super) async fn no_workload(
    operator: &OperatorClient,
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
) -> ResolveError {
    if let Err(error) = namespace_exists(operator, namespace).await {
        return error;
    }
    let params = ListParams::default().limit(LOOKED_AT);
    let what = format!("list {} in namespace {namespace}", kind.resource());
    let api = operator.dynamic(Some(namespace), &resource(kind));
    let listed = call(what, api.list_metadata(&params)).await;
    let names = listed.map(|list| list.items).unwrap_or_default();
    let alike = similar(name, names.iter().map(ResourceExt::name_any)).into_iter();
    let mut offered: Vec<String> = alike.map(|name| kind.target(name)).collect();
    if offered.is_empty() {
        // The name may be right, and the kind another one.
        offered = workloads_like(name, &pods_of(operator, namespace).await);
        offered.truncate(3);
    }
    ResolveError::NoWorkload {
        namespace: namespace.to_owned(),
        kind: kind.to_string(),
        name: name.to_owned(),
        similar: offered,
    }
}

/// How the API names a kind of workload.
pub(super) fn resource(kind: WorkloadKind) -> ApiResource {
    let api_version = match kind.group() {
        "" => "v1".to_owned(),
        group => format!("{group}/v1"),
    };
    ApiResource {
        group: kind.group().into(),
        version: "v1".into(),
        api_version,
        kind: kind.kind().into(),
        plural: kind.resource().into(),
    }
}
