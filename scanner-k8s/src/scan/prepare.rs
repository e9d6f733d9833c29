//! Prepares a scan: resolves the target, asks for the rights, plans and checks the gates. Writes nothing.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ScanEngine, ScanPlan, SecurityControl, Target,
    control::ScopeObjects,
    gate::{ExpectedDigest, Gate as _, GateFacts, GateResult},
    inventory::{Collected, PodFacts},
    look::request_of,
    plan::Need,
    target::{Namespace, PodSelection, TargetForm},
};

use super::{
    checks::{
        check, controls_apart, helper_namespace, identity_namespace, needs_of, object_metadata,
        options, required,
    },
    choice::{Choice, choose},
    error::PrepareError,
    prepared::PreparedScan,
    request::ScanRequest,
};
use crate::{
    api::{call::CallError, client::OperatorClient, segment::Segment},
    names::object_name,
    plan::{
        gate_facts, manifest,
        origin::origin,
        preflight::{self, Allowed, MissingRights},
        resolve::resolve,
        scan_id::scan_id,
    },
    pod::{containers, facts, snapshot::PodSnapshot},
    run::{scope::ScanScope, scope_objects::Objects},
    strategies::{
        approach::{Approach, PlanScope},
        sidecar::{image_of, image_target},
    },
};

/// What happens if the operator does not have a right that the scan needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingRight {
    /// The scan is not prepared.
    Refuses,
    /// The plan lists the right. A scan that is prepared this way is never run.
    IsPlanned,
}

impl MissingRight {
    /// The missing rights that the plan lists.
    fn of(self, asked: Result<(), MissingRights>) -> Result<Vec<String>, MissingRights> {
        match (asked, self) {
            (Err(missing), Self::Refuses) => Err(missing),
            (Err(missing), Self::IsPlanned) => Ok(missing.each()),
            (Ok(()), _) => Ok(Vec::new()),
        }
    }
}

/// What a scan with this request would do. Two or three calls that read.
pub(super) async fn prepare(
    segment: Segment,
    mut request: ScanRequest,
    missing_right: MissingRight,
) -> Result<PreparedScan, PrepareError> {
    check(&request)?;
    let operator = segment.operator().clone();
    let scan_id = scan_id();
    let name = object_name(&scan_id);
    let helper = helper_namespace(&request)?;
    let identity_namespace = identity_namespace(&request, helper.as_ref())?;
    let object_metadata = object_metadata(&request)?;
    let home = helper.as_ref().unwrap_or(&request.target.namespace);
    let rights = ask_rights(&operator, home, identity_namespace.as_ref());
    let target = Box::pin(target_of(&operator, &request, &name));
    let (target, rights, origin) = tokio::join!(target, rights, origin(&segment, request.identify));
    let (target, pod, target_choice) = target?;
    pin(&mut request, &target);
    let (target, image_of) = read_in(helper, target, &name)?;
    let Choice {
        approach,
        reason,
        next: fallback,
    } = choose(&segment, &target, pod.as_ref(), &request).await?;
    // Only the image of a pod in another namespace is read.
    let pod = pod.filter(|_| image_of.is_none());
    let (mut allowed, mut there) = rights?;
    let needs = needs(approach.as_ref(), &request);
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
        optional: &approach.optional_needs(),
        rules: &rules,
    };
    preflight::settle(&operator, &mut allowed, there.as_mut(), &needed).await?;
    let asked = preflight::require(&allowed, there.as_ref(), &needed);
    let missing_rights = missing_right.of(asked)?;
    let mut plan = ScanPlan {
        objects: vec![],
        rules,
        commands,
        differences: approach.differences(),
        controls: vec![],
        scan_id,
        strategy: approach.name().into(),
        target_choice,
        connection: segment.connection().to_vec(),
        missing_rights,
        reason,
        evidence: approach.evidence(),
        not_scanned: beside(pod.as_ref(), &target),
        profile: engine_names(&request),
        policy: request.policy.as_ref().map(|p| p.reference()),
        gates: vec![],
        lease_seconds: request.lease_seconds,
        identity_namespace,
        object_metadata,
        target: target.clone(),
        image_of,
        fallback: None,
    };
    plan.objects = manifest::planned(&plan, "the scan's own identity");
    plan.objects.extend(approach.objects(&scope));
    let theirs = request.controls.iter().flat_map(SecurityControl::objects);
    plan.objects.extend(theirs);
    let before = pod.as_ref().map(PodSnapshot::of);
    let scope = ScanScope::with_options(segment.clone(), plan.clone(), before, options(&request));
    let mut started = approach.start(&scope);
    for control in &request.controls {
        started.controls.push(Box::new(Arc::clone(control)));
    }
    controls_apart(&started)?;
    started.controls.sort_by_key(SecurityControl::phase);
    plan.controls = started.controls.iter().map(SecurityControl::plan).collect();
    let required = required(&request, &started.controls)?;
    let pod_facts = facts_of(pod.as_ref(), &target);
    let pod = pod.unwrap_or_default();
    let known = known_to_gates(&operator, &request, &target, &pod, &pod_facts, &allowed).await;
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
        origin,
        unused,
        required,
        allowed,
        request,
        fallback,
    })
}

/// What the operator does for the strategy and for controls of third parties.
fn needs(approach: &dyn Approach, request: &ScanRequest) -> Vec<Need> {
    let mut needs = approach.needs();
    let theirs = request.controls.iter();
    needs.extend(theirs.flat_map(|control| needs_of(control.as_ref())));
    needs
}

/// The rights of the operator in the namespace of the scan's objects, and in a separate identity namespace if there is one.
async fn ask_rights(
    operator: &OperatorClient,
    home: &Namespace,
    identity_namespace: Option<&Namespace>,
) -> Result<(Allowed, Option<Allowed>), CallError> {
    let here = preflight::ask(operator, home.as_str());
    let Some(there) = identity_namespace else {
        return Ok((here.await?, None));
    };
    let (here, there) = tokio::join!(here, preflight::ask(operator, there.as_str()));
    Ok((here?, Some(there?)))
}

/// What the scan looks at: the container that was found, or its image in a helper namespace, and then that container.
fn read_in(
    helper: Option<Namespace>,
    target: Target,
    name: &str,
) -> Result<(Target, Option<Box<Target>>), PrepareError> {
    let Some(namespace) = helper else {
        return Ok((target, None));
    };
    Ok((image_of(&target, namespace, name)?, Some(Box::new(target))))
}

/// The facts that the gates of a policy evaluate, if there is a policy.
async fn known_to_gates(
    operator: &OperatorClient,
    request: &ScanRequest,
    target: &Target,
    pod: &Pod,
    facts: &Collected<PodFacts>,
    allowed: &Allowed,
) -> Option<GateFacts> {
    let policy = request.policy.as_ref()?;
    let (facts, needs) = (gated(facts, target), policy.needs());
    let asked = gate_facts::collect(operator, pod, target, facts, needs, allowed);
    Some(Box::pin(asked).await)
}

/// What the pod is; an image that runs nowhere has none.
fn facts_of(pod: Option<&Pod>, target: &Target) -> Collected<PodFacts> {
    match pod {
        Some(pod) => facts::of(pod, target),
        None => Collected::Unavailable {
            reason: "the image runs in no pod".into(),
        },
    }
}

/// The other containers of the pod.
fn beside(pod: Option<&Pod>, target: &Target) -> Vec<String> {
    pod.map(|pod| containers::beside(pod, target))
        .unwrap_or_default()
}

/// Names the container that was found: the next strategy looks at the same one, whatever the first name means by then.
fn pin(request: &mut ScanRequest, target: &Target) {
    if target.form == TargetForm::Container {
        request.target.container = Some(target.container.clone());
        request.target.pod = PodSelection::Pinned {
            name: target.pod.clone(),
            uid: target.pod_uid.clone(),
        };
    }
}

/// Finds the container to scan, its pod, and how they were chosen; an image that runs nowhere has no pod.
async fn target_of(
    operator: &OperatorClient,
    request: &ScanRequest,
    name: &str,
) -> Result<(Target, Option<Pod>, Vec<String>), PrepareError> {
    match &request.target.pod {
        PodSelection::Image(image) => {
            let namespace = request.target.namespace.clone();
            Ok((image_target(namespace, name, image)?, None, Vec::new()))
        }
        PodSelection::Name(_)
        | PodSelection::Pinned { .. }
        | PodSelection::Labels(_)
        | PodSelection::Workload { .. } => {
            let found = resolve(operator, &request.target).await?;
            Ok((found.target, Some(found.pod), found.choice))
        }
    }
}

/// Names and versions of the engines, for a reader.
fn engine_names(request: &ScanRequest) -> String {
    let engines = request.engines.iter().map(ScanEngine::reference);
    let names: Vec<String> = engines.map(|engine| engine.to_string()).collect();
    names.join(", ")
}

/// What gates evaluate: for an image that runs nowhere, only its name.
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
