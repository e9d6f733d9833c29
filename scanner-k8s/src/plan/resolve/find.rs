//! From a request to one running container.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    Target,
    target::{PodSelection, TargetRequest},
};

use super::{
    container::usable,
    error::ResolveError,
    existing::no_pod,
    pods::{labelled, owned},
    replica::choose,
};
use crate::api::{
    call::{CallErrorKind, call},
    client::OperatorClient,
};

/// What was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resolved {
    /// The container.
    pub target: Target,
    /// Its pod.
    pub pod: Pod,
    /// How it was chosen, if its name left a choice.
    pub choice: Vec<String>,
}

/// Finds the one container that `request` means: one call for a pod by its name or for labels, two for a workload, one for
/// each of up to ten `ReplicaSets` where these decide, and a few more where there is no such container.
///
/// # Errors
///
/// Fails when there is none, or it does not run.
pub async fn resolve(
    operator: &OperatorClient,
    request: &TargetRequest,
) -> Result<Resolved, ResolveError> {
    let namespace = request.namespace.as_str();
    let wanted = request.container.as_ref();
    let found = match &request.pod {
        PodSelection::Name(name) | PodSelection::Pinned { name, .. } => {
            let what = format!("get pod {name} in namespace {namespace}");
            let pods = operator.api::<Pod>(namespace);
            let pod = match call(what, pods.get(name.as_str())).await {
                Ok(pod) => pod,
                Err(error) if error.kind() == CallErrorKind::NotFound => {
                    return Err(match &request.pod {
                        // The pod had this name a moment ago, so it is not a typing error.
                        PodSelection::Pinned { name, .. } => {
                            ResolveError::Replaced(namespace.to_owned(), name.to_string())
                        }
                        _ => no_pod(operator, namespace, name.as_str()).await,
                    });
                }
                Err(error) => return Err(error.into()),
            };
            if let PodSelection::Pinned { name, uid } = &request.pod
                && pod.metadata.uid.as_ref() != Some(uid)
            {
                let (namespace, name) = (namespace.to_owned(), name.to_string());
                return Err(ResolveError::Replaced(namespace, name));
            }
            let (target, note) = usable(&pod, wanted)?;
            return Ok(Resolved {
                target,
                pod,
                choice: note.into_iter().collect(),
            });
        }
        PodSelection::Image(image) => return Err(ResolveError::NotRunnable(image.clone())),
        PodSelection::Labels(selector) => labelled(operator, namespace, selector).await?,
        PodSelection::Workload { kind, name } => owned(operator, namespace, *kind, name).await?,
    };
    let chosen = choose(found, wanted)?;
    Ok(Resolved {
        target: chosen.target,
        pod: chosen.pod,
        choice: chosen.why,
    })
}
