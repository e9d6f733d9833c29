//! Privileged status: how close the target is to its node.

use scanner_core::{escape::visible, gate::GateFacts, inventory::PodFacts};

use super::seen::{Seen, fine, list, objection, unless};

pub(super) fn namespace(shared: bool, name: &str) -> Seen {
    let article = match name.chars().next() {
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an",
        _ => "a",
    };
    unless(
        shared,
        format!("the pod shares the node's {name} namespace"),
        format!("has {article} {name} namespace of its own"),
    )
}

/// The entries of `has` that are not in `allowed`.
pub(super) fn beyond(has: &[String], allowed: &[String], what: &str) -> Seen {
    let other: Vec<&String> = has.iter().filter(|h| !allowed.contains(h)).collect();
    if other.is_empty() {
        let count = has.len();
        return fine(match count {
            0 => format!("no {what}"),
            _ => format!("{what}, all of them allowed: {}", list(has)),
        });
    }
    objection(format!("{what}: {}", list(&other)))
}

pub(super) fn root(facts: &GateFacts, pod: &PodFacts) -> Seen {
    match (facts.running_uid, facts.run_as_user) {
        (Some(0), _) => objection("the node runs it as uid 0"),
        (Some(uid), _) => fine(format!("the node runs it as uid {uid}")),
        (None, Some(0)) => objection("runAsUser is 0"),
        (None, Some(uid)) => fine(format!("runAsUser is {uid}")),
        (None, None) if pod.run_as_non_root => fine("runAsNonRoot is set"),
        (None, None) => objection("may run as root: neither runAsUser nor runAsNonRoot is set"),
    }
}

pub(super) fn proc_mount(kind: &str) -> Seen {
    match kind {
        "" | "Default" => fine("/proc is masked"),
        other => objection(format!("procMount is {}", visible(other, 40))),
    }
}

pub(super) fn seccomp(kind: &str) -> Seen {
    match kind {
        "RuntimeDefault" | "Localhost" => fine(format!("seccomp profile {kind}")),
        "" => objection(
            "no seccomp profile is set, which is Unconfined unless the kubelet has a default",
        ),
        other => objection(format!("seccomp profile {}", visible(other, 40))),
    }
}

pub(super) fn apparmor(kind: &str) -> Seen {
    match kind {
        "" => fine("AppArmor unset: the runtime's default where the node has AppArmor"),
        "RuntimeDefault" | "Localhost" => fine(format!("AppArmor profile {kind}")),
        other => objection(format!("AppArmor profile {}", visible(other, 40))),
    }
}
