//! A plan that tests of several formats render.

use scanner_core::{ScanPlan, Target, target::TargetForm};

pub(crate) fn plan() -> ScanPlan {
    ScanPlan {
        scan_id: "abcd1234".parse().unwrap(),
        target: Target {
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
        },
        strategy: "fake".into(),
        reason: None,
        profile: "p 1".into(),
        policy: None,
        gates: vec![],
        lease_seconds: 60,
        objects: vec![],
        rules: vec![],
        commands: vec![],
        differences: vec![],
        controls: vec![],
        otherwise: None,
    }
}
