//! Capabilities of a target's root process, and the weakest set at level baseline that covers them.

use std::collections::BTreeSet;

use crate::pod::security_context::TargetContext;

/// Capabilities that containerd gives when none are named. CRI-O gives some of them. But for `NET_RAW`,
/// level baseline lets each of them be added.
const DEFAULTS: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Other capabilities that every node has. A node that runs in a container itself may have only these and [`DEFAULTS`]; its
/// runtime then gives a container less than the specification adds.
const OF_EVERY_NODE: [&str; 4] = ["DAC_READ_SEARCH", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"];
/// The default capability that level baseline does not allow to be added.
const NOT_ADDED: &str = "NET_RAW";
/// Every capability; also what a name stands for.
const ALL: &str = "ALL";

/// The capabilities that a probe is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) drop_all: bool,
    pub(super) drop: Vec<String>,
    pub(super) add: Vec<&'static str>,
}

/// Capabilities of a root process as containerd and CRI-O read the lists: names in either case, `ALL` first, then what is
/// added, and last what is dropped. Only some runtimes accept a name with the prefix `CAP_`, so such a name counts if it is
/// added and does not count if it is dropped.
pub(super) fn held(target: &TargetContext) -> BTreeSet<String> {
    if target.privileged {
        return BTreeSet::from([ALL.to_owned()]);
    }
    let (added, dropped) = (upper(&target.added), upper(&target.dropped));
    let mut held: BTreeSet<String> = match (added.contains(ALL), dropped.contains(ALL)) {
        (_, true) => BTreeSet::new(),
        (true, false) => BTreeSet::from([ALL.to_owned()]),
        (false, false) => DEFAULTS.iter().map(ToString::to_string).collect(),
    };
    held.extend(added.iter().filter(|c| *c != ALL).map(|c| plain(c)));
    held.retain(|c| c == ALL || !dropped.contains(c));
    held
}

/// The same capabilities as `target` has, where level baseline lets a probe have them: its own lists, so that
/// they come to the same with any defaults of the runtime.
pub(super) fn own(target: &TargetContext) -> Option<Own> {
    let held = held(target);
    if !held.iter().all(|c| DEFAULTS.contains(&c.as_str())) {
        return None;
    }
    let dropped = upper(&target.dropped);
    let drop_all = dropped.contains(ALL);
    if drop_all && held.contains(NOT_ADDED) {
        let drop = DEFAULTS.iter().filter(|c| !held.contains(**c));
        return Some(Own {
            drop_all: false,
            drop: drop.map(ToString::to_string).collect(),
            add: vec![],
        });
    }
    let added: BTreeSet<String> = upper(&target.added).iter().map(|c| plain(c)).collect();
    let add = DEFAULTS
        .into_iter()
        .filter(|c| *c != NOT_ADDED && added.contains(*c) && held.contains(*c));
    Some(Own {
        drop_all,
        add: add.collect(),
        drop: if drop_all {
            vec![]
        } else {
            dropped.into_iter().filter(|c| is_name(c)).collect()
        },
    })
}

/// Capabilities that the specification adds and that every node gives then, whoever the container's user is: they stay in
/// the bounding set.
pub(super) fn surely_given(target: &TargetContext) -> BTreeSet<String> {
    let added = upper(&target.added);
    let held = held(target);
    let known = DEFAULTS.iter().chain(&OF_EVERY_NODE);
    let known = known.filter(|c| added.contains(**c) && held.contains(**c));
    known.map(ToString::to_string).collect()
}

fn upper(names: &BTreeSet<String>) -> BTreeSet<String> {
    names.iter().map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether it can be the name of a capability: other text is not copied into a probe.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// The name of a capability that is added, as a runtime reads it.
pub(crate) fn added(name: &str) -> String {
    plain(&name.to_ascii_uppercase())
}

fn plain(name: &str) -> String {
    name.strip_prefix("CAP_").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(added: &[&str], dropped: &[&str]) -> TargetContext {
        TargetContext {
            added: added.iter().map(ToString::to_string).collect(),
            dropped: dropped.iter().map(ToString::to_string).collect(),
            ..TargetContext::default()
        }
    }

    #[test]
    fn the_lists_are_read_as_a_runtime_reads_them() {
        for (added, dropped, expected) in [
            (&["CHOWN"][..], &["ALL"][..], "CHOWN"),
            (&["chown", "KILL"], &["all"], "CHOWN KILL"),
            (&["CHOWN"], &["ALL", "CHOWN"], ""),
            (&["ALL"], &["ALL"], ""),
            (&["ALL"], &["CHOWN"], "ALL"),
            (&["all"], &[], "ALL"),
            (&["CAP_CHOWN"], &["ALL"], "CHOWN"),
            (&["CHOWN"], &["ALL", "CAP_CHOWN"], "CHOWN"),
        ] {
            let held = held(&of(added, dropped));
            let held: Vec<&str> = held.iter().map(String::as_str).collect();
            assert_eq!(held.join(" "), expected, "add {added:?} drop {dropped:?}");
        }
        assert_eq!(held(&of(&[], &[])).len(), DEFAULTS.len());
        assert_eq!(held(&of(&[], &["net_raw"])).len(), DEFAULTS.len() - 1);
        assert_eq!(held(&of(&[], &["CAP_NET_RAW"])).len(), DEFAULTS.len());
    }

    #[test]
    fn a_probe_has_what_the_target_has_and_no_more() {
        let lists = [
            (&["CHOWN"][..], &["ALL"][..]),
            (&["CHOWN", "KILL"], &["All", "KILL"]),
            (&["NET_RAW"], &["ALL"]),
            (&["NET_RAW", "CHOWN"], &["ALL"]),
            (&[], &["NET_RAW"]),
            (&["CHOWN", "NET_RAW"], &["MKNOD", "CAP_KILL", "SYS_TIME"]),
            (&["MKNOD"], &["MKNOD", "x]y: z"]),
            (&[], &[]),
        ];
        for (added, dropped) in lists {
            let target = of(added, dropped);
            let own = own(&target).unwrap();
            assert!(!own.add.contains(&NOT_ADDED), "{own:?}");
            assert!(own.drop.iter().all(|c| is_name(c)), "{own:?}");
            let all = own.drop_all.then(|| ALL.to_owned());
            let probe = TargetContext {
                added: own.add.iter().map(ToString::to_string).collect(),
                dropped: own.drop.iter().cloned().chain(all).collect(),
                ..TargetContext::default()
            };
            assert_eq!(
                held(&probe),
                held(&target),
                "add {added:?} drop {dropped:?}"
            );
        }
        assert_eq!(own(&of(&["SYS_TIME"], &[])), None);
        assert_eq!(own(&of(&["ALL"], &["CHOWN"])), None);
    }
}
