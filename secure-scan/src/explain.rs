//! What a scan of one container could see, needs and leaves, by strategy and by level.
//!
//! Everything is taken from the plans of such scans: the same access planner, the same choice of a strategy, the same gates
//! and the same reviews of rights. [`explain`] reads, asks for reviews, and writes nothing.

mod parts;
mod way;

use futures_util::future::try_join_all;
use scanner_core::{
    Remedy, ScanPlan, Target,
    gate::GateResult,
    plan::{EvidenceSource, PlannedControl},
    target::Namespace,
};
use scanner_k8s::{Segment, scan::PrepareError};
use scanner_policy::{Level, Policy, Profile, ProfileError, profile::ShippedError};
use serde::Serialize;

use crate::{policy::ScanPolicy, scan::Scan, strategy, target_selector::TargetSelector};
use parts::{APART, absent, leaves, who_else};

pub use parts::{AbsentControl, Guard};
pub use way::Way;

/// Levels, the most lenient first.
const LEVELS: [Level; 3] = [Level::Baseline, Level::Hardened, Level::Strict];
/// Gate that objects if a policy requires a control that the plan does not have.
const REQUIRED: &str = "required-controls";

/// What is known about scans of one container before any is made.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The container that would be scanned.
    pub target: Target,
    /// Which pod and container were chosen and why, if the name left a choice.
    pub target_choice: Vec<String>,
    /// Whether the cluster has the admission guard.
    pub guard: Guard,
    /// Each strategy.
    pub strategies: Vec<StrategyExplained>,
    /// Each level.
    pub levels: Vec<LevelExplained>,
    /// Who else could act as the identity of a scan, as the controls that watch it plan; empty where that is not known.
    pub identity: Vec<String>,
}

/// What a scan with one strategy would be.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StrategyExplained {
    /// The strategy.
    pub strategy: Way,
    /// What it reads.
    pub sees: &'static str,
    /// Other containers of the pod, which it does not scan.
    pub not_scanned: Vec<String>,
    /// How what is read differs from the target.
    pub differences: Vec<String>,
    /// What it needs besides rights.
    pub needs: &'static str,
    /// Rights that it needs and the operator does not have.
    pub missing_rights: Vec<String>,
    /// Why it cannot be used here, if it cannot; the fields below are then empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_possible: Option<String>,
    /// What would make it possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// Whether the target can forge what is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceSource>,
    /// Levels that accept that evidence.
    pub evidence_accepted_by: Vec<Level>,
    /// What stays after the cleanup.
    pub leaves: Vec<String>,
    /// Controls that would surround it.
    pub controls: Vec<PlannedControl>,
    /// Controls that would not, and why.
    pub absent_controls: Vec<AbsentControl>,
}

/// How a scan at one level would proceed.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LevelExplained {
    /// The level.
    pub level: Level,
    /// What is done first; absent if nothing can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Way>,
    /// What is done if the target turns out to have no shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Way>,
    /// Why nothing can be done then, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_not_possible: Option<String>,
    /// Why that strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the level demands an identity namespace and none was named.
    pub needs_identity_namespace: bool,
    /// Gates that refuse the target, whatever namespace the identity has.
    pub refused_by: Vec<GateResult>,
    /// Rights that the scan needs and the operator does not have.
    pub missing_rights: Vec<String>,
    /// Why there is no plan, if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_possible: Option<String>,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The target cannot be found, or the server did not answer.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A shipped profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ShippedError),
    /// A shipped policy cannot be used.
    #[error(transparent)]
    Policy(#[from] ProfileError),
}

/// Explains what scans of `target` would be. `probe_image` need not exist: nothing asks for it. Makes about forty calls that
/// read or ask for a review, and writes nothing.
///
/// # Errors
///
/// Fails when the target cannot be found, and when the server does not answer. A strategy that cannot be used,
/// and a right that the operator does not have, are not errors.
pub async fn explain(
    segment: &Segment,
    target: TargetSelector,
    probe_image: &str,
    identity_namespace: Option<&Namespace>,
) -> Result<Explanation, ExplainError> {
    let mut template = Scan::template().engine(Profile::shipped("container-baseline")?);
    if let Some(namespace) = identity_namespace {
        template = template.identity_namespace(namespace.as_str());
    }
    // It needs only the pod, so its plan decides which pod all others read.
    let container = template.clone().strategy(strategy::container());
    let found = Box::pin(container.plan_in(segment.next(), target)).await?;
    let pinned = TargetSelector::pod(found.target.namespace.as_str(), found.target.pod.as_str())
        .container(found.target.container.as_str());
    let policies = LEVELS.map(|level| Policy::shipped(level).map(|policy| (level, policy)));
    let policies = policies.into_iter().collect::<Result<Vec<_>, _>>()?;
    let guard = Box::pin(Guard::read(segment, identity_namespace));
    let ways = Way::ALL.map(|way| {
        let template = template.clone().strategy(way.strategy(probe_image));
        let (segment, target) = (segment.next(), pinned.clone());
        async move { Ok::<_, PrepareError>((way, planned(&template, segment, target).await?)) }
    });
    let levels = policies.iter().map(|(level, policy)| {
        let template = template.clone().policy(policy.clone());
        let template = template.strategy(strategy::auto().probe_image(probe_image));
        let (segment, target) = (segment.next(), pinned.clone());
        async move {
            let plan = planned(&template, segment, target).await?;
            Ok::<_, PrepareError>(LevelExplained::of(*level, policy, plan))
        }
    });
    let (guard, ways, levels) = tokio::join!(guard, try_join_all(ways), try_join_all(levels));
    let ways = ways?.into_iter();
    let strategies = ways.map(|(way, plan)| StrategyExplained::of(way, plan, &policies, &guard));
    Ok(Explanation {
        identity: who_else(&found),
        strategies: strategies.collect(),
        levels: levels?,
        guard,
        target: found.target,
        target_choice: found.target_choice,
    })
}

/// The plan of such a scan, or why there is none.
async fn planned(
    template: &Scan,
    segment: Segment,
    target: TargetSelector,
) -> Result<Result<ScanPlan, PrepareError>, PrepareError> {
    use scanner_k8s::scan::PrepareErrorKind::{Forbidden, Strategy};
    match Box::pin(template.plan_in(segment, target)).await {
        // The operator may not read what the strategy needs to know, or the strategy cannot be used: that is an answer.
        Err(error) if matches!(error.kind(), Forbidden | Strategy) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(plan) => Ok(Ok(plan)),
    }
}

impl StrategyExplained {
    fn of(
        way: Way,
        plan: Result<ScanPlan, PrepareError>,
        policies: &[(Level, Policy)],
        guard: &Guard,
    ) -> Self {
        let mut explained = Self {
            strategy: way,
            sees: way.sees(),
            needs: way.needs(),
            not_scanned: Vec::new(),
            differences: Vec::new(),
            missing_rights: Vec::new(),
            not_possible: None,
            remedy: None,
            evidence: None,
            evidence_accepted_by: Vec::new(),
            leaves: Vec::new(),
            controls: Vec::new(),
            absent_controls: Vec::new(),
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                explained.not_possible = Some(scanner_core::cause::chain(&error));
                explained.remedy = error.remedy();
                return explained;
            }
        };
        let accepts = |policy: &Policy| {
            let gates = ScanPolicy::new(policy.clone()).gates();
            gates.accepts_evidence(&plan.strategy, plan.evidence.as_ref())
        };
        let levels = policies.iter().filter(|(_, policy)| accepts(policy));
        explained.evidence_accepted_by = levels.map(|(level, _)| *level).collect();
        explained.leaves = leaves(&plan);
        explained.absent_controls = absent(&plan, way, guard);
        let not_here = |control: &PlannedControl| {
            let mut absent = explained.absent_controls.iter();
            absent.any(|absent| absent.id == control.id)
        };
        let (_, holding) = plan.controls.into_iter().partition(not_here);
        explained.controls = holding;
        explained.not_scanned = plan.not_scanned;
        explained.differences = plan.differences;
        explained.missing_rights = plan.missing_rights;
        explained.evidence = plan.evidence;
        explained
    }
}

impl LevelExplained {
    fn of(level: Level, policy: &Policy, plan: Result<ScanPlan, PrepareError>) -> Self {
        let mut explained = Self {
            level,
            strategy: None,
            fallback: None,
            fallback_not_possible: None,
            reason: None,
            needs_identity_namespace: false,
            refused_by: Vec::new(),
            missing_rights: Vec::new(),
            not_possible: None,
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                explained.not_possible = Some(scanner_core::cause::chain(&error));
                return explained;
            }
        };
        let there = |id: &String| plan.controls.iter().any(|control| control.id == *id);
        let missing: Vec<&String> = policy
            .require_controls
            .iter()
            .filter(|id| !there(id))
            .collect();
        explained.needs_identity_namespace = missing.iter().any(|id| *id == APART);
        // The recommended command names an identity namespace, so only a missing control of another kind refuses.
        let only_apart = explained.needs_identity_namespace && missing.len() == 1;
        let refused = plan.refusal().unwrap_or_default().into_iter();
        let refused = refused.filter(|gate| !(only_apart && gate.id == REQUIRED));
        explained.refused_by = refused.cloned().collect();
        explained.strategy = Way::of_plan(&plan.strategy);
        if let Some(fallback) = plan.fallback {
            let next = fallback.plan.as_ref();
            explained.fallback = next.and_then(|next| Way::of_plan(&next.strategy));
            explained.fallback_not_possible = fallback.not_possible;
        }
        explained.reason = plan.reason;
        explained.missing_rights = plan.missing_rights;
        explained
    }

    /// Whether a scan at this level would begin: no gate refuses it, and the operator has the rights that it needs. Where the level
    /// demands an identity namespace, the scan needs one.
    pub fn is_possible(&self) -> bool {
        self.strategy.is_some() && self.refused_by.is_empty() && self.missing_rights.is_empty()
    }
}
