//! Seam: what remembers which images of the probe started on which nodes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

/// How long a trial counts: nodes are replaced under their old names, and registries lose images.
pub const TRIAL_LASTS: Duration = Duration::from_hours(24 * 7);

/// Most trials that a cluster remembers.
const MOST: usize = 4096;

/// An image of the probe that started on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriedImage {
    /// Address of the API server.
    pub server: String,
    /// SHA-256 of the authorities that its certificate is verified with: clusters behind tunnels have the same address.
    pub ca_sha256: Vec<String>,
    /// Name of the node.
    pub node: String,
    /// The image, by digest. A tag may name another image the next time, so an image that is named by tag is
    /// tried each time.
    pub image: String,
    /// Namespace of the pull secrets with which the image may have been pulled, if there were any.
    pub secrets_of: Option<String>,
}

impl TriedImage {
    /// 64 hexadecimal digits that identify the trial without naming anything.
    pub fn key(&self) -> String {
        let namespace = self.secrets_of.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        let parts = [self.server.as_str(), &self.node, &self.image, namespace].into_iter();
        for part in parts.chain(self.ca_sha256.iter().map(String::as_str)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

/// Models a memory of trials, which may outlive the process. Its methods are called often and by several
/// threads; a trial that cannot be remembered is repeated.
pub trait ImageMemory: Send + Sync {
    /// Whether the image started there before, not longer ago than [`TRIAL_LASTS`].
    fn knows(&self, image: &TriedImage) -> bool;

    /// The image started there now.
    fn remember(&self, image: &TriedImage);

    /// The image did not start there after all: it is tried again the next time.
    fn forget(&self, image: &TriedImage);
}

impl<T: ImageMemory + ?Sized> ImageMemory for Arc<T> {
    fn knows(&self, image: &TriedImage) -> bool {
        (**self).knows(image)
    }

    fn remember(&self, image: &TriedImage) {
        (**self).remember(image);
    }

    fn forget(&self, image: &TriedImage) {
        (**self).forget(image);
    }
}

/// What a [`Cluster`](super::connect::Cluster) remembers by itself, for as long as it lives.
#[derive(Default)]
pub(crate) struct InProcess(Mutex<VecDeque<(String, Instant)>>);

impl InProcess {
    fn kept(&self) -> MutexGuard<'_, VecDeque<(String, Instant)>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since)| since.elapsed() < TRIAL_LASTS);
        kept
    }
}

impl ImageMemory for InProcess {
    fn knows(&self, image: &TriedImage) -> bool {
        let key = image.key();
        self.kept().iter().any(|(known, _)| *known == key)
    }

    fn remember(&self, image: &TriedImage) {
        let key = image.key();
        let mut kept = self.kept();
        kept.retain(|(known, _)| *known != key);
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((key, Instant::now()));
    }

    fn forget(&self, image: &TriedImage) {
        let key = image.key();
        self.kept().retain(|(known, _)| *known != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(node: &str, image: &str, secrets_of: Option<&str>) -> TriedImage {
        TriedImage {
            server: "https://a".into(),
            ca_sha256: vec!["1f".into()],
            node: node.into(),
            image: image.into(),
            secrets_of: secrets_of.map(str::to_owned),
        }
    }

    #[test]
    fn what_started_on_one_node_is_known_there_alone() {
        let memory = InProcess::default();
        memory.remember(&tried("n1", "p@sha256:1", None));
        let mut behind_another_tunnel = tried("n1", "p@sha256:1", None);
        behind_another_tunnel.ca_sha256 = vec!["2f".into()];
        assert!(memory.knows(&tried("n1", "p@sha256:1", None)));
        for other in [
            tried("n2", "p@sha256:1", None),
            tried("n1", "p@sha256:2", None),
            tried("n1", "p@sha256:1", Some("shop")),
            tried("n1p", "@sha256:1", None),
            behind_another_tunnel,
        ] {
            memory.forget(&other);
            assert!(!memory.knows(&other), "{other:?}");
        }
        let started = tried("n1", "p@sha256:1", None);
        assert!(memory.knows(&started), "another one was forgotten");
        memory.forget(&started);
        assert!(!memory.knows(&started));
    }

    #[test]
    fn the_memory_has_a_bound_and_forgets_the_oldest() {
        let memory = InProcess::default();
        for number in 0..=MOST {
            memory.remember(&tried(&number.to_string(), "p@sha256:1", None));
        }
        assert_eq!(memory.kept().len(), MOST);
        assert!(!memory.knows(&tried("0", "p@sha256:1", None)));
        assert!(memory.knows(&tried(&MOST.to_string(), "p@sha256:1", None)));
    }
}
