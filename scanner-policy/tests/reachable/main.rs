//! What was not read never passes, unless no process of the container can reach it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

mod kubelet;
mod volumes;

use proptest::{collection::vec, prelude::*, sample::select};
use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckResult, CheckStatus, Findings},
    inventory::{
        AgentIdentity, Collected, FileEntry, FileKind, Gap, GapKind, Gaps, Identity, Inventory,
        Process, Section, sink::FilesEnd,
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
