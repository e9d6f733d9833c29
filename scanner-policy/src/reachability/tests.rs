//! Tests that a check passes only if every process has the rights of the agent, and none can get past the gaps.

mod rights;

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

#[test]
fn it_does_not_hold_where_processes_of_other_containers_get_in() {
    type Share = fn(&mut PodFacts);
    let cases: [(Share, &str); 3] = [
        (|_| {}, ""),
        (|pod| pod.share_process_namespace = true, "share"),
        (|pod| pod.host_pid = true, "the node's process namespace"),
    ];
    for (share, why) in cases {
        let mut pod = PodFacts::default();
        share(&mut pod);
        let mut whole = inventory(vec![process()]);
        for partial in [false, true] {
            let data = pod.clone();
            whole.pod = if partial {
                let gaps = Gap::new(GapKind::Unknown).into();
                Collected::Partial { data, gaps }
            } else {
                Collected::Complete { data }
            };
            let reach = Reachability::new(&whole, &[]).with_files(None, &Coverage::Complete);
            let objection = reach.objection(&closed(), &everywhere());
            assert_eq!(objection.is_some(), !why.is_empty(), "{why}");
            let said = objection.unwrap_or_default();
            assert!(said.contains(why), "{said}");
        }
    }
    let mut unseen = inventory(vec![process()]);
    unseen.pod = Collected::Unavailable {
        reason: "the pod is gone".into(),
    };
    assert!(!holds(&unseen));
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

proptest! {
    /// Whatever processes there are: a single one that differs from the agent is enough.
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
