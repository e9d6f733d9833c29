//! Resolves what a user named to one running container, and pins it.

use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Pod};
use kube::{ResourceExt, api::ListParams};
use scanner_core::{
    Remedy, Target,
    target::{ContainerName, PodSelection, TargetForm, TargetRequest},
};

use crate::api::{
    call::{CallError, CallErrorKind, call},
    client::OperatorClient,
};
use crate::names::DEFAULT_CONTAINER;
use crate::names::SIDECAR_LABEL;
use crate::pod::containers;

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The API server did not answer the question.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The namespace does not exist.
    #[error("namespace {0} not found")]
    NoNamespace(String),
    /// The namespace has no such pod.
    #[error("pod {1} not found in namespace {0}")]
    NoPod(String, String),
    /// Another pod has taken the name.
    #[error("pod {1} in namespace {0} is not the one that was meant: it was replaced")]
    Replaced(String, String),
    /// The server cannot read the selector.
    #[error("invalid label selector {0:?}: {1}")]
    Selector(String, String),
    /// No pod carries the labels.
    #[error("no pod in namespace {0} matches {1:?}")]
    NoMatch(String, String),
    /// More than one pod carries the labels.
    #[error("{selector:?} matches {} pods in namespace {namespace}: {}", pods.len(), pods.join(", "))]
    Ambiguous {
        /// Namespace that was searched.
        namespace: String,
        /// Selector.
        selector: String,
        /// Names of the pods that it matches.
        pods: Vec<String>,
    },
    /// The pod has several containers and none was named.
    #[error("pod {0} has several containers: {1}")]
    WhichContainer(String, String),
    /// The pod has no such container.
    #[error("pod {0} has no container {1}; it has {2}")]
    NoContainer(String, String, String),
    /// The container does not run.
    #[error("container {1} of pod {0} is not running: {2}")]
    NotRunning(String, String, String),
    /// An image has no container to look into.
    #[error("image {0:?} runs nowhere, so there is no container to look into")]
    NotRunnable(String),
    /// The API server gave an object that cannot be.
    #[error("the API server gave a pod without {0}")]
    Malformed(&'static str),
}

impl ResolveError {
    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Call(error) => return error.remedy(),
            Self::NoNamespace(_) => Remedy::NameNamespace,
            Self::NoPod(namespace, _) => Remedy::ListPods {
                namespace: namespace.clone(),
                selector: None,
            },
            Self::Selector(..) => {
                Remedy::advice("expected such as 'app=web,tier!=db' or 'app in (web, api)'")
            }
            Self::NoMatch(namespace, selector) => Remedy::ListPods {
                namespace: namespace.clone(),
                selector: Some(selector.clone()),
            },
            Self::Ambiguous { .. } => Remedy::NameOnePod,
            Self::WhichContainer(..) | Self::NoContainer(..) => Remedy::NameContainer,
            Self::NotRunning(..) => Remedy::scan_again("once it runs"),
            Self::Replaced(..) => {
                Remedy::advice("list the pods again, and scan the one that runs now")
            }
            Self::NotRunnable(_) => Remedy::UseImage,
            Self::Malformed(_) => return None,
        })
    }
}

/// Finds the one container that `request` means. One call.
///
/// # Errors
///
/// Fails when there is none, more than one, or it does not run.
pub async fn resolve(
    operator: &OperatorClient,
    request: &TargetRequest,
) -> Result<(Target, Pod), ResolveError> {
    let namespace = request.namespace.as_str();
    let api = operator.api::<Pod>(namespace);
    let pod = match &request.pod {
        PodSelection::Name(name) | PodSelection::Pinned { name, .. } => {
            let what = format!("get pod {name} in namespace {namespace}");
            match call(what, api.get(name.as_str())).await {
                Ok(pod) => pod,
                Err(error) if error.kind() == CallErrorKind::NotFound => {
                    exists(operator, namespace).await?;
                    let (namespace, name) = (namespace.to_owned(), name.to_string());
                    return Err(ResolveError::NoPod(namespace, name));
                }
                Err(error) => return Err(error.into()),
            }
        }
        PodSelection::Image(image) => return Err(ResolveError::NotRunnable(image.clone())),
        PodSelection::Labels(selector) => {
            let params = ListParams::default().labels(selector).limit(20);
            let what = format!("list pods in namespace {namespace}");
            let listed = call(what, api.list(&params)).await;
            let mut pods = listed.map_err(|error| unreadable(selector, error))?.items;
            pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
            match (pods.len(), pods.pop()) {
                (1, Some(pod)) => pod,
                (0, _) | (_, None) => {
                    exists(operator, namespace).await?;
                    return Err(ResolveError::NoMatch(namespace.into(), selector.clone()));
                }
                (_, Some(last)) => {
                    let mut names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
                    names.push(last.name_any());
                    return Err(ResolveError::Ambiguous {
                        namespace: namespace.into(),
                        selector: selector.clone(),
                        pods: names,
                    });
                }
            }
        }
    };
    if let PodSelection::Pinned { name, uid } = &request.pod
        && pod.metadata.uid.as_ref() != Some(uid)
    {
        let (namespace, name) = (namespace.to_owned(), name.to_string());
        return Err(ResolveError::Replaced(namespace, name));
    }
    let target = target_of(&pod, request.container.as_ref())?;
    Ok((target, pod))
}

/// Whether the namespace is missing, where the operator may read that.
async fn exists(operator: &OperatorClient, namespace: &str) -> Result<(), ResolveError> {
    let api = operator.everywhere::<Namespace>();
    let what = format!("get namespace {namespace}");
    match call(what, api.get_metadata(namespace)).await {
        Err(error) if error.kind() == CallErrorKind::NotFound => {
            Err(ResolveError::NoNamespace(namespace.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The server refuses a selector that it cannot read with 400.
fn unreadable(selector: &str, error: CallError) -> ResolveError {
    match error.code() {
        Some(400) => ResolveError::Selector(selector.to_owned(), error.answer()),
        _ => error.into(),
    }
}

/// The running container of `pod` with that name, or its only or default one.
pub(crate) fn target_of(pod: &Pod, wanted: Option<&ContainerName>) -> Result<Target, ResolveError> {
    let spec = pod
        .spec
        .as_ref()
        .ok_or(ResolveError::Malformed("a specification"))?;
    let names: Vec<&str> = spec.containers.iter().map(|c| c.name.as_str()).collect();
    let default = pod.annotations().get(DEFAULT_CONTAINER);
    // An injected pod says which container its sidecar looks at.
    let default = default.or_else(|| pod.labels().get(SIDECAR_LABEL));
    let default = default.map(String::as_str);
    let name = match (
        wanted.map(ContainerName::as_str).or(default),
        names.as_slice(),
    ) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(ResolveError::WhichContainer(
                pod.name_any(),
                names.join(", "),
            ));
        }
    };
    let Some(container) = containers::of_name(spec, name) else {
        return Err(ResolveError::NoContainer(
            pod.name_any(),
            name.into(),
            containers::names(spec).join(", "),
        ));
    };
    let status = containers::status(pod, name);
    let running = status.filter(|s| s.state.as_ref().is_some_and(|s| s.running.is_some()));
    let Some(running) = running else {
        return Err(ResolveError::NotRunning(
            pod.name_any(),
            name.into(),
            why(pod, status),
        ));
    };
    Ok(Target {
        namespace: parse(pod.namespace())?,
        pod: parse(pod.metadata.name.clone())?,
        pod_uid: pod.uid().ok_or(ResolveError::Malformed("a UID"))?,
        container: parse(Some(name.to_owned()))?,
        container_id: running.container_id.clone().unwrap_or_default(),
        image: container.image.unwrap_or_default(),
        image_id: running.image_id.clone(),
        node: spec.node_name.clone().unwrap_or_default(),
        restarts: running.restart_count,
        form: TargetForm::Container,
    })
}

fn parse<T: std::str::FromStr>(name: Option<String>) -> Result<T, ResolveError> {
    let name = name.ok_or(ResolveError::Malformed("a name"))?;
    name.parse()
        .map_err(|_| ResolveError::Malformed("a valid name"))
}

fn why(pod: &Pod, status: Option<&ContainerStatus>) -> String {
    let state = status.and_then(|s| s.state.as_ref());
    let waiting = state
        .and_then(|s| s.waiting.as_ref())
        .and_then(|w| w.reason.clone());
    let ended = state
        .and_then(|s| s.terminated.as_ref())
        .and_then(|t| t.reason.clone());
    let phase = pod.status.as_ref().and_then(|s| s.phase.clone());
    waiting
        .or(ended)
        .or(phase)
        .unwrap_or_else(|| "no status yet".into())
}
