//! Tests of the access planner, on its own.

use super::*;
use crate::pod::security_context::TargetContext;
use PodSecurity::{Baseline, Privileged, Restricted, Unknown};

fn target(uid: i64, added: &[&str], dropped: &[&str]) -> TargetContext {
    TargetContext {
        uid: Some(uid),
        gid: Some(uid),
        added: added.iter().map(ToString::to_string).collect(),
        dropped: dropped.iter().map(ToString::to_string).collect(),
        ..TargetContext::default()
    }
}

type Row = (&'static str, TargetContext, [&'static str; 3]);

const PTRACE: &str = "uid 0 drop ALL add DAC_READ_SEARCH,SYS_PTRACE";
const NONE: &str = "uid 0 drop ALL add ";
const RESTRICTED: &str = "refused: restricted";
const BASELINE: &str = "refused: baseline";

/// What the planner says at levels privileged, baseline and restricted.
fn rows() -> Vec<Row> {
    vec![
        (
            "non-root",
            target(1500, &[], &[]),
            ["uid 1500 drop ALL add "; 3],
        ),
        (
            "non-root with caps",
            target(1500, &["NET_ADMIN"], &[]),
            ["uid 1500 drop ALL add "; 3],
        ),
        (
            "root default",
            target(0, &[], &[]),
            [PTRACE, "uid 0 drop  add ", RESTRICTED],
        ),
        (
            "root drop ALL",
            target(0, &[], &["ALL"]),
            [NONE, NONE, RESTRICTED],
        ),
        (
            "root drop ALL add default",
            target(0, &["CHOWN"], &["ALL"]),
            [PTRACE, "uid 0 drop ALL add CHOWN", RESTRICTED],
        ),
        (
            "root added",
            target(0, &["CAP_NET_ADMIN"], &[]),
            [PTRACE, BASELINE, RESTRICTED],
        ),
        (
            "root privileged",
            TargetContext {
                privileged: true,
                ..target(0, &[], &["ALL"])
            },
            [PTRACE, BASELINE, RESTRICTED],
        ),
        (
            "non-root privileged",
            TargetContext {
                privileged: true,
                ..target(1500, &[], &[])
            },
            ["uid 1500 drop ALL add "; 3],
        ),
    ]
}

/// The same of targets with lists of capabilities.
fn rows_of_lists() -> Vec<Row> {
    vec![
        (
            "root drop all in small letters",
            target(0, &["chown"], &["all"]),
            [PTRACE, "uid 0 drop ALL add CHOWN", RESTRICTED],
        ),
        (
            "root drop one",
            target(0, &[], &["NET_RAW"]),
            [PTRACE, "uid 0 drop NET_RAW add ", RESTRICTED],
        ),
        (
            "root drop one add one",
            target(0, &["MKNOD"], &["NET_RAW", "KILL"]),
            [PTRACE, "uid 0 drop KILL,NET_RAW add MKNOD", RESTRICTED],
        ),
        (
            "root drop what is added",
            target(0, &["CHOWN"], &["ALL", "CHOWN"]),
            [NONE, NONE, RESTRICTED],
        ),
        (
            "root drop ALL add what cannot be added",
            target(0, &["NET_RAW"], &["ALL"]),
            [
                PTRACE,
                "uid 0 drop AUDIT_WRITE,CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,MKNOD,\
                 NET_BIND_SERVICE,SETFCAP,SETGID,SETPCAP,SETUID,SYS_CHROOT add ",
                RESTRICTED,
            ],
        ),
        (
            "root drop ALL add more than default",
            target(0, &["NET_ADMIN"], &["ALL"]),
            [PTRACE, BASELINE, RESTRICTED],
        ),
    ]
}

#[test]
fn the_whole_matrix() {
    for (name, target, expected) in rows().into_iter().chain(rows_of_lists()) {
        let same = expected.iter().all(|e| *e == expected[0]);
        assert!(
            same || depends_on_level(&target),
            "{name}: nobody asks for its level"
        );
        for (level, expected) in [Privileged, Baseline, Restricted].into_iter().zip(expected) {
            let seen = match plan(&target, level) {
                Ok(context) => format!(
                    "uid {} drop {} add {}",
                    context.uid,
                    context.dropped().join(","),
                    context.add.join(",")
                ),
                Err(Refusal::PodSecurity(level)) => format!("refused: {level}"),
                Err(other) => other.to_string(),
            };
            assert_eq!(seen, expected, "{name} at {level:?}");
        }
    }
}

#[test]
fn an_unknown_level_is_planned_as_baseline_and_named_unknown() {
    let root = target(0, &[], &["NET_RAW"]);
    let (unknown, baseline) = (
        plan(&root, Unknown).unwrap(),
        plan(&root, Baseline).unwrap(),
    );
    assert_ne!(unknown.why, baseline.why);
    assert!(unknown.why.contains("could not be read"));
    let why = baseline.why;
    assert_eq!(ProbeContext { why, ..unknown }, baseline);
    let refused = plan(&target(0, &["NET_ADMIN"], &[]), Unknown).unwrap_err();
    assert_eq!(refused, Refusal::UnknownLevel);
    assert!(
        !refused
            .to_string()
            .contains("enforces Pod Security level baseline")
    );
}

#[test]
fn what_is_the_nodes_or_unknown_is_refused_at_every_level() {
    for level in [Privileged, Baseline, Restricted, Unknown] {
        let host = TargetContext {
            host_pid: true,
            ..target(1, &[], &[])
        };
        assert_eq!(plan(&host, level), Err(Refusal::HostPid));
        let unknown = TargetContext {
            gid: None,
            ..target(1, &[], &[])
        };
        assert_eq!(plan(&unknown, level), Err(Refusal::UnknownUser));
    }
}

#[test]
fn every_refusal_names_a_strategy_that_a_target_without_a_shell_can_take() {
    for refusal in [
        Refusal::UnknownUser,
        Refusal::HostPid,
        Refusal::PodSecurity("baseline"),
        Refusal::UnknownLevel,
    ] {
        let remedy = refusal.remedy().to_string();
        assert!(remedy.contains("strategy sidecar, inert"), "{refusal}");
    }
}
