//! Which container of a pod is meant, and whether it runs.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::ResourceExt;
use scanner_core::{
    Target,
    escape::visible,
    target::{ContainerName, TargetForm},
};

use super::{
    error::ResolveError,
    state::{finished, not_running, terminating},
};
use crate::{
    names::{DEFAULT_CONTAINER, SIDECAR_LABEL},
    pod::containers,
};

/// The running container of `pod` with that name, or its only or default one.
pub(crate) fn target_of(pod: &Pod, wanted: Option<&ContainerName>) -> Result<Target, ResolveError> {
    named(pod, wanted).and_then(|(name, _)| running(pod, &name))
}

/// The running container of a pod that is not about to end, and why it was chosen, if its name was not given.
pub(super) fn usable(
    pod: &Pod,
    wanted: Option<&ContainerName>,
) -> Result<(Target, Option<String>), ResolveError> {
    terminating(pod)?;
    finished(pod, wanted)?;
    let (name, note) = named(pod, wanted)?;
    Ok((running(pod, &name)?, note))
}

/// The name of the container that is meant.
fn named(
    pod: &Pod,
    wanted: Option<&ContainerName>,
) -> Result<(String, Option<String>), ResolveError> {
    let spec = spec(pod)?;
    let all = || containers::names(spec).into_iter();
    if let Some(wanted) = wanted.map(ContainerName::as_str) {
        if containers::of_name(spec, wanted).is_none() {
            return Err(ResolveError::NoContainer {
                pod: pod.name_any(),
                name: wanted.to_owned(),
                names: all().map(str::to_owned).collect(),
            });
        }
        return Ok((wanted.to_owned(), None));
    }
    let annotated = pod.annotations().get(DEFAULT_CONTAINER);
    // An injected pod says which container its sidecar looks at.
    let default = [annotated, pod.labels().get(SIDECAR_LABEL)];
    let default = default.into_iter().zip([
        format!("the annotation {DEFAULT_CONTAINER}"),
        format!("the label {SIDECAR_LABEL}"),
    ]);
    let mut default = default.filter_map(|(name, by)| Some((name?, by)));
    if let Some((name, by)) = default.find(|(name, _)| all().any(|known| known == name.as_str())) {
        let only = spec.containers.len() == 1 && spec.containers.iter().any(|c| c.name == *name);
        let note = format!("container {name}: {by} of the pod names it");
        return Ok((name.clone(), (!only).then_some(note)));
    }
    let stale = annotated.map(|name| visible(name, 63));
    match spec.containers.as_slice() {
        [only] => {
            let note = stale.map(|stale| {
                let only = &only.name;
                format!(
                    "container {only}, the only one: the annotation {DEFAULT_CONTAINER} of the pod names {stale}, which \
                     the pod does not have"
                )
            });
            Ok((only.name.clone(), note))
        }
        several => Err(ResolveError::WhichContainer {
            pod: pod.name_any(),
            names: several.iter().map(|c| c.name.clone()).collect(),
            annotated: stale,
        }),
    }
}

/// The container of that name, if it runs.
fn running(pod: &Pod, name: &str) -> Result<Target, ResolveError> {
    let spec = spec(pod)?;
    let container = containers::of_name(spec, name).unwrap_or_default();
    let status = containers::status(pod, name);
    let running = status.filter(|s| s.state.as_ref().is_some_and(|s| s.running.is_some()));
    let Some(running) = running else {
        return Err(not_running(pod, name));
    };
    Ok(Target {
        namespace: parse(pod.namespace())?,
        pod: parse(pod.metadata.name.clone())?,
        pod_uid: pod
            .uid()
            .ok_or(ResolveError::Malformed("a pod without a UID"))?,
        container: parse(Some(name.to_owned()))?,
        container_id: running.container_id.clone().unwrap_or_default(),
        image: container.image.unwrap_or_default(),
        image_id: running.image_id.clone(),
        node: spec.node_name.clone().unwrap_or_default(),
        restarts: running.restart_count,
        form: TargetForm::Container,
    })
}

fn spec(pod: &Pod) -> Result<&PodSpec, ResolveError> {
    let malformed = ResolveError::Malformed("a pod without a specification");
    pod.spec.as_ref().ok_or(malformed)
}

fn parse<T: std::str::FromStr>(name: Option<String>) -> Result<T, ResolveError> {
    let name = name.ok_or(ResolveError::Malformed("a pod without a name"))?;
    name.parse()
        .map_err(|_| ResolveError::Malformed("a pod without a valid name"))
}
