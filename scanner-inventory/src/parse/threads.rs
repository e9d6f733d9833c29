//! Adds to a process the ids, capabilities and namespaces of its other threads. The kernel checks those of each thread, and
//! `/proc/PID/status` shows only the first thread's.

use std::collections::BTreeSet;

use super::{
    line::number,
    status::{effective, groups, is_mixed, join},
};
use crate::model::Process;

/// The lines about the threads of one process.
#[derive(Debug, Default)]
pub(super) struct Threads<'a> {
    /// How many there are; `None` where that is not said.
    number: Option<i64>,
    /// Fields of the status of any of them.
    fields: Vec<(&'a str, &'a str)>,
    /// Whether all are where their process is; `None` where not all were looked at.
    together: Option<bool>,
}

impl<'a> Threads<'a> {
    /// Takes how many there are.
    pub(super) fn count(&mut self, value: &str) -> Option<()> {
        self.number = Some(number(value)?);
        Some(())
    }

    /// Takes a line; `None` if it is unknown.
    pub(super) fn take(&mut self, key: &'a str, value: &'a str) -> Option<()> {
        match (key, value) {
            ("where", "same") => self.together = Some(true),
            ("where", "other") => self.together = Some(false),
            ("where", _) => return None,
            _ => self.fields.push((key, value)),
        }
        Some(())
    }

    /// Adds them to their process, and returns how many lines could not be read. What is unknown about one of them is
    /// unknown about the process.
    pub(super) fn join(self, process: &mut Process) -> u64 {
        let mut unreadable = 0;
        for (key, value) in &self.fields {
            unreadable += u64::from(add(process, key, value).is_none());
        }
        let is_alone = matches!(self.number, Some(0 | 1));
        if !is_alone && self.together.is_none() {
            (process.mixed_ids, process.raisable) = (None, None);
        }
        // A thread that began after its process was read was seen all the same.
        if self.together == Some(false) || (!is_alone && self.together != Some(true)) {
            process.places_reached = None;
        }
        unreadable
    }
}

/// Adds a field of one thread.
fn add(process: &mut Process, key: &str, value: &str) -> Option<()> {
    match key {
        "Uid" | "Gid" => {
            let known = if key == "Uid" {
                process.uid
            } else {
                process.gid
            };
            if is_mixed(value)? || effective(value)? != known {
                process.mixed_ids = Some(true);
            }
        }
        "Groups" => {
            let set = |groups: &[i64]| groups.iter().copied().collect::<BTreeSet<i64>>();
            let own = set(&groups(value)?);
            if process.groups.as_deref().map(set) != Some(own) {
                process.mixed_ids = Some(true);
            }
        }
        "CapInh" | "CapPrm" => join(process.raisable.get_or_insert_default(), value)?,
        "CapEff" => join(&mut process.capabilities, value)?,
        "CapBnd" => join(&mut process.bounding, value)?,
        "NoNewPrivs" => process.no_new_privs &= value == "1",
        "Seccomp" => {
            if number(value)? == 0 {
                process.seccomp = 0;
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::THREAD_KEYS;

    fn process() -> Process {
        Process {
            uid: 5,
            gid: 6,
            groups: Some(vec![6, 7]),
            mixed_ids: Some(false),
            raisable: Some(vec![]),
            no_new_privs: true,
            seccomp: 2,
            places_reached: Some(true),
            ..Process::default()
        }
    }

    fn joined(number: Option<&str>, lines: &[(&str, &str)]) -> (Process, u64) {
        let (mut threads, mut process) = (Threads::default(), process());
        if let Some(number) = number {
            threads.count(number).unwrap();
        }
        for (key, value) in lines {
            threads.take(key, value).unwrap();
        }
        let unreadable = threads.join(&mut process);
        (process, unreadable)
    }

    #[test]
    fn whatever_agents_send_of_a_thread_is_read() {
        for key in THREAD_KEYS {
            let value = match key {
                "Uid" | "Gid" => "5\t5\t5\t5",
                "NoNewPrivs" | "Seccomp" | "Groups" => "1",
                _ => "0000000000000001",
            };
            assert_eq!(add(&mut process(), key, value), Some(()), "{key}");
        }
        // No agent has a list of its own.
        assert!(!include_str!("../collector/sections.sh").contains("CapInh"));
    }

    #[test]
    fn threads_like_the_first_one_change_nothing() {
        let alike = [
            ("Uid", "5\t5\t5\t5"),
            ("Gid", "6\t6\t6\t6"),
            ("Groups", "7 6"),
            ("CapEff", "0"),
            ("CapPrm", "0"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("where", "same"),
        ];
        assert_eq!(joined(Some("3"), &alike), (process(), 0));
        assert_eq!(joined(Some("1"), &[]), (process(), 0));
    }

    #[test]
    fn one_thread_that_may_more_is_the_whole_process() {
        type Look = fn(&Process) -> bool;
        let cases: [(&str, &str, Look); 13] = [
            ("Uid", "0\t0\t0\t0", |p| p.mixed_ids == Some(true)),
            ("Uid", "5\t5\t0\t5", |p| p.mixed_ids == Some(true)),
            ("Gid", "0\t0\t0\t0", |p| p.mixed_ids == Some(true)),
            ("Gid", "6\t6\t6\t0", |p| p.mixed_ids == Some(true)),
            ("Groups", "6 7 8", |p| p.mixed_ids == Some(true)),
            ("Groups", "6", |p| p.mixed_ids == Some(true)),
            ("Groups", "", |p| p.mixed_ids == Some(true)),
            ("CapEff", "1", |p| p.capabilities == ["CAP_CHOWN"]),
            ("CapBnd", "1", |p| p.bounding == ["CAP_CHOWN"]),
            ("CapPrm", "2", |p| {
                p.raisable
                    .as_ref()
                    .is_some_and(|r| r == &["CAP_DAC_OVERRIDE"])
            }),
            ("CapInh", "2", |p| {
                p.raisable
                    .as_ref()
                    .is_some_and(|r| r == &["CAP_DAC_OVERRIDE"])
            }),
            ("NoNewPrivs", "0", |p| !p.no_new_privs),
            ("Seccomp", "0", |p| p.seccomp == 0),
        ];
        for (key, value, look) in cases {
            let (found, unreadable) = joined(Some("2"), &[(key, value), ("where", "same")]);
            assert!(look(&found), "{key} {value}: {found:?}");
            assert_eq!(unreadable, 0, "{key} {value}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_thread_is_not_known_of_the_process() {
        for number in [None, Some("2")] {
            let (found, _) = joined(number, &[("Uid", "5\t5\t5\t5")]);
            assert_eq!((found.mixed_ids, &found.raisable), (None, &None));
            assert_eq!(found.places_reached, None);
        }
        let (found, _) = joined(Some("2"), &[("where", "other")]);
        assert_eq!((found.places_reached, found.mixed_ids), (None, Some(false)));
        for (key, value) in [
            ("Uid", "x"),
            ("Groups", "x"),
            ("CapEff", "x"),
            ("Name", "x"),
        ] {
            assert_eq!(joined(Some("2"), &[(key, value)]).1, 1, "{key}");
        }
        assert_eq!(Threads::default().take("where", "x"), None);
        assert_eq!(Threads::default().count("x"), None);
    }
}
