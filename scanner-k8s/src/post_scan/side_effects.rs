//! What changed in a pod since it was resolved, and in the target while it was read.

use scanner_core::{
    inventory::{Changes, Collected},
    report::{AuditCheck, AuditOutcome},
};

use crate::run::scope::ScanScope;

/// What changed in the pod since it was resolved, and in the target while it was read.
pub(crate) fn side_effects(scope: &ScanScope) -> Vec<AuditCheck> {
    let Some(before) = scope.target().before() else {
        return Vec::new();
    };
    let (mut outcome, mut evidence) = match scope.target().after() {
        None => (
            AuditOutcome::Reported,
            vec!["the pod was not seen again after the scan; nothing is compared".to_owned()],
        ),
        Some(after) => {
            let own = if scope.ledger().probe_may_exist() {
                scope.name()
            } else {
                String::new()
            };
            let differences = before.differences(&after, &own);
            if differences.is_empty() {
                let same = format!(
                    "same uid, generation, phase, container ids and restarts of {} containers before and after",
                    before.containers.len()
                );
                (AuditOutcome::Verified, vec![same])
            } else {
                (AuditOutcome::Reported, differences)
            }
        }
    };
    let (reported, inside) = inside(scope.target().changes().as_ref());
    if reported {
        outcome = AuditOutcome::Reported;
    }
    evidence.extend(inside);
    vec![AuditCheck::new("side-effects", outcome, evidence)]
}

/// What is reported about the inside of the target, and whether something changed there.
fn inside(changes: Option<&Collected<Changes>>) -> (bool, Vec<String>) {
    let (data, gaps) = match changes {
        Some(Collected::Complete { data }) => (data, None),
        Some(Collected::Partial { data, gaps }) => (data, Some(gaps)),
        Some(Collected::Unavailable { reason }) => {
            return (
                true,
                vec![format!(
                    "files, processes and sockets were not compared: {reason}"
                )],
            );
        }
        Some(Collected::NotRequested) | None => {
            let none = "files, processes and sockets of the target were not compared: the scan did not read it";
            return (true, vec![none.into()]);
        }
    };
    let mut all: Vec<String> = data
        .differences
        .iter()
        .map(|d| format!("while it was read: {d}"))
        .collect();
    let gaps = gaps.into_iter().flatten();
    all.extend(gaps.map(|gap| format!("not compared: {gap}")));
    let reported = !all.is_empty();
    all.push(format!(
        "{} processes, {} listening sockets and {} files of the target compared at the start and the end of \
         its one exec, the agent's own left out",
        data.processes, data.sockets, data.files
    ));
    if !data.closed.is_empty() {
        let closed = data.closed.join(", ");
        all.push(format!(
            "directories that the agent's user may not read: {closed}"
        ));
    }
    (reported, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::snapshot::PodSnapshot;
    use k8s_openapi::api::core::v1::Pod;
    use scanner_core::inventory::{Gap, GapKind};
    use serde_json::json;

    fn pod(generation: i64, restarts: i32, ephemeral: &[&str]) -> PodSnapshot {
        let added: Vec<_> = ephemeral
            .iter()
            .map(|n| json!({"name": n, "image": "i"}))
            .collect();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"uid": "u", "generation": generation},
            "spec": {"containers": [], "ephemeralContainers": added},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "web", "containerID": "c", "restartCount": restarts,
                "image": "i", "imageID": "i", "ready": true,
            }]},
        }))
        .unwrap();
        PodSnapshot::of(&pod)
    }

    #[test]
    fn what_was_not_compared_inside_is_reported_and_a_quiet_target_is_not() {
        let data = Changes {
            files: 7,
            closed: vec!["/root".into()],
            ..Changes::default()
        };
        let quiet = Collected::Complete { data: data.clone() };
        let (reported, text) = inside(Some(&quiet));
        assert!(!reported && text.join(";").contains("7 files"), "{text:?}");
        assert!(text.join(";").contains("/root"), "{text:?}");
        let reason = || "no stat".to_owned();
        let loud = Changes {
            differences: vec!["file /x is new".into()],
            ..data.clone()
        };
        for (changes, expected) in [
            (None, "were not compared"),
            (Some(Collected::NotRequested), "were not compared"),
            (Some(Collected::Unavailable { reason: reason() }), "no stat"),
            (
                Some(Collected::Complete { data: loud }),
                "while it was read: file /x is new",
            ),
            (
                Some(Collected::Partial {
                    data,
                    gaps: Gap::new(GapKind::Unknown).with_note(&reason()).into(),
                }),
                "not compared: no stat",
            ),
        ] {
            let (reported, text) = inside(changes.as_ref());
            assert!(reported && text.join(";").contains(expected), "{text:?}");
        }
    }

    #[test]
    fn every_difference_is_reported() {
        let before = pod(1, 0, &[]);
        assert!(before.differences(&pod(1, 0, &[]), "own").is_empty());
        assert_eq!(before.differences(&pod(1, 1, &[]), "own").len(), 1);
        let ours = before.differences(&pod(2, 0, &["own"]), "own").join(";");
        assert!(
            ours.contains("as planned") && ours.contains("generation"),
            "{ours}"
        );
        let theirs = before.differences(&pod(1, 0, &["x"]), "own").join(";");
        assert!(theirs.contains("somebody added"), "{theirs}");
        let gone = before.differences(&PodSnapshot::default(), "own").join(";");
        assert!(gone.contains("replaced"), "{gone}");
    }
}
