//! Pods and targets for several tests.

use scanner_core::{Target, target::TargetForm};

/// A running container; only its names matter.
pub(crate) fn target(namespace: &str, pod: &str, container: &str) -> Target {
    Target {
        namespace: namespace.parse().expect("a name"),
        pod: pod.parse().expect("a name"),
        pod_uid: String::new(),
        container: container.parse().expect("a name"),
        container_id: String::new(),
        image: String::new(),
        image_id: String::new(),
        node: String::new(),
        restarts: 0,
        form: TargetForm::Container,
    }
}
