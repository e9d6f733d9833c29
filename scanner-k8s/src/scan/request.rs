//! What a program asks of a scan.

use std::{fmt, sync::Arc};

use scanner_core::{
    Evaluation, ObjectMetadata, ProbeResources, ScanEngine, ScanStrategy, SecurityControl,
    engines::{EngineHost, Inline},
    finding::Severity,
    gate::GatePolicy,
    target::{Namespace, TargetRequest},
};

use crate::{
    plan::{probe_image::ProbeImage, sidecar_options::SidecarOptions},
    run::scope::AgentLimits,
    strategies::approach::Approach,
};

/// Makes an approach for each scan.
pub type MakeApproach = Arc<dyn Fn() -> Box<dyn Approach> + Send + Sync>;

/// How the target is reached.
#[derive(Clone)]
#[non_exhaustive]
pub enum Strategy {
    /// One exec into it; needs a shell in the target.
    Container,
    /// An ephemeral container beside it; its entry stays in the pod's specification.
    Distroless {
        /// Image of the probe, best named by digest.
        image: ProbeImage,
    },
    /// One exec into the sidecar that was deployed with the pod, see [`crate::inject`].
    Attached {
        /// Image that the sidecar must run; any image if absent.
        image: Option<String>,
    },
    /// An isolated pod of the scan's own, with a clone of the target or only its image. The only one for
    /// [`scanner_core::target::PodSelection::Image`].
    Sidecar(SidecarOptions),
    /// A strategy of a third party that needs nothing of the cluster but the target's name.
    Custom(Arc<dyn ScanStrategy>),
    /// An approach of a third party, which brings controls of its own or needs a client of the cluster.
    Approach(MakeApproach),
    /// The least intrusive one that works and whose evidence the policy accepts: `Container`, which leaves nothing in the
    /// pod; where the target turns out to have no shell, `Distroless` unless the target could rewrite that probe; else the
    /// image of the target alone.
    Auto {
        /// Image of the probe; without one only `Container` and those of `then` can be taken.
        image: Option<ProbeImage>,
        /// Strategies of third parties that are tried after these, in order.
        then: Vec<Arc<dyn ScanStrategy>>,
    },
}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container => f.write_str("Container"),
            Self::Distroless { image } => f.debug_tuple("Distroless").field(image).finish(),
            Self::Attached { image } => f.debug_tuple("Attached").field(image).finish(),
            Self::Sidecar(options) => f.debug_tuple("Sidecar").field(options).finish(),
            Self::Custom(strategy) => f.debug_tuple("Custom").field(&strategy.name()).finish(),
            Self::Approach(make) => f.debug_tuple("Approach").field(&make().name()).finish(),
            Self::Auto { image, then } => {
                let names: Vec<&str> = then.iter().map(ScanStrategy::name).collect();
                f.debug_tuple("Auto").field(image).field(&names).finish()
            }
        }
    }
}

/// What to scan and how. Cheap to clone.
#[derive(Clone)]
#[non_exhaustive]
pub struct ScanRequest {
    /// How the target is reached.
    pub strategy: Strategy,
    /// Which container.
    pub target: TargetRequest,
    /// The engines, at least one; each has a name of its own.
    pub engines: Vec<Arc<dyn ScanEngine>>,
    /// Controls beside the shipped ones.
    pub controls: Vec<Arc<dyn SecurityControl>>,
    /// Where evaluations run.
    pub host: Arc<dyn EngineHost>,
    /// The day of the scan, in UTC.
    pub evaluation: Evaluation,
    /// Seconds after which the cluster itself removes everything, [`MIN_LEASE`](crate::plan::lease::MIN_LEASE) to
    /// [`MAX_LEASE`](crate::plan::lease::MAX_LEASE).
    pub lease_seconds: u32,
    /// Namespace of the scan's identity, in which the owners of the target have no rights; without one it lives
    /// in the target's namespace, where anyone who may create Secrets or pods could act as it. Replaces the
    /// policy's.
    pub identity_namespace: Option<Namespace>,
    /// Labels and annotations for everything that the scan creates, besides its own and those of the policy;
    /// they replace those of the policy with the same key.
    pub object_metadata: ObjectMetadata,
    /// Requests and limits for the containers of the scan's own pods; they replace those of the policy.
    pub probe_resources: ProbeResources,
    /// Whether the scan proves its end for every API server and every namespace: it waits until no server can remember its
    /// token, and looks for what it made in all namespaces. A policy can demand it too.
    pub prove_everywhere: bool,
    /// Whether the API server is asked for its version and for the name that it knows the operator by, for the head of the
    /// report: two more calls. Without it the report has what is known without a call.
    pub identify: bool,
    /// How long the agent may send nothing before the scan gives up, and how much it may send.
    pub limits: AgentLimits,
    /// Digest (`sha256:...`) that the node must run; the scan aborts before it touches another.
    pub expected_digest: Option<String>,
    /// Gates that decide before the target is touched; without them only the expected digest does.
    pub policy: Option<Arc<dyn GatePolicy>>,
    /// Lowest severity at which a failed check makes the verdict `findings`.
    pub threshold: Severity,
}

impl ScanRequest {
    /// A scan of `target` with one engine, with strategy [`Strategy::Container`], a lease of five minutes and every
    /// failed check from [`Severity::FAIL_ON`] on as a finding.
    pub fn new(target: TargetRequest, engine: Arc<dyn ScanEngine>) -> Self {
        Self {
            strategy: Strategy::Container,
            target,
            engines: vec![engine],
            controls: Vec::new(),
            host: Arc::new(Inline),
            evaluation: Evaluation::on(today()),
            lease_seconds: 300,
            identity_namespace: None,
            object_metadata: ObjectMetadata::default(),
            probe_resources: ProbeResources::default(),
            prove_everywhere: false,
            identify: false,
            limits: AgentLimits::default(),
            expected_digest: None,
            policy: None,
            threshold: Severity::FAIL_ON,
        }
    }
}

fn today() -> jiff::civil::Date {
    jiff::tz::Offset::UTC
        .to_datetime(jiff::Timestamp::now())
        .date()
}

impl fmt::Debug for ScanRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engines: Vec<String> = self
            .engines
            .iter()
            .map(|engine| engine.reference().to_string())
            .collect();
        f.debug_struct("ScanRequest")
            .field("strategy", &self.strategy)
            .field("target", &self.target)
            .field("engines", &engines)
            .finish_non_exhaustive()
    }
}
