//! Compares what the kernel reports about the probe's container with the plan, in case a webhook or a runtime gave it more.

use scanner_core::{ControlError, Remedy, control::VerifyError, escape::visible};

use crate::pod::access_planner::ProbeContext;

/// Numbers of the capabilities that a probe may be given, capabilities(7).
const NUMBERS: [(&str, u32); 16] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("DAC_READ_SEARCH", 2),
    ("FOWNER", 3),
    ("FSETID", 4),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("SETPCAP", 8),
    ("NET_BIND_SERVICE", 10),
    ("NET_RAW", 13),
    ("SYS_CHROOT", 18),
    ("SYS_PTRACE", 19),
    ("MKNOD", 27),
    ("AUDIT_WRITE", 29),
    ("SETFCAP", 31),
];
/// Mode of a process under a filter, proc(5).
const FILTER: &str = "2";

/// Evaluates the canary's answer to `who`, and words it for a reader.
///
/// # Errors
///
/// Fails when the container has more privileges than planned; a missing seccomp filter is reported and tolerated.
pub(super) fn evaluate(answer: &str, context: &ProbeContext) -> Result<String, VerifyError> {
    let field = |name: &str| {
        let mut words = answer.split_whitespace();
        words
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let caps = u64::from_str_radix(field("caps"), 16).ok();
    // A runtime's own set differs from node to node; a user who is not root has none of it.
    let as_planned = match planned(context) {
        Some(planned) => caps == Some(planned),
        None => caps.is_some_and(|caps| caps & dropped(context) == 0),
    };
    let same = field("uid") == context.uid.to_string()
        && field("gid") == context.gid.to_string()
        && field("no_new_privs") == "1"
        && as_planned;
    if !same {
        return Err(ControlError::new(format!(
            "the probe does not run as planned: {}",
            visible(answer, 300)
        ))
        .with_remedy(Remedy::advice(
            "an admission webhook or the node's runtime changed the security context; exempt what \
                 secure-scan makes",
        ))
        .into());
    }
    let lsm = match field("lsm") {
        "" | "-" => "no AppArmor or SELinux on this node".to_owned(),
        profile => format!("confined as {}", visible(profile, 120)),
    };
    if field("seccomp") != FILTER {
        return Err(VerifyError::Tolerated(
            ControlError::new(format!("the probe runs without a seccomp filter; {lsm}"))
                .with_remedy(Remedy::advice(
                    "see that the node's kernel and runtime have seccomp",
                )),
        ));
    }
    Ok(format!(
        "from inside: user {}:{}, capabilities {}, no new privileges, seccomp filter; {lsm}",
        context.uid,
        context.gid,
        field("caps").trim_start_matches('0').to_owned()
            + if caps == Some(0) { "none" } else { "" }
    ))
}

/// The effective set, where it is the same on every node.
fn planned(context: &ProbeContext) -> Option<u64> {
    if context.uid != 0 {
        return Some(0);
    }
    let added: Option<Vec<u64>> = context.add.iter().map(|name| bit(name)).collect();
    context
        .drop_all
        .then_some(added?.into_iter().fold(0, |all, one| all | one))
}

/// The capabilities that were dropped by name.
fn dropped(context: &ProbeContext) -> u64 {
    let known = context.drop.iter().filter_map(|name| bit(name));
    known.fold(0, |all, one| all | one)
}

fn bit(name: &str) -> Option<u64> {
    let found = NUMBERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| 1_u64 << number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(uid: i64, drop_all: bool, add: Vec<&'static str>) -> ProbeContext {
        ProbeContext {
            uid,
            gid: 7,
            drop_all,
            drop: vec![],
            add,
            app_armor: false,
            why: "",
        }
    }

    fn answer(uid: i64, caps: &str, seccomp: u8) -> String {
        format!("uid={uid} gid=7 caps={caps} no_new_privs=1 seccomp={seccomp} lsm=-")
    }

    #[test]
    fn what_is_as_planned_is_evidence() {
        let none = "0000000000000000";
        let evidence = evaluate(&answer(5, none, 2), &context(5, true, vec![])).unwrap();
        assert!(
            evidence.contains("capabilities none") && evidence.contains("no AppArmor"),
            "{evidence}"
        );
        let root = context(0, true, vec!["SYS_PTRACE", "DAC_READ_SEARCH"]);
        let evidence = evaluate(&answer(0, "0000000000080004", 2), &root).unwrap();
        assert!(evidence.contains("capabilities 80004,"), "{evidence}");
        let runtime = context(0, false, vec![]);
        assert!(evaluate(&answer(0, "00000000a80425fb", 2), &runtime).is_ok());
        let one = context(0, true, vec!["NET_BIND_SERVICE"]);
        assert!(evaluate(&answer(0, "0000000000000400", 2), &one).is_ok());
        let confined =
            answer(5, none, 2).replace("lsm=-", "lsm=cri-containerd.apparmor.d(enforce)");
        let evidence = evaluate(&confined, &context(5, true, vec![])).unwrap();
        assert!(evidence.contains("cri-containerd.apparmor.d"), "{evidence}");
    }

    #[test]
    fn what_is_more_is_refused() {
        let root = context(0, true, vec!["DAC_READ_SEARCH"]);
        for (answer, context) in [
            (answer(5, "0000000000000004", 2), context(5, true, vec![])),
            (answer(0, "0000000000000000", 2), context(5, true, vec![])),
            (answer(0, "00000000a80425fb", 2), root.clone()),
            (answer(0, "nonsense", 2), root.clone()),
            (
                answer(0, "00000000a80425fb", 2),
                context(0, true, vec!["NET_BIND_SERVICE"]),
            ),
            (
                answer(0, "00000000a80425fb", 2),
                ProbeContext {
                    drop: vec!["NET_RAW".into()],
                    ..context(0, false, vec![])
                },
            ),
            (
                answer(0, "0000000000000004", 2).replace("privs=1", "privs=0"),
                root.clone(),
            ),
            (String::new(), root),
        ] {
            let error = evaluate(&answer, &context).unwrap_err();
            assert!(matches!(error, VerifyError::NotHeld(_)), "{answer}");
        }
        let error = evaluate(&answer(5, "0000000000000000", 0), &context(5, true, vec![]));
        assert!(matches!(error, Err(VerifyError::Tolerated(_))));
    }
}
