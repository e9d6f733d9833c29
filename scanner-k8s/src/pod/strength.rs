//! Whether something in a pod could rewrite a probe while it runs, and so how far the probe's evidence can be trusted.
//!
//! A process rewrites another through ptrace(2) or `/proc/PID/mem`, which need the same user and at least the other's
//! permitted capabilities, or `CAP_SYS_PTRACE`. The probe forbids both by `PR_SET_DUMPABLE`, except for the moment between
//! its execve and that call. In that moment, a probe is protected only if it cannot read its own program file: the kernel
//! then starts it undumpable. The file has mode 0111, so this holds for every probe without `CAP_DAC_OVERRIDE` and
//! `CAP_DAC_READ_SEARCH`. Both are tried on a real node.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use scanner_core::{Target, plan::EvidenceSource};

use super::{
    access_planner::ProbeContext, capabilities, containers, security_context,
    security_context::TargetContext,
};

/// Capabilities with which a container reaches every process that it sees, its kernel, or another root than its own.
const OVER_ALL: [&str; 8] = [
    "ALL",
    "BPF",
    "CHECKPOINT_RESTORE",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];
/// Capabilities with which a probe can read its own program file, although its mode allows nobody to read it.
const READS_ALL: [&str; 2] = ["DAC_OVERRIDE", "DAC_READ_SEARCH"];
/// The words about a container that can choose its root.
const CHOOSES: &str = "it could also show another root than its container's";

/// Evidence of a probe with that context in `pod`, which looks at `target`.
pub(crate) fn of_probe(pod: &Pod, target: &Target, probe: &ProbeContext) -> EvidenceSource {
    let spec = pod.spec.clone().unwrap_or_default();
    let own = target.container.as_str();
    for name in sees_probe(pod, &spec, own) {
        let context = if name == own {
            security_context::of(pod, target)
        } else {
            security_context::of_spec(&spec, name)
        };
        if let Some(why) = rewrites(&context, probe) {
            let name = if name == own {
                "the target".to_owned()
            } else {
                format!("container {name}, which shares the target's processes,")
            };
            return EvidenceSource::dependent(format!("{name} {why}"));
        }
    }
    EvidenceSource::independent(holds(probe))
}

/// Evidence of a probe with that context beside one container of that context.
pub(crate) fn beside(container: &TargetContext, probe: &ProbeContext) -> EvidenceSource {
    match rewrites(container, probe) {
        Some(why) => EvidenceSource::dependent(format!("what runs beside the probe {why}")),
        None => EvidenceSource::independent(holds(probe)),
    }
}

/// Containers that share the process namespace of a probe of container `own`: all where the pod shares one, else that
/// container and what was added to look at it. One that ended and is never started again does not count.
fn sees_probe<'a>(pod: &Pod, spec: &'a PodSpec, own: &str) -> Vec<&'a str> {
    let shared = spec.share_process_namespace == Some(true);
    let added = spec.ephemeral_containers.iter().flatten();
    let at_own = added.filter(|c| c.target_container_name.as_deref() == Some(own));
    let at_own: Vec<&str> = at_own.map(|c| c.name.as_str()).collect();
    let all = containers::names(spec).into_iter();
    all.filter(|name| *name == own || shared || at_own.contains(name))
        .filter(|name| !containers::has_ended(pod, name))
        .collect()
}

/// Why a container of that context could rewrite that probe, if it could.
fn rewrites(attacker: &TargetContext, probe: &ProbeContext) -> Option<String> {
    if attacker.privileged {
        return Some(format!(
            "is privileged and can rewrite every process that it sees, a running probe too; {CHOOSES}"
        ));
    }
    // Also of a user that is not root: a setuid program can give it all of these.
    let held = capabilities::held(attacker);
    if let Some(name) = OVER_ALL.iter().find(|name| held.contains(**name)) {
        let chooses = matches!(*name, "ALL" | "SYS_ADMIN");
        let chooses = if chooses {
            format!("; {CHOOSES}")
        } else {
            String::new()
        };
        return Some(format!(
            "may have capability {name}, with which it can rewrite a running probe{chooses}"
        ));
    }
    let own = of_probe_context(probe);
    let reads = READS_ALL.iter().any(|name| own.contains(*name));
    (reads && own.is_subset(&held)).then(|| {
        "is as powerful as the planned probe, and can rewrite it in the moment after its start"
            .to_owned()
    })
}

/// Why nothing in the pod can rewrite that probe.
fn holds(probe: &ProbeContext) -> &'static str {
    let own = of_probe_context(probe);
    if READS_ALL.iter().any(|name| own.contains(*name)) {
        "the planned probe has a capability that nothing in the pod has, so that nothing there may attach to it"
    } else {
        "nothing in the pod may attach to the planned probe, whose program file nobody can read"
    }
}

/// Capabilities of a probe that runs with that context.
fn of_probe_context(probe: &ProbeContext) -> BTreeSet<String> {
    if probe.uid != 0 {
        // Nothing makes them ambient, and escalation is off.
        return BTreeSet::new();
    }
    capabilities::held(&TargetContext {
        added: probe.add.iter().map(ToString::to_string).collect(),
        dropped: probe.dropped().into_iter().map(str::to_owned).collect(),
        ..TargetContext::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::pod::{
        access_planner::plan,
        security_context::PodSecurity::{self, Baseline, Privileged, Unknown},
    };

    fn target() -> Target {
        crate::pod::testing::target("n", "p", "web")
    }

    fn pod(own: &Value, more: &Value) -> Pod {
        let mut spec = json!({"containers": [{"name": "web", "securityContext": own}]});
        for (key, value) in more.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("beside", context) => {
                    let list = spec["containers"].as_array_mut().unwrap();
                    list.push(json!({"name": "beside", "securityContext": context}));
                }
                _ => spec[key] = value.clone(),
            }
        }
        serde_json::from_value(json!({"spec": spec})).unwrap()
    }

    fn evidence(own: &Value, more: &Value, level: PodSecurity) -> EvidenceSource {
        let pod = pod(own, more);
        let context = security_context::of(&pod, &target());
        let probe = plan(&context, level).unwrap();
        of_probe(&pod, &target(), &probe)
    }

    fn root(more: &Value) -> Value {
        let mut context = json!({"runAsUser": 0, "runAsGroup": 0});
        context["capabilities"] = more.clone();
        context
    }

    #[test]
    fn an_equal_root_probe_is_not_independent_and_a_stronger_or_unreadable_one_is() {
        let user = json!({"runAsUser": 7, "runAsGroup": 7});
        let none = json!({});
        for (context, level, independent) in [
            (user.clone(), Privileged, true),
            (user.clone(), Baseline, true),
            (root(&json!({})), Privileged, true),
            (root(&json!({})), Baseline, false),
            (root(&json!({})), Unknown, false),
            (root(&json!({"drop": ["ALL"]})), Baseline, true),
            (
                root(&json!({"drop": ["ALL"], "add": ["CHOWN"]})),
                Baseline,
                true,
            ),
            (
                root(&json!({"drop": ["ALL"], "add": ["dac_override"]})),
                Baseline,
                false,
            ),
            (root(&json!({"add": ["SYS_PTRACE"]})), Privileged, false),
            (root(&json!({"add": ["CAP_SYS_ADMIN"]})), Privileged, false),
            (
                root(&json!({"add": ["ALL"], "drop": ["KILL"]})),
                Privileged,
                false,
            ),
            (
                json!({"runAsUser": 0, "runAsGroup": 0, "privileged": true}),
                Privileged,
                false,
            ),
            (
                json!({"runAsUser": 7, "runAsGroup": 7, "privileged": true}),
                Privileged,
                false,
            ),
            // A setuid program would give them to it.
            (
                json!({"runAsUser": 7, "runAsGroup": 7, "capabilities": {"add": ["SYS_PTRACE"]}}),
                Privileged,
                false,
            ),
        ] {
            let found = evidence(&context, &none, level);
            assert_eq!(
                found.independent, independent,
                "{context} {level:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_neighbour_counts_where_the_pod_shares_its_processes() {
        let own = json!({"runAsUser": 7, "runAsGroup": 7});
        let beside = root(&json!({"add": ["SYS_PTRACE"]}));
        let apart = evidence(&own, &json!({"beside": beside}), PodSecurity::Privileged);
        assert!(apart.independent, "{apart:?}");
        let shared = json!({"beside": beside, "shareProcessNamespace": true});
        let shared = evidence(&own, &shared, PodSecurity::Privileged);
        assert!(
            !shared.independent && shared.why.contains("beside"),
            "{shared:?}"
        );
        let mild = json!({"beside": root(&json!({})), "shareProcessNamespace": true});
        assert!(evidence(&own, &mild, PodSecurity::Privileged).independent);
    }

    #[test]
    fn what_was_added_to_look_at_the_target_counts_until_it_ended() {
        let own = json!({"runAsUser": 7, "runAsGroup": 7});
        let debug = |at: &str| {
            json!({"ephemeralContainers": [{
                "name": "debug", "targetContainerName": at, "securityContext": {"privileged": true},
            }]})
        };
        let level = PodSecurity::Privileged;
        assert!(!evidence(&own, &debug("web"), level).independent);
        assert!(evidence(&own, &debug("other"), level).independent);
        let mut ended = pod(&own, &debug("web"));
        ended.status = serde_json::from_value(json!({"ephemeralContainerStatuses": [{
            "name": "debug", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0}},
        }]}))
        .unwrap();
        let context = security_context::of(&ended, &target());
        let probe = plan(&context, level).unwrap();
        assert!(of_probe(&ended, &target(), &probe).independent);
    }

    #[test]
    fn what_may_choose_its_root_is_said() {
        for context in [
            root(&json!({"add": ["SYS_ADMIN"]})),
            json!({
                "runAsUser": 0, "runAsGroup": 0, "privileged": true,
            }),
        ] {
            let found = evidence(&context, &json!({}), PodSecurity::Privileged);
            assert!(found.why.contains("another root"), "{found:?}");
        }
    }

    proptest! {
        /// Whoever has all capabilities of a readable probe could rewrite it, whatever else is set.
        #[test]
        fn nothing_that_covers_a_readable_probe_is_called_weaker(
            names in proptest::collection::btree_set("(CHOWN|DAC_OVERRIDE|KILL|SETUID|NET_ADMIN)", 0..5),
            drop_all in any::<bool>(),
        ) {
            let drop: &[&str] = if drop_all { &["ALL"] } else { &[] };
            let context = root(&json!({"add": names, "drop": drop}));
            let pod = pod(&context, &json!({}));
            let seen = security_context::of(&pod, &target());
            for level in [PodSecurity::Baseline, PodSecurity::Unknown, PodSecurity::Privileged] {
                let Ok(probe) = plan(&seen, level) else { continue };
                let own = of_probe_context(&probe);
                let covered = own.is_subset(&capabilities::held(&seen));
                let reads = READS_ALL.iter().any(|name| own.contains(*name));
                let found = of_probe(&pod, &target(), &probe);
                prop_assert_eq!(found.independent, !(covered && reads), "{:?} {:?}", probe, found);
            }
        }
    }
}
