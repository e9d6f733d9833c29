//! Which requests can be refused without a call, and what a request asks for.

use kube::core::{ApiResource, GroupVersionKind};
use scanner_core::{
    ObjectMetadata, ProbeResources, ScanEngine, SecurityControl,
    plan::{Need, PlannedObject},
    similar::similar,
    target::{Namespace, PodSelection},
};

use super::{
    error::PrepareError,
    request::{ScanRequest, Strategy},
};
use crate::{
    controls::catalogue::{SHIPPED_CONTROLS, is_shipped},
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        sidecar_options::Mode,
    },
    run::scope::ScopeOptions,
    strategies::{
        approach::Started,
        sidecar::{HelperRefusal, SidecarRefusal},
    },
};

/// Refuses what can be refused without a call.
pub(super) fn check(request: &ScanRequest) -> Result<(), PrepareError> {
    let lease = request.lease_seconds;
    if !(MIN_LEASE..=MAX_LEASE).contains(&lease) {
        return Err(PrepareError::Lease(lease));
    }
    let idle = request.limits.idle_timeout;
    if idle.is_some_and(|idle| idle.is_zero()) {
        return Err(PrepareError::IdleTimeout);
    }
    let mut names: Vec<String> = request.engines.iter().map(|e| e.reference().name).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PrepareError::EngineName(pair[0].clone()));
    }
    let mut ids: Vec<&str> = request.controls.iter().map(SecurityControl::id).collect();
    if let Some(id) = ids.iter().find(|id| is_shipped(id)) {
        return Err(PrepareError::ControlId((*id).to_owned()));
    }
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PrepareError::ControlId(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// Namespace in which the image of a running container is read, where that is another one than the container's.
pub(super) fn helper_namespace(request: &ScanRequest) -> Result<Option<Namespace>, PrepareError> {
    let Strategy::Sidecar(options) = &request.strategy else {
        return Ok(None);
    };
    let Some(named) = &options.helper_namespace else {
        return Ok(None);
    };
    let runs_nowhere = matches!(request.target.pod, PodSelection::Image(_));
    if runs_nowhere || matches!(options.mode, Mode::Clone { .. }) {
        return Err(SidecarRefusal::from(HelperRefusal::NotOfImage).into());
    }
    let named: Namespace = named.parse()?;
    Ok((named != request.target.namespace).then_some(named))
}

/// Namespace of the identity: that of the request, or of its policy; `helper` is the helper namespace.
pub(super) fn identity_namespace(
    request: &ScanRequest,
    helper: Option<&Namespace>,
) -> Result<Option<Namespace>, PrepareError> {
    let policy = request.policy.as_ref();
    let named = request
        .identity_namespace
        .clone()
        .or_else(|| policy.and_then(|policy| policy.identity_namespace()));
    match named {
        Some(named) if named == request.target.namespace => {
            Err(PrepareError::IdentityNamespace(named))
        }
        Some(named) if Some(&named) == helper => {
            let refusal = HelperRefusal::OfIdentity(named.to_string());
            Err(SidecarRefusal::from(refusal).into())
        }
        named => Ok(named),
    }
}

/// Labels and annotations for what the scan makes: those of its policy, and over them those of the request.
pub(super) fn object_metadata(request: &ScanRequest) -> Result<ObjectMetadata, PrepareError> {
    let policy = request.policy.as_ref();
    let mut all = policy.map_or_else(ObjectMetadata::default, |policy| policy.object_metadata());
    all.extend(&request.object_metadata)?;
    Ok(all)
}

/// Requests and limits of the scan's own containers: those of its policy, and over them those of the request.
pub(super) fn probe_resources(request: &ScanRequest) -> ProbeResources {
    let policy = request.policy.as_ref();
    let mut all = policy.map_or_else(ProbeResources::default, |policy| policy.probe_resources());
    all.extend(&request.probe_resources);
    all
}

/// How the scan is done, as the request and its policy say.
pub(super) fn options(request: &ScanRequest) -> ScopeOptions {
    let mut options = ScopeOptions::from(request.limits);
    let policy = request.policy.as_ref();
    options.prove_everywhere =
        request.prove_everywhere || policy.is_some_and(|policy| policy.proves_everywhere());
    options
}

/// Checks that no two controls have one identifier, and that a control of a third party does not have the identifier of a
/// shipped one, even if this scan does not use that: no control may pose as another one.
pub(super) fn controls_apart(started: &Started) -> Result<(), PrepareError> {
    let mut brought = started.brought.iter();
    if let Some(id) = brought.find(|id| is_shipped(id)) {
        return Err(PrepareError::ControlId(id.clone()));
    }
    let mut ids: Vec<&str> = started.controls.iter().map(SecurityControl::id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PrepareError::ControlId(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// What the operator does for a control of a third party.
pub(super) fn needs_of(control: &dyn SecurityControl) -> Vec<Need> {
    let mut needs = control.needs();
    needs.extend(control.objects().iter().map(need_of));
    needs
}

/// Creating, reading, finding and deleting an object of that kind.
fn need_of(object: &PlannedObject) -> Need {
    let group = object
        .api_version
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    // As the API machinery does for a kind whose plural it does not know.
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", &object.kind));
    Need::new(
        group,
        &resource.plural,
        &["create", "get", "list", "delete"],
    )
}

/// Controls that the policy requires, all of which must be there.
pub(super) fn required(
    request: &ScanRequest,
    controls: &[Box<dyn SecurityControl>],
) -> Result<Vec<String>, PrepareError> {
    let policy = request.policy.iter();
    let required: Vec<String> = policy.flat_map(|p| p.required_controls()).collect();
    let there = |id: &String| controls.iter().any(|control| control.id() == id);
    let known = |id: &String| there(id) || is_shipped(id);
    if let Some(id) = required.iter().find(|id| !known(id)) {
        let shipped = SHIPPED_CONTROLS.iter().map(|control| control.id);
        let names = shipped.chain(controls.iter().map(SecurityControl::id));
        return Err(PrepareError::UnknownControl {
            id: id.clone(),
            similar: similar(id, names),
        });
    }
    // A shipped control that this strategy does not have, such as the pin of an image that runs nowhere.
    Ok(required.into_iter().filter(there).collect())
}
