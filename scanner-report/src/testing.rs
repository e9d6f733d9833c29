//! A plan for the tests of several formats.

use scanner_core::{ScanPlan, Target, target::TargetForm};

pub(crate) fn plan() -> ScanPlan {
    let target = Target {
        namespace: "shop".parse().unwrap(),
        pod: "web-0".parse().unwrap(),
        pod_uid: "uid".into(),
        container: "web".parse().unwrap(),
        container_id: "containerd://1".into(),
        image: "web:1".into(),
        image_id: "web@sha256:aa".into(),
        node: "node".into(),
        restarts: 0,
        form: TargetForm::Container,
    };
    ScanPlan::new("abcd1234".parse().unwrap(), target, "fake", "p 1")
}
