//! Where results belong: what stays the same from one scan of a target to the next.

use sha2::{Digest as _, Sha256};

use super::{Subject, View};
use crate::target::TargetForm;

/// Characters of which Kubernetes makes the hash of a pod template and the end of a generated name.
const GENERATED: &str = "bcdfghjklmnpqrstvwxz2456789";

impl View<'_> {
    /// A fingerprint of a check on this target that is the same in the next scan of it, also after
    /// its pod was replaced or its image was built anew: SHA-256 in hexadecimal.
    pub fn fingerprint(&self, check: &str) -> String {
        let place = match self.subject {
            Subject::Container(target) => {
                let repository = repository(&target.image);
                format!("{}\n{}\n{repository}", target.namespace, target.container)
            }
            Subject::Local(subject) => subject.to_owned(),
        };
        hex::encode(Sha256::digest(format!("v1\n{check}\n{place}")))
    }

    /// The series that the scan belongs to, as a path: its results replace those of the scan before it, and of no other
    /// target. It stays the same after a pod was replaced. Not yet safe to show.
    pub fn series(&self) -> String {
        match self.subject {
            Subject::Container(target) if target.form == TargetForm::Image => {
                format!("image/{}", repository(&target.image))
            }
            Subject::Container(target) => format!(
                "{}/{}/{}",
                target.namespace,
                workload(target.pod.as_str()),
                target.container
            ),
            Subject::Local(subject) => format!("local/{subject}"),
        }
    }
}

/// The name of an image without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let tag = image.rfind(':').filter(|at| !image[*at..].contains('/'));
    tag.map_or(image, |at| &image[..at])
}

/// The name of a pod without the parts that Kubernetes generates: the name of the Deployment for a pod of a Deployment, and
/// the pod's own name, which stays, for one of a `StatefulSet`.
fn workload(pod: &str) -> &str {
    let cut = |name: &'_ str, lengths: std::ops::RangeInclusive<usize>, of: &str| {
        let (start, end) = name.rsplit_once('-')?;
        let made = lengths.contains(&end.len()) && end.chars().all(|c| of.contains(c));
        (made && !start.is_empty()).then_some(start.len())
    };
    let Some(at) = cut(pod, 5..=5, GENERATED) else {
        return pod;
    };
    let owner = &pod[..at];
    // A ReplicaSet's hash, or the minute of a CronJob's Job.
    let parent = cut(owner, 6..=10, GENERATED).or_else(|| cut(owner, 8..=8, "0123456789"));
    parent.map_or(owner, |at| &owner[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_keeps_its_name_when_its_pods_are_replaced() {
        for (pod, expected) in [
            ("web-7d4b9c6f5d-x2k9z", "web"),
            ("web-shop-6c5b8f7d9-bcdfg", "web-shop"),
            // A DaemonSet's, a Job's and a CronJob's.
            ("agent-x2k9z", "agent"),
            ("backup-28492340-x2k9z", "backup"),
            ("web-0", "web-0"),
            ("web", "web"),
            ("web-proxy", "web-proxy"),
            ("x2k9z", "x2k9z"),
        ] {
            assert_eq!(workload(pod), expected);
        }
    }

    #[test]
    fn a_repository_is_without_tag_and_digest() {
        for image in ["h:5000/a/web", "h:5000/a/web:1", "h:5000/a/web:1@sha256:00"] {
            assert_eq!(repository(image), "h:5000/a/web");
        }
    }
}
