//! How a scan reaches its target: shipped strategies, and third-party ones.
//!
//! | strategy | needs | leaves in the pod |
//! |---|---|---|
//! | [`container`] | a shell in the target | nothing |
//! | [`distroless`] | an image of the probe | the entry of an ephemeral container |
//! | [`sidecar`] | an image of the probe | nothing; looks at a copy in a pod of the scan's own |
//! | [`attached`] | the sidecar, deployed with the pod | nothing |
//! | [`auto`] | nothing; better with an image of the probe | as the one that was taken |
//! | [`custom`] | what it says | what it says |
//! | [`approach`] | what it says | what it says |

use std::{net::SocketAddr, sync::Arc};

use scanner_core::ScanStrategy;
use scanner_k8s::{
    SidecarOptions,
    plan::sidecar_options::{Keep, Mode, Pull, ReadAs},
};

pub use scanner_k8s::{
    ProbeImage, ScanScope,
    scan::request::Strategy,
    strategies::approach::{Approach, PlanScope, Refine, Started},
};

/// One exec into the target, which must have a shell. Leaves nothing in the pod.
pub const fn container() -> Strategy {
    Strategy::Container
}

/// A probe in an ephemeral container beside the target, for targets without a shell. Name `probe_image` by
/// digest if you can. The entry of the container stays in the pod's specification: therefore the image is tried
/// first in a pod of the scan's own, unless it is [`untried`](ProbeImage::untried).
pub fn distroless(probe_image: impl Into<ProbeImage>) -> Strategy {
    Strategy::Distroless {
        image: probe_image.into(),
    }
}

/// A strategy of your own, which needs nothing of the cluster but the target's name.
pub fn custom(strategy: impl ScanStrategy + 'static) -> Strategy {
    Strategy::Custom(Arc::new(strategy))
}

/// An approach of your own: a strategy that brings controls of its own, or needs a client of the cluster.
/// `make` makes one for each scan. The shipped controls surround it as they do every scan; preparing the scan
/// fails if one of its controls has the id of a shipped one.
pub fn approach<A: Approach + 'static>(make: impl Fn() -> A + Send + Sync + 'static) -> Strategy {
    Strategy::Approach(Arc::new(move || Box::new(make())))
}

/// The least intrusive strategy that works and whose evidence the policy accepts. It tries [`container`] first.
/// If the target turns out to have no shell, and an image of the probe is named, it uses [`distroless`], or
/// only the image of the target if the target could rewrite the probe; then the strategies of [`Auto::then`].
pub const fn auto() -> Auto {
    Auto {
        image: None,
        then: Vec::new(),
    }
}

/// The sidecar that was deployed with the pod, as [`inject`](crate::inject) adds it.
pub const fn attached() -> Attached {
    Attached { image: None }
}

/// A pod of the scan's own without network: a clone of the target, or with [`Sidecar::inert`] its image alone. The only
/// strategy for an image that runs nowhere.
pub fn sidecar(probe_image: impl Into<String>) -> Sidecar {
    Sidecar {
        image: probe_image.into(),
        keep: Keep::default(),
        inert: false,
        reads_as: ReadAs::default(),
        same_node: false,
        require_isolation: false,
        canaries: Vec::new(),
        pull_secrets: Vec::new(),
        pull: Pull::default(),
        expected_digest: None,
        helper_namespace: None,
    }
}

/// See [`auto`].
#[derive(Clone)]
#[must_use]
pub struct Auto {
    image: Option<ProbeImage>,
    then: Vec<Arc<dyn ScanStrategy>>,
}

impl Auto {
    /// Image of the probe, preferably by digest; without one [`distroless`] cannot be used.
    pub fn probe_image(self, image: impl Into<ProbeImage>) -> Self {
        self.maybe_probe_image(Some(image.into()))
    }

    /// The same, if there may be none.
    pub fn maybe_probe_image(mut self, image: Option<ProbeImage>) -> Self {
        self.image = image;
        self
    }

    /// Tries a strategy of your own after the shipped ones, if the target has no shell or tool for them and
    /// everything that they created is gone.
    pub fn then(mut self, strategy: impl ScanStrategy + 'static) -> Self {
        self.then.push(Arc::new(strategy));
        self
    }
}

impl From<Auto> for Strategy {
    fn from(auto: Auto) -> Self {
        Self::Auto {
            image: auto.image,
            then: auto.then,
        }
    }
}

/// See [`attached`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Attached {
    image: Option<String>,
}

impl Attached {
    /// Image that the sidecar must have; any image by default.
    pub fn probe_image(self, image: impl Into<String>) -> Self {
        self.maybe_probe_image(Some(image.into()))
    }

    /// The same, if there may be none.
    pub fn maybe_probe_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }
}

impl From<Attached> for Strategy {
    fn from(attached: Attached) -> Self {
        Self::Attached {
            image: attached.image,
        }
    }
}

/// See [`sidecar`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Sidecar {
    image: String,
    keep: Keep,
    inert: bool,
    reads_as: ReadAs,
    same_node: bool,
    require_isolation: bool,
    canaries: Vec<SocketAddr>,
    pull_secrets: Vec<String>,
    pull: Pull,
    expected_digest: Option<String>,
    helper_namespace: Option<String>,
}

impl Sidecar {
    /// Reads the image, mounted read-only, instead of a clone; none of its code runs.
    pub fn inert(mut self, inert: bool) -> Self {
        self.inert = inert;
        self
    }

    /// Reads files of the image that only root may read, if the namespace allows it; only for an inert sidecar.
    pub fn as_root(self, as_root: bool) -> Self {
        self.reads_as(if as_root {
            ReadAs::Root
        } else {
            ReadAs::Nobody
        })
    }

    /// The user as which an inert sidecar reads the image.
    pub(crate) fn reads_as(mut self, reads_as: ReadAs) -> Self {
        self.reads_as = reads_as;
        self
    }

    /// Runs the scan's pod on the target's node, whose copy of the image is then read.
    pub fn same_node(mut self, same_node: bool) -> Self {
        self.same_node = same_node;
        self
    }

    /// Lets the clone keep references to Secrets; each is named in plan and report.
    pub fn keep_secrets(mut self, keep: bool) -> Self {
        self.keep.secrets = keep;
        self
    }

    /// Lets the clone keep references to `ConfigMap`s.
    pub fn keep_config(mut self, keep: bool) -> Self {
        self.keep.config = keep;
        self
    }

    /// Stops before anything of the target runs unless the network isolation is verified. A policy can
    /// require the same.
    pub fn require_isolation(mut self, require: bool) -> Self {
        self.require_isolation = require;
        self
    }

    /// An address that answers from a pod without a `NetworkPolicy`, to prove the isolation; may be repeated.
    pub fn canary(mut self, address: SocketAddr) -> Self {
        self.canaries.push(address);
        self
    }

    /// Name of a Secret with credentials to pull an image that runs nowhere; may be repeated.
    pub fn pull_secret(mut self, name: impl Into<String>) -> Self {
        self.pull_secrets.push(name.into());
        self
    }

    /// When the node asks the registry for an image that runs nowhere.
    pub fn pull(mut self, pull: Pull) -> Self {
        self.pull = pull;
        self
    }

    /// Digest that an image that runs nowhere must have; another image is not read.
    pub fn expected_digest(mut self, digest: impl Into<Option<String>>) -> Self {
        self.expected_digest = digest.into();
        self
    }

    /// Namespace in which the image of a running container is read, if the container's own namespace does not allow that.
    /// The scan creates everything there and nothing in the container's namespace. The container's own namespace counts as
    /// none. Only for an inert sidecar.
    pub fn helper_namespace(self, namespace: impl Into<String>) -> Self {
        self.maybe_helper_namespace(Some(namespace.into()))
    }

    /// The same, if there may be none.
    pub fn maybe_helper_namespace(mut self, namespace: Option<String>) -> Self {
        self.helper_namespace = namespace;
        self
    }
}

impl From<Sidecar> for Strategy {
    fn from(sidecar: Sidecar) -> Self {
        let same_node = sidecar.same_node;
        let mode = if sidecar.inert {
            Mode::Inert {
                reads_as: sidecar.reads_as,
                same_node,
            }
        } else {
            Mode::Clone {
                keep: sidecar.keep,
                same_node,
            }
        };
        Self::Sidecar(SidecarOptions {
            image: sidecar.image,
            mode,
            require_isolation: sidecar.require_isolation,
            canaries: sidecar.canaries,
            pull_secrets: sidecar.pull_secrets,
            pull: sidecar.pull,
            expected_digest: sidecar.expected_digest,
            helper_namespace: sidecar.helper_namespace,
        })
    }
}
