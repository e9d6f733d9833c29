//! What is left of the scan's own pod.

/// What there is under the pod's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::strategies::sidecar) enum Left {
    /// No pod.
    Nothing,
    /// A pod that is not the scan's.
    Another,
    /// The scan's pod.
    Pod,
}
