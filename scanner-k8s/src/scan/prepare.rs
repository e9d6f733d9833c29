//! Prepares a scan: resolves the target, asks for the rights, plans and checks the gates. Writes nothing.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ScanEngine, ScanPlan, SecurityControl, Target,
    control::ScopeObjects,
    gate::{ExpectedDigest, Gate as _, GateFacts, GateResult},
    inventory::{Collected, PodFacts},
    look::request_of,
    plan::{Need, PlannedObject},
    target::{Namespace, PodSelection, TargetForm},
};

use super::{
    choice::{Choice, choose},
    error::PrepareError,
    prepared::PreparedScan,
    request::ScanRequest,
};
use crate::{
    api::{client::OperatorClient, segment::Segment},
    names::object_name,
    plan::{
        gate_facts,
        lease::{MAX_LEASE, MIN_LEASE},
        manifest, preflight,
        resolve::resolve,
        scan_id::scan_id,
    },
    pod::{containers, facts, snapshot::PodSnapshot},
    run::{
        scope::{ScanScope, ScopeOptions},
        scope_objects::Objects,
    },
    strategies::{approach::PlanScope, sidecar::image_target},
};

/// Identifiers of the shipped controls, which no other control may have.
pub const SHIPPED_CONTROLS: [&str; 13] = [
    "lease",
    "lease-intact",
    "identity-watch",
    "identity-exclusive",
    "everyones-rights",
    "least-privilege",
    "credential",
    "admission-guard",
    "target-pin",
    "target-agrees",
    "probe-ends",
    "network",
    "pod",
];

/// What a scan with this request would do. Two or three calls that read.
pub(super) async fn prepare(
    segment: Segment,
    request: ScanRequest,
) -> Result<PreparedScan, PrepareError> {
    check(&request)?;
    let operator = segment.operator().clone();
    let scan_id = scan_id();
    let name = object_name(&scan_id);
    let (target, pod) = target_of(&operator, &request, &name).await?;
    let Choice {
        approach,
        reason,
        next: fallback,
    } = choose(&operator, &target, pod.as_ref(), &request).await?;
    let namespace = target.namespace.as_str();
    let identity_namespace = identity_namespace(&request, &target)?;
    let (allowed, there) = match &identity_namespace {
        None => (preflight::ask(&operator, namespace).await?, None),
        Some(there) => {
            let (here, there) = tokio::join!(
                preflight::ask(&operator, namespace),
                preflight::ask(&operator, there.as_str())
            );
            (here?, Some(there?))
        }
    };
    let mut needs: Vec<Need> = approach.needs();
    needs.extend(
        request
            .controls
            .iter()
            .flat_map(|control| needs_of(control.as_ref())),
    );
    let inventory = request_of(&request.engines);
    let scope = PlanScope::new(&target, &name, &inventory, request.lease_seconds);
    let (mut rules, commands) = (approach.rules(&scope), approach.commands(&scope));
    if allowed.limits() {
        rules.extend(approach.limits(&scope, &commands));
    }
    let needed = preflight::Needed {
        target: &target,
        identity_namespace: identity_namespace.as_ref(),
        more: &needs,
        rules: &rules,
    };
    preflight::require(&allowed, there.as_ref(), &needed)?;
    let mut plan = ScanPlan {
        objects: vec![],
        rules,
        commands,
        differences: approach.differences(),
        controls: vec![],
        scan_id,
        strategy: approach.name().into(),
        reason,
        evidence: approach.evidence(),
        not_scanned: pod
            .as_ref()
            .map(|pod| containers::beside(pod, &target))
            .unwrap_or_default(),
        profile: engine_names(&request),
        policy: request.policy.as_ref().map(|p| p.reference()),
        gates: vec![],
        lease_seconds: request.lease_seconds,
        identity_namespace,
        target: target.clone(),
        fallback: None,
    };
    plan.objects = manifest::planned(&plan, "the scan's own identity");
    plan.objects.extend(approach.objects(&scope));
    let theirs = request.controls.iter().flat_map(SecurityControl::objects);
    plan.objects.extend(theirs);
    let before = pod.as_ref().map(PodSnapshot::of);
    let options = options(&request);
    let scope = ScanScope::with_options(segment.clone(), plan.clone(), before, options);
    let mut started = approach.start(&scope);
    for control in &request.controls {
        started.controls.push(Box::new(Arc::clone(control)));
    }
    if let Some(id) = started
        .brought
        .iter()
        .find(|id| SHIPPED_CONTROLS.contains(&id.as_str()))
    {
        return Err(PrepareError::ControlId(id.clone()));
    }
    apart(&started.controls)?;
    started.controls.sort_by_key(SecurityControl::phase);
    plan.controls = started.controls.iter().map(SecurityControl::plan).collect();
    let required = required(&request, &started.controls)?;
    let pod_facts = match &pod {
        Some(pod) => facts::of(pod, &target),
        None => Collected::Unavailable {
            reason: "the image runs in no pod".into(),
        },
    };
    let known = match &request.policy {
        Some(policy) => {
            let facts = gated(&pod_facts, &target);
            let needs = policy.needs();
            let pod = pod.unwrap_or_default();
            let asked = gate_facts::collect(&operator, &pod, &target, facts, needs, &allowed);
            Some(Box::pin(asked).await)
        }
        None => None,
    };
    let (gates, unused) = decisions(&request, known.as_ref(), &plan);
    plan.gates = gates;
    let objects: Arc<dyn ScopeObjects> = Arc::new(Objects::new(Arc::clone(&scope)));
    Ok(PreparedScan {
        pod: pod_facts,
        segment,
        scope,
        objects,
        plan,
        started,
        unused,
        required,
        allowed,
        request,
        fallback,
    })
}

/// Namespace of the identity: that of the request, or of its policy.
fn identity_namespace(
    request: &ScanRequest,
    target: &Target,
) -> Result<Option<Namespace>, PrepareError> {
    let policy = request.policy.as_ref();
    let named = request
        .identity_namespace
        .clone()
        .or_else(|| policy.and_then(|policy| policy.identity_namespace()));
    match named {
        Some(named) if named == target.namespace => Err(PrepareError::IdentityNamespace(named)),
        named => Ok(named),
    }
}

/// How the scan is done, as the request and its policy say.
fn options(request: &ScanRequest) -> ScopeOptions {
    let mut options = ScopeOptions::from(request.limits);
    let policy = request.policy.as_ref();
    options.prove_everywhere =
        request.prove_everywhere || policy.is_some_and(|policy| policy.proves_everywhere());
    options
}

/// The container to scan and its pod; an image that runs nowhere has none.
async fn target_of(
    operator: &OperatorClient,
    request: &ScanRequest,
    name: &str,
) -> Result<(Target, Option<Pod>), PrepareError> {
    match &request.target.pod {
        PodSelection::Image(image) => {
            let namespace = request.target.namespace.clone();
            Ok((image_target(namespace, name, image)?, None))
        }
        PodSelection::Name(_) | PodSelection::Pinned { .. } | PodSelection::Labels(_) => {
            let (target, pod) = resolve(operator, &request.target).await?;
            Ok((target, Some(pod)))
        }
    }
}

/// Names and versions of the engines, for a reader.
fn engine_names(request: &ScanRequest) -> String {
    let engines = request.engines.iter().map(ScanEngine::reference);
    let names: Vec<String> = engines.map(|engine| engine.to_string()).collect();
    names.join(", ")
}

/// What gates look at: of an image that runs nowhere, its name alone.
fn gated(pod: &Collected<PodFacts>, target: &Target) -> Collected<PodFacts> {
    if target.form != TargetForm::Image {
        return pod.clone();
    }
    Collected::Complete {
        data: PodFacts {
            image: target.image.clone(),
            ..PodFacts::default()
        },
    }
}

/// What can be refused without a call.
fn check(request: &ScanRequest) -> Result<(), PrepareError> {
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
    if let Some(id) = ids.iter().find(|id| SHIPPED_CONTROLS.contains(id)) {
        return Err(PrepareError::ControlId((*id).to_owned()));
    }
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PrepareError::ControlId(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// No two controls have one identifier, so that none poses as another.
fn apart(controls: &[Box<dyn SecurityControl>]) -> Result<(), PrepareError> {
    let mut ids: Vec<&str> = controls.iter().map(SecurityControl::id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PrepareError::ControlId(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// What the operator does for a control of a third party.
fn needs_of(control: &dyn SecurityControl) -> Vec<Need> {
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
    let resource = kube::core::ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(
        group,
        "v1",
        &object.kind,
    ));
    Need::new(
        group,
        &resource.plural,
        &["create", "get", "list", "delete"],
    )
}

/// Controls that the policy requires, all of which must be there.
fn required(
    request: &ScanRequest,
    controls: &[Box<dyn SecurityControl>],
) -> Result<Vec<String>, PrepareError> {
    let policy = request.policy.iter();
    let required: Vec<String> = policy.flat_map(|p| p.required_controls()).collect();
    let there = |id: &String| controls.iter().any(|control| control.id() == id);
    let known = |id: &String| there(id) || SHIPPED_CONTROLS.contains(&id.as_str());
    if let Some(id) = required.iter().find(|id| !known(id)) {
        return Err(PrepareError::UnknownControl(id.clone()));
    }
    // A shipped control that this strategy does not have, such as the pin of an image that runs nowhere.
    Ok(required.into_iter().filter(there).collect())
}

/// What every gate decides, and which allowances of the policy match nothing.
fn decisions(
    request: &ScanRequest,
    known: Option<&GateFacts>,
    plan: &ScanPlan,
) -> (Vec<GateResult>, Vec<String>) {
    let digest = request.expected_digest.clone().map(ExpectedDigest);
    let digest = digest.iter().map(|gate| GateResult {
        id: gate.id().into(),
        decision: gate.decide(plan),
    });
    let mut gates: Vec<GateResult> = digest.collect();
    let mut unused = Vec::new();
    if let (Some(policy), Some(known)) = (&request.policy, known) {
        gates.extend(policy.decide(known, plan));
        unused = policy.unused(known);
    }
    (gates, unused)
}
