//! Why there is no target, and what to do about it.

use scanner_core::Remedy;

use super::listed::listed;
use crate::api::call::CallError;

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The API server did not answer the question.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The namespace does not exist.
    #[error("namespace {name} not found")]
    NoNamespace {
        /// Name.
        name: String,
        /// Namespaces whose names look like it, where the operator may list them.
        similar: Vec<String>,
    },
    /// The namespace has no such pod.
    #[error("pod {name} not found in namespace {namespace}")]
    NoPod {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// What has a similar name there: pods, and their workloads as kubectl names them.
        similar: Vec<String>,
    },
    /// The namespace has no such workload.
    #[error("{kind} {name} not found in namespace {namespace}")]
    NoWorkload {
        /// Namespace.
        namespace: String,
        /// Kind, such as `deployment`.
        kind: String,
        /// Name.
        name: String,
        /// Similar names of the same kind, as kubectl takes them.
        similar: Vec<String>,
    },
    /// The pod that was meant is gone; another one may have taken its name.
    #[error("pod {1} in namespace {0} is gone, or was replaced by another pod of that name")]
    Replaced(String, String),
    /// The server cannot read the selector.
    #[error("invalid label selector {0:?}: {1}")]
    Selector(String, String),
    /// No pod carries the labels.
    #[error("no pod in namespace {0} matches {1:?}")]
    NoMatch(String, String),
    /// Pods that can be scanned belong to different workloads.
    #[error(
        "{what} matches pods of different workloads in namespace {namespace}: {}",
        listed(workloads)
    )]
    Ambiguous {
        /// Namespace.
        namespace: String,
        /// What named them, such as `label selector "app=web"`.
        what: String,
        /// The workloads, and pods without one, as kubectl names them.
        workloads: Vec<String>,
    },
    /// The workload has no pod.
    #[error("{what} in namespace {namespace} has no pod{}", among_first(*among))]
    NoReplica {
        /// Namespace.
        namespace: String,
        /// The workload, such as `deployment web`.
        what: String,
        /// How many pods with its labels were looked at, where there are more.
        among: Option<usize>,
    },
    /// None of several pods can be scanned.
    #[error("no pod of {what} in namespace {namespace} can be scanned: {}", passed.join("; "))]
    NoneRuns {
        /// Namespace.
        namespace: String,
        /// What named them, such as `deployment web`.
        what: String,
        /// Pods that were passed over, each with the reason.
        passed: Vec<String>,
        /// What to do about the first of them.
        remedy: Option<Remedy>,
    },
    /// The pod is being deleted.
    #[error("pod {pod} is terminating: it was deleted, and ends by {ends}")]
    Terminating {
        /// Name.
        pod: String,
        /// RFC 3339 time at which the node ends it by force.
        ends: String,
        /// The workload that replaces it, as kubectl names it, such as `deploy/web`.
        workload: Option<String>,
        /// Its image.
        image: Box<Remedy>,
    },
    /// All containers of the pod have ended, and none is started again.
    #[error("pod {pod} has finished: {why}")]
    Finished {
        /// Name.
        pod: String,
        /// Its phase, and its reason.
        why: String,
        /// What to do instead.
        remedy: Remedy,
    },
    /// The pod has several containers and none was named.
    #[error("pod {pod} has several containers: {}{}", names.join(", "), stale(annotated.as_ref()))]
    WhichContainer {
        /// Name of the pod.
        pod: String,
        /// Its containers.
        names: Vec<String>,
        /// What its annotation names as the default container, where it has no such container.
        annotated: Option<String>,
    },
    /// The pod has no such container.
    #[error("pod {pod} has no container {name}; it has {}", names.join(", "))]
    NoContainer {
        /// Name of the pod.
        pod: String,
        /// The container that was named.
        name: String,
        /// All containers of the pod.
        names: Vec<String>,
    },
    /// The container does not run.
    #[error("container {container} of pod {pod} is not running: {why}")]
    NotRunning {
        /// Name of the pod.
        pod: String,
        /// Name of the container.
        container: String,
        /// Its state, in the words of the node.
        why: String,
        /// What to do instead.
        remedy: Remedy,
    },
    /// An image has no container to look into.
    #[error("image {0:?} runs nowhere, so there is no container to scan")]
    NotRunnable(String),
    /// The API server gave an object that cannot be.
    #[error("the API server gave {0}")]
    Malformed(&'static str),
}

fn among_first(among: Option<usize>) -> String {
    among.map_or_else(String::new, |pods| {
        format!(" among the first {pods} with its labels; there are more, which were not looked at")
    })
}

fn stale(annotated: Option<&String>) -> String {
    annotated.map_or_else(String::new, |name| {
        format!("; its annotation for the default container names {name}, which it does not have")
    })
}

impl ResolveError {
    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Call(error) => return error.remedy(),
            Self::NoNamespace { similar, .. } => {
                Remedy::did_you_mean(similar, Remedy::NameNamespace)
            }
            Self::NoPod {
                namespace, similar, ..
            }
            | Self::NoWorkload {
                namespace, similar, ..
            } => Remedy::did_you_mean(similar, list_pods(namespace, None)),
            Self::Selector(..) => {
                Remedy::advice("expected such as 'app=web,tier!=db' or 'app in (web, api)'")
            }
            Self::NoMatch(namespace, selector) => list_pods(namespace, Some(selector.clone())),
            Self::Ambiguous { .. } => Remedy::NameOnePod,
            Self::NoReplica { namespace, .. } => list_pods(namespace, None),
            Self::NoneRuns { remedy, .. } => return remedy.clone(),
            Self::Terminating {
                workload, image, ..
            } => match workload {
                Some(workload) => Remedy::scan_again(format!(
                    "as {workload}, which is whichever of its pods runs"
                )),
                None => image.as_ref().clone(),
            },
            Self::Finished { remedy, .. } | Self::NotRunning { remedy, .. } => remedy.clone(),
            Self::WhichContainer { .. } => Remedy::NameContainer,
            Self::NoContainer { name, names, .. } => Remedy::did_you_mean(
                &scanner_core::similar::similar(name, names),
                Remedy::NameContainer,
            ),
            Self::Replaced(..) => {
                Remedy::advice("list the pods again, and scan the one that runs now")
            }
            Self::NotRunnable(_) => Remedy::UseImage,
            Self::Malformed(_) => return None,
        })
    }

    /// Whether there is no object of the given name.
    pub fn is_unknown_name(&self) -> bool {
        matches!(
            self,
            Self::NoNamespace { .. }
                | Self::NoPod { .. }
                | Self::NoWorkload { .. }
                | Self::NoContainer { .. }
                | Self::WhichContainer { .. }
        )
    }
}

fn list_pods(namespace: &str, selector: Option<String>) -> Remedy {
    Remedy::ListPods {
        namespace: namespace.to_owned(),
        selector,
    }
}
