//! What was not read never passes, unless no process of the container can reach it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use proptest::{collection::vec, prelude::*, sample::select};
use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckResult, CheckStatus, Findings},
    inventory::{
        AgentIdentity, Collected, ContainerFacts, FileEntry, FileKind, Gap, GapKind, Gaps,
        Identity, Inventory, Mount, PodFacts, Process, Section, VolumeFacts, VolumeMountFacts,
        sink::FilesEnd,
    },
};
use scanner_policy::Profile;

const PROFILE: &str = r#"
name: t
version: "1"
title: T
checks:
  - {id: everything, title: T, severity: low, rationale: R, fix: F, files: [{under: [/]}],
     violations: 'files.filter(f, f.path.endsWith("/id_rsa")).map(f, f.path)'}
  - {id: reachable, title: T, severity: low, rationale: R, fix: F, scope: reachable, files: [{under: [/]}],
     violations: 'files.filter(f, f.path.endsWith("/id_rsa")).map(f, f.path)'}
  - {id: listed, title: T, severity: low, rationale: R, fix: F, scope: reachable, files: [{under: [/]}],
     violations: 'duplicates(files.map(f, f.path))'}
  - {id: applies, title: T, severity: low, rationale: R, fix: F, files: [{under: [/]}],
     applies_when: 'files.exists(f, f.path == "/root/.x")', pass: 'files.size() < 0'}
  - {id: root, title: T, severity: low, rationale: R, fix: F, files: [{paths: [/root]}],
     violations: 'files.filter(f, mode_has(f.mode, "0007")).map(f, f.path)'}
"#;

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

fn directory(path: &str, mode: i64) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        kind: FileKind::Directory,
        mode,
        ..FileEntry::default()
    }
}

fn process() -> Process {
    Process {
        pid: 1,
        uid: 10101,
        gid: 10101,
        groups: Some(vec![]),
        mixed_ids: Some(false),
        raisable: Some(vec![]),
        no_new_privs: true,
        other_namespaces: Some(false),
        cwd: Some("/".into()),
        root: Some("/".into()),
        places_reached: Some(true),
        ..Process::default()
    }
}

/// A hardened container of which that is missing.
fn hardened(gaps: Gaps) -> Inventory {
    let agent = AgentIdentity {
        uid: 10101,
        gid: 10101,
        ..AgentIdentity::default()
    };
    let identity = Identity {
        agent: Some(agent),
        ..Identity::default()
    };
    Inventory {
        identity: Collected::Complete { data: identity },
        processes: Collected::Complete {
            data: vec![process()],
        },
        files: Collected::Partial {
            data: vec![directory("/root", 0o700), directory("/tmp", 0o777)],
            gaps,
        },
        ..Inventory::default()
    }
}

fn closed() -> Gaps {
    Gap::new(GapKind::NotSearchable).at("/root").into()
}

/// As a list and file by file, which must agree.
fn evaluated(profile: &Profile, inventory: &Inventory, context: &Evaluation) -> Findings {
    let listed = profile.evaluate(inventory, context);
    let mut evaluator = profile.by_entry(context).unwrap();
    let mut sections = inventory.clone();
    let files = std::mem::take(&mut sections.files);
    evaluator.sections(&sections);
    for file in files.data().into_iter().flatten() {
        evaluator.file(file);
    }
    let by_entry = evaluator.finish(&FilesEnd::new(files.coverage(), inventory.files_listed));
    assert_eq!(listed, by_entry);
    listed
}

fn of<'a>(findings: &'a Findings, id: &str) -> &'a CheckResult {
    findings.results.iter().find(|r| r.id == id).unwrap()
}

fn statuses(inventory: &Inventory, context: &Evaluation) -> [CheckStatus; 5] {
    let profile = Profile::parse(PROFILE, "t.yaml").unwrap();
    let findings = evaluated(&profile, inventory, context);
    ["everything", "reachable", "listed", "applies", "root"].map(|id| of(&findings, id).status)
}

use CheckStatus::{Error, Pass};

#[test]
fn a_place_that_no_process_can_reach_counts_for_who_asks_for_everything() {
    let profile = Profile::parse(PROFILE, "t.yaml").unwrap();
    let inventory = hardened(closed());
    assert_eq!(
        statuses(&inventory, &today()),
        [Error, Pass, Pass, Error, Pass]
    );
    let findings = evaluated(&profile, &inventory, &today());
    let reachable = of(&findings, "reachable");
    assert_eq!(reachable.limits, ["files: /root: not searchable"]);
    assert_eq!((reachable.not_read, of(&findings, "root").not_read), (1, 0));
}

#[test]
fn a_place_that_a_process_may_reach_is_an_error_for_all() {
    let all = [Error, Error, Error, Error, Pass];
    let unlisted = Gap::new(GapKind::NotListable).at("/root").into();
    assert_eq!(statuses(&hardened(unlisted), &today()), all);
    for change in [
        |p: &mut Process| p.uid = 0,
        |p: &mut Process| p.groups = Some(vec![0]),
        |p: &mut Process| p.other_namespaces = None,
        |p: &mut Process| p.cwd = Some("/root/app".into()),
        |p: &mut Process| p.places_reached = Some(false),
        |p: &mut Process| p.places_reached = None,
    ] {
        let mut inventory = hardened(closed());
        let mut second = process();
        change(&mut second);
        inventory.processes = Collected::Complete {
            data: vec![process(), second],
        };
        assert_eq!(statuses(&inventory, &today()), all);
    }
    let image = today().without(&[Section::Identity, Section::Processes]);
    assert_eq!(statuses(&hardened(closed()), &image), all);
}

#[test]
fn a_setuid_program_counts_where_a_process_could_use_it() {
    let mut inventory = hardened(closed());
    let mut free = process();
    free.no_new_privs = false;
    let with = |inventory: &mut Inventory, mode| {
        let mut su = directory("/bin/su", mode);
        su.kind = FileKind::File;
        let files = std::mem::take(&mut inventory.files);
        let Collected::Partial { mut data, gaps } = files else {
            unreachable!("partial");
        };
        data.push(su);
        inventory.files = Collected::Partial { data, gaps };
    };
    with(&mut inventory, 0o755);
    inventory.processes = Collected::Complete {
        data: vec![free.clone()],
    };
    assert_eq!(statuses(&inventory, &today())[1], Pass);
    with(&mut inventory, 0o4755);
    assert_eq!(statuses(&inventory, &today())[1], Error);
    inventory.processes = Collected::Complete {
        data: vec![process()],
    };
    assert_eq!(statuses(&inventory, &today())[1], Pass);
}

#[test]
fn a_shipped_check_of_a_secret_never_passes_beside_a_place_that_was_not_read() {
    let mut wrong = Vec::new();
    for name in ["secrets", "container-baseline"] {
        let profile = Profile::shipped(name).unwrap();
        let findings = evaluated(&profile, &hardened(closed()), &today());
        let passed = findings
            .results
            .iter()
            .filter(|r| r.status == Pass && r.not_read > 0);
        wrong.extend(passed.map(|r| r.id.clone()));
    }
    wrong.sort();
    let reach = [
        "authorized-keys",
        "device-files",
        "open-secrets",
        "private-directories",
        "setuid-files",
        "trusted-host-files",
        "world-writable-files",
    ];
    assert_eq!(wrong, reach, "those for which it matters who can get there");
    let image = today().without(&Section::OF_PROCESSES);
    for name in ["secrets", "container-baseline"] {
        let profile = Profile::shipped(name).unwrap();
        let findings = evaluated(&profile, &hardened(closed()), &image);
        let passed = findings
            .results
            .iter()
            .filter(|r| r.status == Pass && r.not_read > 0);
        assert_eq!(passed.count(), 0, "{name}: of an image");
    }
}

#[test]
fn the_old_word_of_a_scope_is_refused_with_the_new_one() {
    let text = PROFILE.replace("scope: reachable", "scope: full");
    let error = Profile::parse(&text, "t.yaml").unwrap_err().to_string();
    assert!(error.contains("is now named `everything`"), "{error}");
    let text = PROFILE.replace("scope: reachable", "scope: most");
    let error = Profile::parse(&text, "t.yaml").unwrap_err().to_string();
    assert!(
        error.contains("everything") && error.contains("most"),
        "{error}"
    );
}

/// A pod whose target mounts an emptyDir at /tmp, as others may.
fn with_volumes(others: &[&str], mounts: &[(&str, &str)]) -> Inventory {
    let container = |target, volume: &str| ContainerFacts {
        target,
        mounts: vec![VolumeMountFacts {
            path: "/tmp".into(),
            volume: volume.into(),
            kind: "emptyDir".into(),
            ..VolumeMountFacts::default()
        }],
        ..ContainerFacts::default()
    };
    let mut containers = vec![container(true, "tmp")];
    containers.extend(others.iter().map(|volume| container(false, volume)));
    let mounts = mounts.iter().map(|(target, options)| Mount {
        target: (*target).into(),
        options: vec![(*options).into()],
        ..Mount::default()
    });
    let pod = PodFacts {
        containers,
        ..PodFacts::default()
    };
    let mut inventory = hardened(Gaps::default());
    let data = vec![directory("/tmp", 0o777), directory("/etc/app", 0o777)];
    inventory.files = Collected::Complete { data };
    inventory.mounts = Collected::Complete {
        data: mounts.collect(),
    };
    inventory.pod = Collected::Complete { data: pod };
    inventory
}

#[test]
fn a_directory_that_is_open_to_others_counts_where_there_are_others_to_write_it() {
    let open = |inventory: &Inventory, context: &Evaluation| {
        let profile = Profile::shipped("container-baseline").unwrap();
        let findings = evaluated(&profile, inventory, context);
        of(&findings, "world-writable-directories").evidence.clone()
    };
    let (tmp, app) = ("/tmp 0777".to_owned(), "/etc/app 0777".to_owned());
    let hardened = [("/", "ro"), ("/tmp", "rw"), ("/etc/app", "ro")];
    let own = with_volumes(&["other"], &hardened);
    assert_eq!(open(&own, &today()), Vec::<String>::new());
    // Another container has the same volume; the configuration can be written; a mount lies over the volume.
    let shared = with_volumes(&["tmp"], &hardened);
    assert_eq!(open(&shared, &today()).join(" "), tmp);
    let writable = with_volumes(&[], &[("/", "ro"), ("/tmp", "rw"), ("/etc/app", "rw")]);
    assert_eq!(open(&writable, &today()).join(" "), app);
    let over = with_volumes(&[], &[("/", "rw"), ("/tmp", "ro"), ("/", "rw")]);
    assert_eq!(open(&over, &today()), [tmp.clone(), app.clone()]);
    let mut two_users = own.clone();
    let mut second = process();
    second.uid = 7;
    two_users.processes = Collected::Complete {
        data: vec![process(), second],
    };
    assert_eq!(open(&two_users, &today()).join(" "), tmp);
    let mut unknown_ids = own.clone();
    let mut unknown = process();
    unknown.mixed_ids = None;
    unknown_ids.processes = Collected::Complete {
        data: vec![unknown],
    };
    assert_eq!(open(&unknown_ids, &today()).join(" "), tmp);
    // Not all mounts are known; and an image has none.
    let mut unsure = own.clone();
    let Collected::Complete { data } = unsure.mounts else {
        unreachable!("complete");
    };
    let gaps = Gap::new(GapKind::Malformed).into();
    unsure.mounts = Collected::Partial { data, gaps };
    assert_eq!(open(&unsure, &today()), [tmp.clone(), app.clone()]);
    let mut image = own;
    image.mounts = Collected::NotRequested;
    let context = today().without(&Section::OF_PROCESSES);
    assert_eq!(open(&image, &context), [tmp, app]);
}

/// A mount of a volume in the specification.
fn volume(path: &str, name: &str, kind: &str, read_only: bool) -> VolumeMountFacts {
    VolumeMountFacts {
        path: path.into(),
        volume: name.into(),
        kind: kind.into(),
        read_only,
        ..VolumeMountFacts::default()
    }
}

#[test]
fn a_mount_is_read_only_where_no_container_of_the_pod_writes_its_volume() {
    let profile = Profile::shipped("container-baseline").unwrap();
    let is_open = |own: &[VolumeMountFacts], kind: &str, others: &[VolumeMountFacts]| {
        let mut inventory = with_volumes(&[], &[("/", "ro"), ("/tmp", "ro"), ("/etc/app", "ro")]);
        let Collected::Complete { data: pod } = &mut inventory.pod else {
            unreachable!("complete");
        };
        let container = |target: bool, kind: &str, mounts: &[VolumeMountFacts]| ContainerFacts {
            target,
            kind: kind.into(),
            mounts: mounts.to_vec(),
            ..ContainerFacts::default()
        };
        pod.containers = vec![
            container(true, "container", own),
            container(false, kind, others),
        ];
        pod.volumes = [("a", "/srv/data"), ("b", "/srv/data/x"), ("c", "/var")]
            .map(|(name, path)| VolumeFacts {
                name: name.into(),
                kind: "hostPath".into(),
                path: path.into(),
                ..VolumeFacts::default()
            })
            .to_vec();
        let findings = evaluated(&profile, &inventory, &today());
        let result = of(&findings, "world-writable-directories");
        result.evidence.iter().any(|line| line == "/etc/app 0777")
    };
    let here = |name: &str, kind: &str| volume("/etc/app", name, kind, true);
    let written = |name: &str, kind: &str| volume("/x", name, kind, false);
    let one = |name: &str, kind: &str| (vec![here(name, kind)], vec![written(name, kind)]);
    let two =
        |name: &str, other: &str, kind: &str| (vec![here(name, kind)], vec![written(other, kind)]);
    let twice = || vec![here("v", "csi"), written("v", "csi")];
    let bound = || {
        (
            vec![volume("/etc/app/", "v", "csi", true)],
            vec![written("v", "csi")],
        )
    };
    for ((own, others), kind, expected) in [
        ((vec![here("v", "csi")], vec![]), "container", false),
        (one("v", "emptyDir"), "container", true),
        (one("v", "csi"), "container", true),
        (one("v", "csi"), "sidecar", true),
        (one("v", "csi"), "ephemeral", true),
        (one("v", "csi"), "init", false),
        (one("v", "configMap"), "container", false),
        (two("v", "w", "ephemeral"), "container", false),
        (
            (vec![here("v", "csi")], vec![here("v", "csi")]),
            "container",
            false,
        ),
        ((twice(), vec![]), "container", true),
        (bound(), "container", true),
        (two("v", "w", "nfs"), "container", true),
        (two("a", "b", "hostPath"), "container", true),
        (two("b", "a", "hostPath"), "container", true),
        (two("a", "c", "hostPath"), "container", false),
    ] {
        let found = is_open(&own, kind, &others);
        assert_eq!(found, expected, "{own:?} {kind} {others:?}");
    }
    // The runtime mounts it elsewhere than the specification writes it.
    for path in ["/link/app", "etc/app", "//etc/app", "/etc/app/."] {
        let own = [volume(path, "v", "csi", true)];
        assert!(is_open(&own, "container", &[written("v", "csi")]), "{path}");
        assert!(!is_open(&own, "container", &[]), "{path}");
    }
    // Who else mounts it, is not known.
    let mut alone = with_volumes(&[], &[("/", "ro"), ("/etc/app", "ro")]);
    alone.pod = Collected::NotRequested;
    let findings = evaluated(&profile, &alone, &today());
    let open = &of(&findings, "world-writable-directories").evidence;
    assert_eq!(open.join(" "), "/etc/app 0777");
}

proptest! {
    /// Whatever is missing: a check passes with gaps only where each is a directory that nobody can search.
    #[test]
    fn a_pass_beside_gaps_is_one_of_closed_directories(
        gaps in vec((select(vec!["/root", "/a", "/a/b", "/"]), 0_usize..5, any::<bool>()), 1..5),
    ) {
        let kinds = [
            GapKind::NotSearchable,
            GapKind::NotSearchable,
            GapKind::NotListable,
            GapKind::NotReadable,
            GapKind::Unknown,
        ];
        let gap = |(path, kind, placed): &(&str, usize, bool)| {
            let gap = Gap::new(kinds[*kind]);
            if *placed { gap.at(*path) } else { gap }
        };
        let all: Gaps = gaps.iter().map(gap).collect();
        // Every process is inside of its root.
        let closed = gaps.iter().all(|(path, kind, placed)| *kind < 2 && *placed && *path != "/");
        let [everything, reachable, listed, applies, _] = statuses(&hardened(all), &today());
        prop_assert_eq!([everything, applies], [Error, Error]);
        let expected = if closed { Pass } else { Error };
        prop_assert_eq!([reachable, listed], [expected, expected]);
    }
}
