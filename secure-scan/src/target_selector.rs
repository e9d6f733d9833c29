//! Names what to scan: a pod, a pod by its labels, an image, or every container of a pod.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use scanner_core::{
    Target,
    target::{InvalidName, PodSelection, TargetRequest},
};

/// What to scan, as a program names it. Making a selector needs no cluster and never fails: an invalid name is
/// reported when the scan is prepared, with the other reasons why there is no such target. Without
/// [`TargetSelector::container`] it is the pod's only or default container.
///
/// ```
/// use secure_scan::TargetSelector;
///
/// let by_name = TargetSelector::pod("shop", "web-0").container("nginx");
/// let by_workload = TargetSelector::named("shop", "deploy/web");
/// let by_label = TargetSelector::labels("shop", "app=web");
/// let image = TargetSelector::image("shop", "registry.example/web:1.4");
/// assert_eq!(by_name.to_string(), "pod web-0, container nginx, in namespace shop");
/// assert_eq!(by_workload.to_string(), "deployment web in namespace shop");
/// # let _ = (by_label, image);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TargetSelector {
    namespace: Option<String>,
    pod: Wanted,
    container: Option<String>,
    /// Names of the containers that ran in the pod from which it was made.
    ran: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Name(String),
    Pinned {
        name: String,
        uid: String,
    },
    Labels(String),
    /// As kubectl names it.
    Named(String),
    Image(String),
}

impl TargetSelector {
    /// The pod of that name.
    pub fn pod(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(Some(namespace.into()), Wanted::Name(name.into()))
    }

    /// A name that kubectl accepts for a pod: the pod's own name, or a kind and a name, such as `web-0`,
    /// `pod/web-0`, `deploy/web`, `sts/db`, `ds/agent`, `rs/web-5d9c`, `job/import` or `deployments.apps/web`.
    /// For a workload, one running pod is scanned, and the plan says which and why
    /// ([`ScanPlan::target_choice`](crate::ScanPlan::target_choice)).
    pub fn named(namespace: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(Some(namespace.into()), Wanted::Named(target.into()))
    }

    /// One running pod that a label selector matches, such as `app=web,tier!=db`; the plan says which and why.
    pub fn labels(namespace: impl Into<String>, selector: impl Into<String>) -> Self {
        Self::new(Some(namespace.into()), Wanted::Labels(selector.into()))
    }

    /// An image that runs nowhere, read in a pod of the scan's own in that namespace. Needs
    /// [`strategy::sidecar`](crate::strategy::sidecar).
    pub fn image(namespace: impl Into<String>, reference: impl Into<String>) -> Self {
        Self::new(Some(namespace.into()), Wanted::Image(reference.into()))
    }

    /// Exactly this pod: a pod of the same name that replaces it before the scan is prepared is not scanned.
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let wanted = match &meta.uid {
            Some(uid) => Wanted::Pinned {
                name,
                uid: uid.clone(),
            },
            None => Wanted::Name(name),
        };
        let mut this = Self::new(meta.namespace.clone(), wanted);
        this.ran = Some(running_containers(pod));
        this
    }

    /// The container that was resolved before.
    pub(crate) fn target(target: &Target) -> Self {
        let wanted = Wanted::Pinned {
            name: target.pod.to_string(),
            uid: target.pod_uid.clone(),
        };
        Self::new(Some(target.namespace.to_string()), wanted).container(target.container.as_str())
    }

    fn new(namespace: Option<String>, pod: Wanted) -> Self {
        Self {
            namespace,
            pod,
            container: None,
            ran: None,
        }
    }

    /// The same in the namespace that the cluster's configuration names.
    pub fn in_default_namespace(mut self) -> Self {
        self.namespace = None;
        self
    }

    /// The container of that name: a regular one, a native sidecar, an init container while it runs, or an ephemeral
    /// one.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// One selector for each container that runs in the pod which [`TargetSelector::of`] was given: regular containers,
    /// native sidecars and init containers that have not ended, and ephemeral ones. A selector that was made without a pod
    /// knows no containers and returns itself.
    ///
    /// ```
    /// use secure_scan::{TargetSelector, k8s_openapi::api::core::v1::Pod};
    ///
    /// fn targets(pod: &Pod) -> Vec<TargetSelector> {
    ///     TargetSelector::of(pod).each_container().collect()
    /// }
    /// ```
    pub fn each_container(mut self) -> impl Iterator<Item = Self> + use<> {
        let named = match self.ran.take() {
            Some(names) => names.into_iter().map(Some).collect(),
            None => vec![self.container.clone()],
        };
        named.into_iter().map(move |container| Self {
            container,
            ..self.clone()
        })
    }

    /// The request that it stands for; `default_namespace`, from the cluster's configuration, is used if it names none.
    ///
    /// # Errors
    ///
    /// Fails on a name that cannot be one.
    pub fn request(&self, default_namespace: &str) -> Result<TargetRequest, InvalidName> {
        let namespace = self.namespace.as_deref().unwrap_or(default_namespace);
        let pod = match &self.pod {
            Wanted::Name(name) => PodSelection::Name(name.parse()?),
            Wanted::Pinned { name, uid } => PodSelection::Pinned {
                name: name.parse()?,
                uid: uid.clone(),
            },
            Wanted::Labels(selector) => PodSelection::Labels(selector.clone()),
            Wanted::Named(target) => target.parse()?,
            Wanted::Image(reference) => PodSelection::Image(reference.clone()),
        };
        let container = self.container.as_deref().map(str::parse).transpose()?;
        Ok(TargetRequest {
            namespace: namespace.parse()?,
            pod,
            container,
        })
    }
}

fn running_containers(pod: &Pod) -> Vec<String> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let lists = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let all = lists.into_iter().flatten().flatten();
    all.filter(|container| runs(container))
        .map(|container| container.name.clone())
        .collect()
}

fn runs(status: &ContainerStatus) -> bool {
    let state = status.state.as_ref();
    state.is_some_and(|state| state.running.is_some())
}

impl std::fmt::Display for TargetSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |text: &str| scanner_core::escape::visible(text, 300);
        match &self.pod {
            Wanted::Name(name) | Wanted::Pinned { name, .. } => write!(f, "pod {}", shown(name))?,
            Wanted::Labels(selector) => write!(f, "a pod with labels {}", shown(selector))?,
            Wanted::Named(target) => match target.parse::<PodSelection>() {
                Ok(named) => write!(f, "{named}")?,
                Err(_) => f.write_str(&shown(target))?,
            },
            Wanted::Image(reference) => write!(f, "image {}", shown(reference))?,
        }
        if let Some(container) = &self.container {
            write!(f, ", container {},", shown(container))?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {}", shown(namespace)),
            None => f.write_str(" in the default namespace"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        let running = |name: &str| json!({"name": name, "state": {"running": {}}, "image": "i", "imageID": "i", "ready": true, "restartCount": 0});
        let ended = json!({"name": "setup", "state": {"terminated": {"exitCode": 0}}, "image": "i", "imageID": "i", "ready": true, "restartCount": 0});
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "web-0", "uid": "u-1"},
            "status": {
                "initContainerStatuses": [ended, running("mesh")],
                "containerStatuses": [running("web")],
                "ephemeralContainerStatuses": [running("debug")],
            },
        }))
        .unwrap()
    }

    #[test]
    fn each_container_that_runs_is_named_and_pinned_to_its_pod() {
        let requests: Vec<_> = TargetSelector::of(&pod())
            .each_container()
            .map(|selector| selector.request("default").unwrap())
            .collect();
        let names: Vec<_> = requests
            .iter()
            .map(|request| request.container.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(names, ["mesh", "web", "debug"]);
        let pinned = |request: &TargetRequest| matches!(&request.pod, PodSelection::Pinned { uid, .. } if uid == "u-1");
        assert!(requests.iter().all(pinned));
    }

    #[test]
    fn a_name_that_cannot_be_one_is_an_error_of_the_request() {
        let bad = TargetSelector::pod("shop", "Web\u{1b}[2J");
        assert!(!bad.to_string().contains('\u{1b}'));
        let error = bad.request("default").unwrap_err();
        assert!(error.to_string().starts_with("pod "), "{error}");
        assert!(TargetSelector::pod("S", "web").request("d").is_err());
        let container = TargetSelector::pod("s", "web").container("a/b");
        assert!(container.request("d").is_err());
    }

    #[test]
    fn a_selector_without_a_namespace_takes_the_default_one() {
        let pod = TargetSelector::pod("shop", "web-0").in_default_namespace();
        assert_eq!(pod.request("own").unwrap().namespace.as_str(), "own");
        let pod = TargetSelector::pod("shop", "web-0");
        assert_eq!(pod.request("own").unwrap().namespace.as_str(), "shop");
    }
}
