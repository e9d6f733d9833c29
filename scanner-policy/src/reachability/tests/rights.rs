//! Which capabilities open files, and which programs make a process somebody else.

use super::*;

/// Every capability that Linux has, and whether a process that has it gets to no more files than one without.
const CAPABILITIES: [(&str, bool); 41] = [
    ("CAP_CHOWN", false),
    ("CAP_DAC_OVERRIDE", false),
    ("CAP_DAC_READ_SEARCH", false),
    ("CAP_FOWNER", false),
    ("CAP_FSETID", false),
    ("CAP_KILL", true),
    ("CAP_SETGID", false),
    ("CAP_SETUID", false),
    ("CAP_SETPCAP", false),
    ("CAP_LINUX_IMMUTABLE", false),
    ("CAP_NET_BIND_SERVICE", true),
    ("CAP_NET_BROADCAST", true),
    ("CAP_NET_ADMIN", false),
    ("CAP_NET_RAW", true),
    ("CAP_IPC_LOCK", true),
    ("CAP_IPC_OWNER", false),
    ("CAP_SYS_MODULE", false),
    ("CAP_SYS_RAWIO", false),
    ("CAP_SYS_CHROOT", false),
    ("CAP_SYS_PTRACE", false),
    ("CAP_SYS_PACCT", false),
    ("CAP_SYS_ADMIN", false),
    ("CAP_SYS_BOOT", false),
    ("CAP_SYS_NICE", true),
    ("CAP_SYS_RESOURCE", false),
    ("CAP_SYS_TIME", true),
    ("CAP_SYS_TTY_CONFIG", true),
    ("CAP_MKNOD", false),
    ("CAP_LEASE", true),
    ("CAP_AUDIT_WRITE", true),
    ("CAP_AUDIT_CONTROL", false),
    ("CAP_SETFCAP", false),
    ("CAP_MAC_OVERRIDE", false),
    ("CAP_MAC_ADMIN", false),
    ("CAP_SYSLOG", false),
    ("CAP_WAKE_ALARM", true),
    ("CAP_BLOCK_SUSPEND", true),
    ("CAP_AUDIT_READ", true),
    ("CAP_PERFMON", false),
    ("CAP_BPF", false),
    ("CAP_CHECKPOINT_RESTORE", false),
];

#[test]
fn only_capabilities_that_open_no_file_are_harmless() {
    assert!(
        HARMLESS
            .iter()
            .all(|name| CAPABILITIES.contains(&(name, true)))
    );
    let later = [("CAP_41", false), ("CAP_63", false), ("", false)];
    for (name, harmless) in CAPABILITIES.into_iter().chain(later) {
        let both = |place: fn(&mut Process, String)| {
            let mut process = process();
            place(&mut process, name.into());
            let mut inventory = inventory(vec![process]);
            let Collected::Complete { data } = &mut inventory.identity else {
                unreachable!("complete");
            };
            let agent = data.agent.as_mut().expect("it says so");
            agent.capabilities = vec![name.into()];
            holds(&inventory)
        };
        assert_eq!(
            both(|p, name| p.capabilities = vec![name]),
            harmless,
            "{name}"
        );
        assert_eq!(
            both(|p, name| p.raisable = Some(vec![name])),
            harmless,
            "{name}"
        );
        let gained = both(|p, name| (p.no_new_privs, p.bounding) = (false, vec![name]));
        assert_eq!(gained, harmless, "{name}");
    }
}

#[test]
fn without_no_new_privs_no_program_may_make_a_process_somebody_else() {
    let mut free = process();
    free.no_new_privs = false;
    let free = inventory(vec![process(), free]);
    let su = FileEntry {
        path: "/bin/su".into(),
        exists: true,
        mode: 0o4755,
        ..FileEntry::default()
    };
    let partial = |gap: Gap| Coverage::Partial { gaps: gap.into() };
    let closed_place = || partial(Gap::new(GapKind::NotSearchable).at("/root"));
    for (setuid, coverage, expected) in [
        (None, Coverage::Complete, true),
        (None, closed_place(), true),
        (
            None,
            partial(Gap::new(GapKind::NotListable).at("/opt")),
            false,
        ),
        (None, Coverage::NotRequested, false),
        (Some(&su), Coverage::Complete, false),
        (Some(&su), closed_place(), false),
    ] {
        let reach = Reachability::new(&free, &[]).with_files(setuid, &coverage);
        let allowed = reach.objection(&closed(), &everywhere()).is_none();
        assert_eq!(allowed, expected, "{setuid:?} {coverage:?}");
        let bound =
            Reachability::new(&inventory(vec![process()]), &[]).with_files(setuid, &coverage);
        assert!(bound.objection(&closed(), &everywhere()).is_none());
    }
    let unlooked = Reachability::new(&free, &[]);
    assert!(unlooked.objection(&closed(), &everywhere()).is_some());
}

#[test]
fn programs_with_either_bit_count_and_nothing_else() {
    let file = |mode, kind, exists| FileEntry {
        mode,
        kind,
        exists,
        ..FileEntry::default()
    };
    for (mode, kind, exists, expected) in [
        (0o4755, FileKind::File, true, true),
        (0o2755, FileKind::File, true, true),
        (0o6000, FileKind::File, true, true),
        (0o1777, FileKind::File, true, false),
        (0o2755, FileKind::Directory, true, false),
        (0o4755, FileKind::File, false, false),
    ] {
        let file = file(mode, kind, exists);
        assert_eq!(is_setuid(&file), expected, "{file:?}");
        assert_eq!(setuid_programs().matches(&file), expected, "{file:?}");
    }
}
