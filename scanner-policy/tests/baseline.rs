//! What is not seen never passes, evidence is bounded, and a bad profile is reported with its place.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::CheckStatus,
    inventory::{
        Collected, FileEntry, FileKind, Gap, GapKind, Inventory, KernelFacts, Listener,
        PasswordState, PodFacts, Process, Section, ShadowEntry, User,
    },
};
use scanner_policy::{
    Profile,
    profile::{Options, Source},
};

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

fn baseline() -> Profile {
    Profile::shipped("container-baseline").unwrap_or_else(|e| unreachable!("{e}"))
}

fn complete<T>(data: T) -> Collected<T> {
    Collected::Complete { data }
}

fn clean() -> Inventory {
    let root = User {
        name: "root".into(),
        password: PasswordState::Shadowed,
        ..User::default()
    };
    let etc = [
        ("/etc", FileKind::Directory, 0o755),
        ("/etc/passwd", FileKind::File, 0o644),
        ("/etc/shadow", FileKind::File, 0o640),
    ];
    Inventory {
        identity: complete(scanner_core::inventory::Identity::default()),
        files: complete(etc.map(|(p, k, m)| file(p, k, m)).to_vec()),
        users: complete(vec![root]),
        groups: complete(vec![]),
        shadow: complete(vec![ShadowEntry::default()]),
        processes: complete(vec![Process {
            pid: 1,
            uid: 1000,
            seccomp: 2,
            ..Process::default()
        }]),
        listeners: complete(vec![listener(8080)]),
        connections: complete(vec![]),
        mounts: complete(vec![]),
        env: complete(vec![]),
        commands: complete(vec![]),
        packages: complete(vec![]),
        os: complete(scanner_core::inventory::OsRelease::default()),
        kernel: complete(KernelFacts::default()),
        pod: complete(PodFacts {
            read_only_root_filesystem: true,
            run_as_non_root: true,
            dropped_capabilities: vec!["ALL".into()],
            limits: true,
            image: "registry/app@sha256:00".into(),
            ..PodFacts::default()
        }),
        ..Inventory::default()
    }
}

fn file(path: &str, kind: FileKind, mode: i64) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        kind,
        mode,
        ..FileEntry::default()
    }
}

fn listener(port: i64) -> Listener {
    Listener {
        protocol: "tcp".into(),
        address: "0.0.0.0".into(),
        port,
        ..Listener::default()
    }
}

fn edit<T>(collected: &mut Collected<T>, change: impl FnOnce(&mut T)) {
    let Collected::Complete { data } = collected else {
        unreachable!("the clean inventory is complete");
    };
    change(data);
}

fn add_file(i: &mut Inventory, path: &str, kind: FileKind, mode: i64) {
    edit(&mut i.files, |all| {
        all.retain(|f| f.path != path);
        all.push(file(path, kind, mode));
    });
}

#[test]
fn what_was_not_seen_is_an_error_and_never_a_pass() {
    let profile = baseline();
    let nothing = profile.evaluate(&Inventory::default(), &today());
    assert_eq!(nothing.count(CheckStatus::Error), profile.ids().count());
    let mut partial = clean();
    let Collected::Complete { data } = partial.files else {
        unreachable!("complete");
    };
    partial.files = Collected::Partial {
        data,
        gaps: Gap::new(GapKind::Unknown)
            .with_note("3 not readable")
            .into(),
    };
    let findings = profile.evaluate(&partial, &today());
    let status = |id: &str| findings.results.iter().find(|r| r.id == id).unwrap();
    assert_eq!(status("setuid-files").status, CheckStatus::Error);
    assert!(status("setuid-files").message.contains("3 not readable"));
    assert_eq!(status("private-keys").status, CheckStatus::Error);
}

#[test]
fn a_line_that_is_no_entry_is_named_and_makes_no_check_an_error() {
    let line = || Gap::new(GapKind::NoEntry).of_item("line 3 of /etc/passwd");
    let other = Gap::new(GapKind::Malformed).with_note("1 lines could not be read");
    for (gaps, expected) in [
        (vec![line()], CheckStatus::Pass),
        // What may hide an account, and what nobody has named.
        (vec![line(), other], CheckStatus::Error),
        (vec![Gap::new(GapKind::NoEntry)], CheckStatus::Error),
        (
            vec![Gap::new(GapKind::Hidden).of_item("x")],
            CheckStatus::Error,
        ),
    ] {
        let mut odd = clean();
        let Collected::Complete { data } = odd.users else {
            unreachable!("complete");
        };
        odd.users = Collected::Partial {
            data,
            gaps: gaps.into_iter().collect(),
        };
        let findings = baseline().evaluate(&odd, &today());
        for id in [
            "uid-zero-accounts",
            "duplicate-names",
            "passwd-hashes",
            "root-group-members",
        ] {
            let result = findings.results.iter().find(|r| r.id == id).unwrap();
            assert_eq!(result.status, expected, "{id}: {result:?}");
            let said = format!("{:?} {}", result.limits, result.message);
            assert!(
                expected == CheckStatus::Error || said.contains("line 3 of /etc/passwd"),
                "{said}"
            );
        }
    }
}

#[test]
fn the_request_holds_what_the_checks_read() {
    let request = baseline().request();
    assert!(request.sections.contains(&Section::Pod));
    assert!(!request.sections.contains(&Section::Os));
    assert!(request.commands.contains("apt-get"));
}

#[test]
fn evidence_is_bounded_and_escaped() {
    let mut inventory = clean();
    for n in 0..50 {
        add_file(
            &mut inventory,
            &format!("/x{n}\u{1b}[2J"),
            FileKind::File,
            0o666,
        );
    }
    let findings = baseline().evaluate(&inventory, &today());
    let result = findings
        .results
        .iter()
        .find(|r| r.id == "world-writable-files")
        .unwrap();
    assert_eq!((result.evidence.len(), result.evidence_total), (20, 50));
    assert!(!result.evidence.concat().contains('\u{1b}'));
}

fn error(check: &str) -> String {
    let text = format!(
        "name: p\nversion: \"1\"\ntitle: P\nchecks:\n  - id: a\n    title: T\n    severity: low\n    \
         rationale: R\n    fix: F\n{check}\n"
    );
    Profile::parse(&text, "p.yaml").unwrap_err().to_string()
}

#[test]
fn a_bad_profile_is_reported_with_its_line_and_what_was_expected() {
    for (check, place, expected) in [
        ("    pass: users.(", "p.yaml:10:", "not a CEL expression"),
        (
            "    pass: 1 == 1",
            "p.yaml:10:",
            "expected one of identity, files",
        ),
        ("    pass: users[0].nmae == ''", "p.yaml:10:20:", "nmae"),
        (
            "    pass: pod.privileged || pod.nmae",
            "p.yaml:10:33:",
            "nmae",
        ),
        (
            "    pass: \"!has(pod.privilegd)\"",
            "p.yaml:10:",
            "there is no field \"privilegd\"",
        ),
        (
            "    pass: '!pod[\"privilegd\"]'",
            "p.yaml:10:",
            "there is no field \"privilegd\"",
        ),
        (
            "    pass: '!(\"privilegd\" in pod)'",
            "p.yaml:10:",
            "there is no field \"privilegd\"",
        ),
        (
            "    pass: pod[\"fs_group\"] == \"root\"",
            "p.yaml:10:",
            "two of a kind",
        ),
        (
            "    pass: users.all(u, u.uid == 'x')",
            "p.yaml:10:30:",
            "two of a kind",
        ),
        (
            "    pass: users.all(u, u.name.matches('('))",
            "p.yaml:10:",
            "not a regular expression",
        ),
        (
            "    pass: files.all(f, processes.exists(p, p.uid == f.uid))\n    files: [{paths: [/x]}]",
            "p.yaml:10:",
            "could stall",
        ),
        (
            "    pass: users.size() < inputs.none",
            "p.yaml:10:33:",
            "there is no field \"none\"",
        ),
        (
            "    pass: >-\n      users.size() == 0 ||\n      usres.size() > 1",
            "p.yaml:12:7:",
            "there is no variable \"usres\"",
        ),
        ("    pass: users", "p.yaml:10:", "true or false"),
        ("    violations: pod.privileged", "p.yaml:10:", "a list"),
        (
            "    pass: files.size() == 0",
            "p.yaml:10:",
            "both or neither",
        ),
        ("    unknown: 1", "p.yaml:10:", "unknown"),
        ("", "p.yaml:5:", "either `pass`"),
        (
            "    pass: files.size() == 0\n    files: [{paths: [etc]}]",
            "p.yaml:5:",
            "absolute",
        ),
        (
            "    pass: files.size() == 0\n    files: [{mode_any: \"9\"}]",
            "p.yaml:5:",
            "octal",
        ),
    ] {
        let message = error(check);
        assert!(message.starts_with(place), "{check}: {message}");
        assert!(message.contains(expected), "{check}: {message}");
    }
}

#[test]
fn a_chain_of_profiles_without_end_is_refused() {
    let text = |parent: usize| format!("name: own\nversion: '1'\ntitle: t\nextends: [p{parent}]\n");
    let next = |name: &str, _: &str| {
        let number: usize = name.trim_start_matches('p').parse().unwrap();
        Ok(Source::new(name, text(number + 1)))
    };
    let own = Source::new("own", text(1));
    let error = Profile::compile(own, &next, &Options::default()).unwrap_err();
    assert_eq!(error.file, "p32");
    assert!(error.to_string().contains("at most 32"), "{error}");
}

#[test]
fn a_check_that_reads_digests_must_ask_for_them() {
    let profile = |selection: &str| {
        let text = format!(
            "name: own\nversion: '1'\ntitle: t\nchecks:\n- id: x\n  title: t\n  severity: low\n  \
             rationale: r\n  fix: f\n  files: [{{paths: [/a]{selection}}}]\n  \
             pass: files.all(f, f.exists && f.digest != '00')\n"
        );
        Profile::parse(&text, "own.yaml")
    };
    let found = Inventory {
        files: complete(vec![file("/a", FileKind::File, 0o644)]),
        ..Inventory::default()
    };
    let status = |profile: Profile| profile.evaluate(&found, &today()).results[0].status;
    let asking = profile(", digest: true").unwrap();
    assert_eq!(status(asking), CheckStatus::Pass);
    let not_asking = profile("").unwrap();
    assert_eq!(status(not_asking), CheckStatus::Error);
}

#[test]
fn a_file_that_several_checks_select_is_reported_once() {
    let mut inventory = clean();
    for _ in 0..2 {
        add_file(&mut inventory, "/etc/shadow", FileKind::File, 0o644);
    }
    let findings = baseline().evaluate(&inventory, &today());
    let found = findings
        .results
        .iter()
        .find(|r| r.id == "shadow-permissions");
    assert_eq!(found.unwrap().evidence, ["/etc/shadow 0644"]);
}
