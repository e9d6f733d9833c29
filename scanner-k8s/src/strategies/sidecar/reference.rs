//! How a running image is named again: as the node reports it, not as the pod names it.

use scanner_core::Target;

use crate::plan::sidecar_options::Pull;

/// An image as a pod can name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) image: String,
    pub(super) pull_policy: &'static str,
    /// Whether the reference itself fixes the content.
    pub(super) pinned: bool,
    /// Whether only the target's node knows it.
    pub(super) local: bool,
}

impl Reference {
    /// The image that `target` runs. The node reports `REPOSITORY@DIGEST`, or for an image that was
    /// loaded and never pulled its bare id.
    pub(super) fn running(target: &Target) -> Self {
        let id = target.image_id.rsplit("://").next().unwrap_or_default();
        if id
            .rsplit_once('@')
            .is_some_and(|(_, digest)| is_digest(digest))
        {
            Self::pulled(id, true)
        } else if is_digest(id) {
            Self {
                image: id.into(),
                pull_policy: "Never",
                pinned: true,
                local: true,
            }
        } else {
            Self::pulled(&target.image, false)
        }
    }

    /// An image that a user named.
    pub(super) fn named(image: &str, pull: Pull) -> Self {
        let digest = image.rsplit_once('@').map(|(_, digest)| digest);
        let named = Self::pulled(image, digest.is_some_and(is_digest));
        match pull {
            Pull::Always => Self {
                pull_policy: "Always",
                ..named
            },
            Pull::IfNotPresent => named,
        }
    }

    fn pulled(image: &str, pinned: bool) -> Self {
        Self {
            image: image.into(),
            pull_policy: "IfNotPresent",
            pinned,
            local: false,
        }
    }

    /// What a reader of a scan of an image that runs nowhere should know.
    pub(super) fn may_be_old(&self) -> Option<String> {
        (!self.pinned && self.pull_policy != "Always").then(|| {
            "a node that has an image of this name reads its copy, which may be arbitrarily older than the \
             registry's copy: a pull that always asks the registry, or a digest, fixes the contents"
                .into()
        })
    }

    /// What a reader should know about it.
    pub(super) fn note(&self) -> Option<String> {
        if self.local {
            let text = "the image was loaded onto the node and never pulled: it is taken by its id, on the target's node";
            Some(text.into())
        } else if self.pinned {
            None
        } else {
            Some(format!(
                "the image has no digest that could be named: {} is taken as written, and what came of it is compared",
                self.image
            ))
        }
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_named_by_its_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let reference = Reference::named(&format!("r.example/a@{digest}"), Pull::default());
        assert!(reference.pinned && !reference.local);
        assert_eq!(reference.may_be_old(), None);
        let tagged = Reference::named("r.example/a:1", Pull::IfNotPresent);
        assert!(!tagged.pinned && tagged.pull_policy == "IfNotPresent");
        assert!(
            tagged
                .may_be_old()
                .is_some_and(|text| text.contains("arbitrarily older"))
        );
        let fresh = Reference::named("r.example/a:1", Pull::Always);
        assert!(fresh.pull_policy == "Always" && fresh.may_be_old().is_none());
        assert!(!Reference::named("r.example/a@sha256:short", Pull::Always).pinned);
        assert!(is_digest(&digest) && !is_digest("sha256:zz"));
    }
}
