//! Tests that only an agent which every process equals, and gaps which none can pass, let a check pass.

use proptest::{collection::vec, prelude::*, sample::select};
use scanner_core::inventory::{Attribute, Identity};

use super::*;

fn process() -> Process {
    Process {
        pid: 1,
        uid: 10101,
        gid: 10101,
        groups: Some(vec![10101]),
        mixed_ids: Some(false),
        raisable: Some(vec![]),
        no_new_privs: true,
        other_namespaces: Some(false),
        cwd: Some("/srv/app".into()),
        root: Some("/".into()),
        places_reached: Some(true),
        ..Process::default()
    }
}

fn inventory(processes: Vec<Process>) -> Inventory {
    let agent = AgentIdentity {
        uid: 10101,
        gid: 10101,
        groups: vec![],
        capabilities: vec![],
    };
    Inventory {
        identity: Collected::Complete {
            data: Identity {
                agent: Some(agent),
                ..Identity::default()
            },
        },
        processes: Collected::Complete { data: processes },
        ..Inventory::default()
    }
}

fn closed() -> Gaps {
    Gap::new(GapKind::NotSearchable).at("/root").into()
}

fn everywhere() -> Vec<FileSelector> {
    vec![FileSelector::default()]
}

fn holds(inventory: &Inventory) -> bool {
    let reach = Reachability::new(inventory, &[]).with_files(None, &Coverage::Complete);
    reach.objection(&closed(), &everywhere()).is_none()
}

#[test]
fn it_holds_where_every_process_is_as_the_agent() {
    assert!(holds(&inventory(vec![process()])));
    assert!(holds(&inventory(vec![process(), process()])));
}

/// One change to a process that lets it reach more.
type Change = fn(&mut Process);

const MORE: [(&str, Change); 22] = [
    ("another user", |p| p.uid = 0),
    ("another group", |p| p.gid = 0),
    ("one group more", |p| p.groups = Some(vec![10101, 42])),
    ("unknown groups", |p| p.groups = None),
    ("a saved user", |p| p.mixed_ids = Some(true)),
    ("unknown ids", |p| p.mixed_ids = None),
    ("another namespace", |p| p.other_namespaces = Some(true)),
    ("an unknown namespace", |p| p.other_namespaces = None),
    ("a capability", |p| {
        p.capabilities = vec!["CAP_DAC_READ_SEARCH".into()];
    }),
    ("a harmless capability", |p| {
        p.capabilities = vec!["CAP_KILL".into()];
    }),
    ("a permitted capability", |p| {
        p.raisable = Some(vec!["CAP_DAC_OVERRIDE".into()]);
    }),
    ("unknown permitted capabilities", |p| p.raisable = None),
    ("file capabilities", |p| {
        p.no_new_privs = false;
        p.bounding = vec!["CAP_CHOWN".into()];
    }),
    ("no group where the agent has one", |p| p.gid = 1),
    ("root in all", |p| (p.uid, p.gid) = (0, 0)),
    ("a low user", |p| p.uid = 1),
    ("a place that is shut", |p| p.cwd = Some("/root".into())),
    ("a place below it", |p| p.cwd = Some("/root/app/x".into())),
    ("a root below it", |p| p.root = Some("/root/jail".into())),
    ("a place that the agent does not get to", |p| {
        p.places_reached = Some(false);
    }),
    ("a place that was not seen", |p| p.places_reached = None),
    ("neither place seen", |p| {
        (p.cwd, p.root, p.places_reached) = (None, None, None);
    }),
];

#[test]
fn it_does_not_hold_where_one_process_may_reach_more() {
    for (name, change) in MORE {
        let mut other = process();
        other.pid = 7;
        change(&mut other);
        for processes in [
            vec![other.clone()],
            vec![process(), other.clone()],
            vec![other.clone(), process()],
        ] {
            assert!(!holds(&inventory(processes)), "{name}");
        }
    }
}

#[test]
fn it_does_not_hold_where_somebody_was_not_seen() {
    let whole = inventory(vec![process()]);
    let gap = || Gap::new(GapKind::Hidden).of_item("process 9").into();
    let mut hidden = whole.clone();
    hidden.processes = Collected::Partial {
        data: vec![process()],
        gaps: gap(),
    };
    let mut unsure = whole.clone();
    unsure.identity = Collected::Partial {
        data: Identity::default(),
        gaps: gap(),
    };
    let mut silent = whole.clone();
    silent.identity = Collected::Complete {
        data: Identity::default(),
    };
    let mut unasked = whole.clone();
    unasked.processes = Collected::NotRequested;
    for inventory in [hidden, unsure, silent, unasked, inventory(vec![])] {
        assert!(!holds(&inventory), "{inventory:?}");
    }
    let image = Reachability::new(&whole, &[Section::Processes]);
    let image = image.with_files(None, &Coverage::Complete);
    assert!(image.objection(&closed(), &everywhere()).is_some());
    assert!(
        Reachability::default()
            .objection(&closed(), &everywhere())
            .is_some()
    );
}

#[test]
fn an_agent_that_may_do_more_than_others_proves_nothing() {
    let mut strong = inventory(vec![process()]);
    let Collected::Complete { data } = &mut strong.identity else {
        unreachable!("complete");
    };
    let agent = data.agent.as_mut().expect("it says so");
    agent.capabilities = vec!["CAP_FOWNER".into()];
    assert!(!holds(&strong));
}

#[test]
fn only_directories_that_nobody_can_search_are_out_of_reach() {
    let reach = Reachability::new(&inventory(vec![process()]), &[]);
    let reach = reach.with_files(None, &Coverage::Complete);
    let allows = |gap: Gap, files: &[FileSelector]| reach.objection(&gap.into(), files).is_none();
    for kind in [
        GapKind::NotListable,
        GapKind::NotReadable,
        GapKind::OverLimit,
        GapKind::OtherMount,
        GapKind::Vanished,
        GapKind::Malformed,
        GapKind::Unsupported,
        GapKind::Hidden,
        GapKind::Unknown,
    ] {
        assert!(!allows(Gap::new(kind).at("/a"), &everywhere()), "{kind}");
    }
    let closed = Gap::new(GapKind::NotSearchable);
    assert!(allows(closed.clone().at("/a"), &everywhere()));
    assert!(!allows(closed.clone(), &everywhere()), "it may be anywhere");
    let attribute = closed.clone().at("/a").of_attribute(Attribute::Digest);
    assert!(!allows(attribute, &everywhere()));
    // The owner of a directory on the way to a named file is not known.
    let named = FileSelector {
        paths: vec!["/a/x".into()],
        ..FileSelector::default()
    };
    assert!(!allows(
        closed.clone().at("/a"),
        &[FileSelector::default(), named.clone()]
    ));
    assert!(allows(closed.at("/b"), &[FileSelector::default(), named]));
    let mixed = Gaps::from_iter([
        Gap::new(GapKind::NotSearchable).at("/a"),
        Gap::new(GapKind::NotListable).at("/b"),
    ]);
    assert!(reach.objection(&mixed, &everywhere()).is_some());
    assert!(reach.objection(&Gaps::default(), &everywhere()).is_some());
}

#[test]
fn a_process_inside_of_a_shut_place_opens_that_one_alone() {
    let mut inside = process();
    inside.cwd = Some("/root/app".into());
    let reach = Reachability::new(&inventory(vec![process(), inside.clone()]), &[]);
    let reach = reach.with_files(None, &Coverage::Complete);
    let gaps = |paths: &[&str]| -> Gaps {
        let closed = |path: &&str| Gap::new(GapKind::NotSearchable).at(*path);
        paths.iter().map(closed).collect()
    };
    for (paths, allowed) in [
        (&["/root"][..], false),
        (&["/root/app"], false),
        (&["/root/app/x"], true),
        (&["/root/ap"], true),
        (&["/srv"], false),
        (&["/etc/ssl/private"], true),
        (&["/etc/ssl/private", "/root"], false),
        (&["/"], false),
    ] {
        let objection = reach.objection(&gaps(paths), &everywhere());
        assert_eq!(objection.is_none(), allowed, "{paths:?}: {objection:?}");
    }
    let why = reach.objection(&gaps(&["/root"]), &everywhere());
    assert!(why.is_some_and(|why| why.contains("in /root/app")));
    // A setuid program may be in that place, whatever else the check asks for.
    inside.no_new_privs = false;
    let free = Reachability::new(&inventory(vec![inside]), &[]);
    let partial = Coverage::Partial {
        gaps: gaps(&["/root"]),
    };
    let free = free.with_files(None, &partial);
    assert!(
        free.objection(&gaps(&["/etc/ssl/private"]), &everywhere())
            .is_some()
    );
}

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

proptest! {
    /// Whatever processes there are: one that differs in anything from the agent is enough.
    #[test]
    fn it_holds_only_where_none_differs(changes in vec(select((0..=MORE.len()).collect::<Vec<_>>()), 1..6)) {
        let processes = changes.iter().map(|number| {
            let mut process = process();
            if let Some((_, change)) = MORE.get(*number) {
                change(&mut process);
            }
            process
        });
        let all_same = changes.iter().all(|number| *number == MORE.len());
        prop_assert_eq!(holds(&inventory(processes.collect())), all_same);
    }
}
