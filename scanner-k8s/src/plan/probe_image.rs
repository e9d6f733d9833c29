//! The image of the probe, and whether it is tried before it is added to a running pod.

/// The image of the probe that joins a running pod, best named by digest.
///
/// Kubernetes never removes the entry of an ephemeral container, so an image that does not start stays in the target's
/// pod. A scan therefore tries the image first, in a pod of its own on the target's node, unless it is
/// [`untried`](ProbeImage::untried).
///
/// ```
/// use scanner_k8s::ProbeImage;
///
/// let image = ProbeImage::new("registry.example/probe@sha256:1f…");
/// assert!(image.is_tried());
/// assert!(!image.untried().is_tried());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeImage {
    name: String,
    tried: bool,
    anew: bool,
}

impl ProbeImage {
    /// The image of that name, which is tried first.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tried: true,
            anew: false,
        }
    }

    /// The same without the trial: for an operator who may create no pods, or who knows that every node can start it.
    #[must_use]
    pub fn untried(mut self) -> Self {
        self.tried = false;
        self
    }

    /// Has it tried even if it is known to have started on the node.
    pub(crate) const fn try_anew(&mut self) {
        self.anew = true;
    }

    /// Whether an earlier start on the node does not count.
    pub(crate) const fn is_tried_anew(&self) -> bool {
        self.anew
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is tried first.
    pub const fn is_tried(&self) -> bool {
        self.tried
    }
}

impl From<String> for ProbeImage {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&String> for ProbeImage {
    fn from(name: &String) -> Self {
        Self::new(name)
    }
}

impl From<&str> for ProbeImage {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}
