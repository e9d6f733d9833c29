//! Every kind of change is found by the check that is meant for it, and nothing else speaks.

use scanner_core::{
    Verdict,
    finding::{CheckStatus, Findings, Severity},
    inventory::{
        Collected, ContainerFacts, FileEntry, FileKind, Gap, GapKind, Inventory, Mount, PodFacts,
        Section, VolumeMountFacts,
    },
};

use super::{compare::request, *};

fn file(path: &str, mode: i64, digest: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        mode,
        size: 10,
        digest: digest.into(),
        capabilities_known: true,
        ..FileEntry::default()
    }
}

fn link(path: &str, to: &str) -> FileEntry {
    FileEntry {
        kind: FileKind::Symlink,
        link: to.into(),
        ..file(path, 0o777, "")
    }
}

fn kind(path: &str, kind: FileKind) -> FileEntry {
    FileEntry {
        kind,
        ..file(path, 0o755, "")
    }
}

fn base() -> Vec<FileEntry> {
    vec![
        kind("/", FileKind::Directory),
        kind("/bin", FileKind::Directory),
        file("/bin/sh", 0o755, "aa"),
        file("/lib/libc.so.6", 0o644, "bb"),
        file("/etc/passwd", 0o644, "cc"),
        link("/var/run", "/run"),
    ]
}

fn mount(target: &str) -> Mount {
    Mount {
        target: target.into(),
        fstype: "tmpfs".into(),
        ..Mount::default()
    }
}

fn tree(files: Vec<FileEntry>) -> Inventory {
    let mounts = ["/", "/proc", "/dev", "/dev/shm", "/etc/hosts"].map(mount);
    Inventory {
        files: Collected::Complete { data: files },
        mounts: Collected::Complete {
            data: mounts.into(),
        },
        pod: planning(&[]),
        ..Inventory::default()
    }
}

/// A pod whose specification mounts these paths.
fn planning(paths: &[&str]) -> Collected<PodFacts> {
    let mounts = paths.iter().map(|path| VolumeMountFacts {
        path: (*path).into(),
        ..VolumeMountFacts::default()
    });
    let container = ContainerFacts {
        target: true,
        mounts: mounts.collect(),
        ..ContainerFacts::default()
    };
    Collected::Complete {
        data: PodFacts {
            containers: vec![container],
            ..PodFacts::default()
        },
    }
}

/// Identifiers of the checks that fail.
fn failed(findings: &Findings) -> Vec<&str> {
    let all = findings.results.iter();
    all.filter(|r| r.status == CheckStatus::Fail)
        .map(|r| r.id.as_str())
        .collect()
}

fn drift_of(change: impl FnOnce(&mut Vec<FileEntry>)) -> Findings {
    let mut files = base();
    change(&mut files);
    compare(&tree(base()), &tree(files))
}

#[test]
fn a_container_that_is_its_image_passes() {
    let findings = drift_of(|_| {});
    assert_eq!(failed(&findings), Vec::<&str>::new());
    assert_eq!(
        Verdict::of(std::slice::from_ref(&findings), Severity::Info),
        Verdict::Passed
    );
    assert!(findings.results[0].limits[0].contains("/etc/hosts"));
}

#[test]
fn every_kind_of_change_is_found_by_its_check() {
    type Change = fn(&mut Vec<FileEntry>);
    let cases: [(&str, Change); 18] = [
        ("drift-executable-changed", |f| {
            f[2] = link("/bin/sh", "/tmp/x");
        }),
        ("drift-executable-added", |f| {
            f.push(file("/tmp/x", 0o700, "dd"));
        }),
        ("drift-executable-added", |f| {
            f.push(file("/tmp/evil.so.1", 0o600, "dd"));
        }),
        ("drift-executable-added", |f| {
            f.push(link("/usr/local/bin/ls", "/tmp/x"));
        }),
        ("drift-executable-added", |f| {
            f[4].mode = 0o755;
        }),
        ("drift-executable-changed", |f| {
            f[2].digest = "dd".into();
        }),
        ("drift-executable-changed", |f| {
            f[3].size = 11;
        }),
        ("drift-executable-changed", |f| {
            f[2].mode = 0o4755;
        }),
        ("drift-link-changed", |f| {
            f[5].link = "/tmp".into();
        }),
        ("drift-link-changed", |f| {
            f[4] = link("/etc/passwd", "/tmp/p");
        }),
        ("drift-device-added", |f| {
            f.push(kind("/tmp/sda", FileKind::BlockDevice));
        }),
        ("drift-executable-removed", |f| drop(f.remove(2))),
        ("drift-permissions-changed", |f| {
            f[4].mode = 0o666;
        }),
        ("drift-permissions-changed", |f| {
            f[1].uid = 5;
        }),
        ("drift-file-changed", |f| {
            f[4].digest = "dd".into();
        }),
        ("drift-file-added", |f| {
            f.push(file("/tmp/log", 0o644, "dd"));
        }),
        ("drift-file-added", |f| {
            f.push(kind("/tmp/d", FileKind::Directory));
        }),
        ("drift-file-removed", |f| drop(f.remove(4))),
    ];
    for (number, (id, change)) in cases.into_iter().enumerate() {
        assert_eq!(failed(&drift_of(change)), [id], "case {number}");
    }
}

#[test]
fn what_is_mounted_is_left_out_unless_nobody_planned_it() {
    let mut files = base();
    files.push(kind("/run", FileKind::Directory));
    files.push(kind("/run/secrets", FileKind::Directory));
    files.push(kind("/run/secrets/token", FileKind::Directory));
    files.push(file("/etc/hosts", 0o644, "x"));
    files.push(file("/.dockerenv", 0o755, "e3"));
    files.last_mut().unwrap().size = 0;
    let mut running = tree(files.clone());
    let Collected::Complete { data } = &mut running.mounts else {
        unreachable!()
    };
    data.push(mount("/run/secrets/token"));
    let hidden = compare(&tree(base()), &running);
    assert_eq!(failed(&hidden), ["drift-mount"]);
    // The specification names it by a link of the image.
    running.pod = planning(&["/var/run/secrets/token"]);
    let planned = compare(&tree(base()), &running);
    assert_eq!(failed(&planned), Vec::<&str>::new());
    files.push(file("/run/x", 0o755, "dd"));
    let mut beside = tree(files);
    beside.pod = planning(&["/var/run/secrets/token"]);
    let beside = compare(&tree(base()), &beside);
    assert!(failed(&beside).contains(&"drift-executable-added"));
}

#[test]
fn what_could_not_be_read_is_never_a_pass() {
    let unread = drift_of(|f| f[4].digest = String::new());
    let partial = Inventory {
        files: Collected::Partial {
            data: base(),
            gaps: Gap::new(GapKind::Unknown)
                .with_note("1 not readable")
                .into(),
        },
        ..tree(vec![])
    };
    let gone = Inventory::default();
    for findings in [
        unread,
        compare(&partial, &tree(base())),
        compare(&tree(base()), &partial),
        compare(&gone, &tree(vec![])),
        compare(&tree(vec![]), &tree(vec![])),
    ] {
        assert_eq!(findings.count(CheckStatus::Pass), 0);
        assert_eq!(
            Verdict::of(std::slice::from_ref(&findings), Severity::Info),
            Verdict::Incomplete
        );
    }
}

#[test]
fn without_the_specification_of_the_pod_no_mount_is_called_unplanned_or_planned() {
    let mut running = tree(base());
    running.pod = Collected::NotRequested;
    let findings = compare(&tree(base()), &running);
    assert_eq!(findings.count(CheckStatus::Pass), 0);
    assert_eq!(findings.count(CheckStatus::Fail), 0);
    let unseen = findings.results.last().unwrap();
    assert_eq!(unseen.evidence, ["the pod's specification: not asked for"]);
}

#[test]
fn what_a_side_could_not_list_was_neither_added_nor_removed() {
    let home = |mode| FileEntry {
        mode,
        ..kind("/root", FileKind::Directory)
    };
    let mut whole = base();
    whole.extend([home(0o700), file("/root/id", 0o600, "dd")]);
    let mut closed = base();
    closed.push(home(0o700));
    let partial = |files| Inventory {
        files: Collected::Partial {
            data: files,
            gaps: Gap::new(GapKind::Unknown)
                .with_note("1 not readable")
                .into(),
        },
        ..tree(vec![])
    };
    let (seen, unseen) = (tree(whole.clone()), partial(closed));
    assert!(failed(&compare(&unseen, &seen)).is_empty());
    assert!(failed(&compare(&seen, &unseen)).is_empty());
    // Where the directory was listed, or everyone may, it was.
    let mut open = base();
    open.push(home(0o755));
    let mut added = whole.clone();
    added.push(file("/bin/evil", 0o755, "ee"));
    let mut beside = open.clone();
    beside.push(file("/root/id", 0o600, "dd"));
    assert_eq!(
        failed(&compare(&partial(open), &tree(beside))),
        ["drift-file-added"]
    );
    assert_eq!(
        failed(&compare(&partial(whole), &tree(added))),
        ["drift-executable-added"]
    );
}

#[test]
fn hostile_names_are_shown_escaped_and_bounded() {
    let findings = drift_of(|f| {
        f.push(file("/tmp/\u{1b}[2J", 0o755, "dd"));
        f.push(file(&format!("/tmp/{}", "x".repeat(4000)), 0o755, "dd"));
        for number in 0..1000 {
            f.push(file(&format!("/tmp/{number}"), 0o755, "dd"));
        }
        // Two names that only differ in bytes that cannot be shown.
        f.push(file("/etc/passwd", 0o644, "ee"));
    });
    let added = &findings.results[0];
    assert_eq!((added.evidence.len(), added.evidence_total), (50, 1002));
    let text = added.evidence.join("");
    assert!(!text.contains('\u{1b}') && text.len() < 50 * 500);
    assert!(failed(&findings).contains(&"drift-file-changed"));
}

#[test]
fn a_capability_that_a_program_gained_is_a_changed_program() {
    let with = |names: &[&str]| {
        let mut files = base();
        let sh = files.iter_mut().find(|f| f.path == "/bin/sh").unwrap();
        sh.capabilities = names.iter().map(ToString::to_string).collect();
        tree(files)
    };
    let gained = compare(&tree(base()), &with(&["CAP_SETUID"]));
    assert_eq!(failed(&gained), ["drift-executable-changed"]);
    let more = compare(&with(&["CAP_CHOWN"]), &with(&["CAP_CHOWN", "CAP_SETUID"]));
    assert_eq!(failed(&more), ["drift-executable-changed"]);
    let lost = compare(&with(&["CAP_SETUID"]), &tree(base()));
    assert_eq!(failed(&lost), ["drift-permissions-changed"]);
    let same = compare(&with(&["CAP_SETUID"]), &with(&["CAP_SETUID"]));
    assert_eq!(failed(&same), Vec::<&str>::new());
}

#[test]
fn capabilities_that_were_not_read_are_reported() {
    let reported = |findings: &Findings| {
        let limits = &findings.results[0].limits;
        limits
            .iter()
            .any(|l| l.contains("capabilities of files were not compared"))
    };
    assert!(!reported(&drift_of(|_| {})));
    assert!(reported(&drift_of(|files| {
        for file in files.iter_mut() {
            file.capabilities_known = false;
        }
    })));
}

#[test]
fn everything_is_asked_for_that_is_compared() {
    let request = request(&[Section::Mounts], true);
    assert_eq!(request.sections, [Section::Files, Section::Mounts].into());
    let all = &request.files[0];
    assert!(all.digest && all.capabilities && all.walks() && all.under.is_empty());
}
