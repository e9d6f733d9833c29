//! Every kind of change is found by the check that is meant for it, and nothing else speaks.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use scanner_core::{
    ScanEngine as _, Verdict,
    engine::Evaluation,
    finding::{CheckStatus, Findings, Severity},
    inventory::{
        Collected, ContainerFacts, FileEntry, FileKind, FilePath, Gap, GapKind, Inventory, Mount,
        PodFacts, Section, VolumeMountFacts,
    },
};
use sha2::{Digest as _, Sha256};

use super::{
    compare::{Comparison, whole},
    request::request,
    tree::Tree,
    *,
};

/// What reads every digest and capability.
const FULL: Depth = Depth {
    full: true,
    capabilities: true,
};

fn image(inventory: &Inventory) -> Image {
    let reader = ReadImage::default();
    let context = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let _ = reader.evaluate(inventory, &context);
    reader.take().expect("an image")
}

fn compare(image_inventory: &Inventory, running: &Inventory) -> Findings {
    compare_at(FULL, image_inventory, running)
}

fn compare_at(depth: Depth, image_inventory: &Inventory, running: &Inventory) -> Findings {
    let image = Arc::new(image(image_inventory));
    whole(Box::new(Comparison::with(image, depth)), running)
}

/// The digest of a file whose contents are called `name`.
fn sha256(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    hex::encode(Sha256::digest(name))
}

fn file(path: &str, mode: i64, digest: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        mode,
        size: 10,
        digest: sha256(digest),
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
        file("/srv/data", 0o644, "ff"),
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
    let cases: [(&str, Change); 25] = [
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
            f[2].digest = sha256("dd");
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
        ("drift-configuration-changed", |f| {
            f[4].digest = sha256("dd");
        }),
        ("drift-configuration-changed", |f| {
            f.push(file("/etc/cron.d/job", 0o644, "dd"));
        }),
        ("drift-configuration-changed", |f| drop(f.remove(4))),
        ("drift-configuration-changed", |f| {
            f.push(link("/etc/cron.d/job", "/data/job"));
        }),
        ("drift-configuration-changed", |f| {
            f.push(kind("/etc/pipe", FileKind::Fifo));
        }),
        ("drift-executable-added", |f| {
            f.push(link("/usr/local/lib/libssl.so.3", "/data/x"));
        }),
        ("drift-file-changed", |f| {
            f[6].digest = sha256("dd");
        }),
        ("drift-file-changed", |f| {
            f[6].size = 11;
        }),
        ("drift-file-added", |f| {
            f.push(file("/tmp/log", 0o644, "dd"));
        }),
        ("drift-file-added", |f| {
            f.push(kind("/tmp/d", FileKind::Directory));
        }),
        ("drift-file-removed", |f| drop(f.remove(6))),
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
    assert!(failed(&findings).contains(&"drift-configuration-changed"));
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
    let full = request(&[Section::Mounts], FULL);
    assert_eq!(full.sections, [Section::Files, Section::Mounts].into());
    let all = &full.files[0];
    assert!(all.digest && all.capabilities && all.times && all.walks() && all.under.is_empty());
    let quick = request(&[], Depth::default()).files;
    let digested = |path: &str, mode| {
        let entry = file(path, mode, "");
        quick.iter().any(|s| s.digest && s.matches(&entry))
    };
    for (path, mode, asked) in [
        ("/usr/bin/x", 0o755, true),
        ("/usr/bin/x", 0o601, true),
        ("/lib/libc.so.6", 0o644, true),
        ("/app/main.py", 0o644, true),
        ("/etc/ssl/openssl.cnf", 0o600, true),
        ("/srv/data", 0o644, false),
        ("/etcetera", 0o644, false),
    ] {
        assert_eq!(digested(path, mode), asked, "{path}");
    }
    assert!(quick[0].times && quick[0].under.is_empty() && !quick[0].digest);
}

#[test]
fn data_is_compared_by_time_unless_all_is() {
    let quick = Depth::default();
    let of = |path: &str, modified, digest: &str| {
        let mut files = base();
        files.push(FileEntry {
            modified,
            ..file(path, 0o644, digest)
        });
        tree(files)
    };
    for (path, then, now, fails) in [
        ("/srv/a", (Some(5), ""), (Some(5), ""), vec![]),
        (
            "/srv/a",
            (Some(5), ""),
            (Some(6), ""),
            vec!["drift-file-changed"],
        ),
        // A program is compared by its contents alone: a build may set its time anew.
        ("/srv/a.py", (Some(5), "x"), (Some(6), "x"), vec![]),
        (
            "/srv/a.py",
            (Some(5), "x"),
            (Some(5), "y"),
            vec!["drift-file-changed"],
        ),
        (
            "/srv/a.so",
            (Some(5), "x"),
            (Some(5), "y"),
            vec!["drift-executable-changed"],
        ),
        (
            "/etc/a",
            (Some(5), "x"),
            (Some(5), "y"),
            vec!["drift-configuration-changed"],
        ),
    ] {
        let found = compare_at(quick, &of(path, then.0, then.1), &of(path, now.0, now.1));
        assert_eq!(failed(&found), fails, "{path} {then:?} {now:?}");
        let limits = found.results[0].limits.join("\n");
        assert!(limits.contains("which an intruder can set"), "{limits}");
    }
    // Neither a digest that was asked for nor a time may be missing.
    for (path, then, now) in [
        ("/srv/a.py", (Some(5), "x"), (Some(5), "")),
        ("/etc/a", (Some(5), ""), (Some(5), "x")),
        ("/srv/a", (None, ""), (Some(5), "")),
        ("/srv/a", (Some(5), ""), (None, "")),
    ] {
        let found = compare_at(quick, &of(path, then.0, then.1), &of(path, now.0, now.1));
        assert_eq!(found.count(CheckStatus::Pass), 0, "{path} {then:?} {now:?}");
    }
}

#[test]
fn a_program_that_lost_its_execute_bit_is_not_compared_by_time() {
    let of = |mode, digest: &str| {
        let mut files = base();
        files.push(FileEntry {
            modified: Some(5),
            ..file("/app/start", mode, digest)
        });
        tree(files)
    };
    let found = compare_at(Depth::default(), &of(0o755, "x"), &of(0o644, ""));
    assert_eq!(found.count(CheckStatus::Pass), 0);
    let unseen = found.results.last().expect("what was not compared");
    assert_eq!(unseen.evidence, ["contents of /app/start"]);
}

/// Where the children of a random tree lie.
fn paths() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c.so", "\u{e9}", "\\xff", "usr"]);
    prop::collection::vec(part, 1..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn entry() -> impl Strategy<Value = FileEntry> {
    let kinds = prop::sample::select(vec![
        FileKind::File,
        FileKind::Directory,
        FileKind::Symlink,
        FileKind::Fifo,
    ]);
    let owner = prop::sample::select(vec![0, 7, i64::from(u32::MAX), 1 << 40]);
    (
        paths(),
        kinds,
        0..0o10000i64,
        owner,
        0..3i64,
        "[xyz]?",
        any::<bool>(),
    )
        .prop_map(|(path, kind, mode, uid, size, contents, modified)| {
            let (is_file, is_link) = (kind == FileKind::File, kind == FileKind::Symlink);
            FileEntry {
                path: FilePath::from_text(&path).expect("a path"),
                exists: true,
                kind,
                mode,
                uid,
                gid: 5,
                size,
                modified: modified.then_some(size),
                digest: if is_file {
                    sha256(&contents)
                } else {
                    String::new()
                },
                link: if is_link {
                    contents.as_str().into()
                } else {
                    FilePath::default()
                },
                capabilities_known: is_file,
                ..FileEntry::default()
            }
        })
}

proptest! {
    #[test]
    fn a_tree_gives_back_every_file_as_it_came(files in prop::collection::vec(entry(), 0..80)) {
        let mut tree = Tree::default();
        let mut known: BTreeMap<&str, &FileEntry> = BTreeMap::new();
        for file in &files {
            tree.add(file);
            known.entry(file.path.as_text()).or_insert(file);
        }
        prop_assert_eq!(tree.files(), known.len() as u64);
        for (path, file) in &known {
            let id = tree.find(path).expect("a place");
            let found = tree.file(id);
            prop_assert_eq!(found.as_ref(), Some(*file));
            let count = files.iter().filter(|f| f.path.as_text() == *path).count();
            prop_assert_eq!(tree.is_twice(id), count > 1);
        }
        let all: Vec<String> = tree
            .all()
            .filter(|id| tree.file(*id).is_some())
            .map(|id| tree.path(id))
            .collect();
        prop_assert_eq!(all.len(), known.len());
        prop_assert!(tree.find("/none").is_none() && tree.find("/a/none/b").is_none());
    }

    /// What two trees differ in is found, whatever order the files come in, and nothing else.
    #[test]
    fn every_difference_is_found(
        image in prop::collection::btree_map(paths(), entry(), 1..40),
        running in prop::collection::btree_map(paths(), entry(), 1..40),
        kept in prop::collection::vec(any::<bool>(), 40),
    ) {
        let named = |(path, file): (&String, &FileEntry)| FileEntry {
            path: FilePath::from_text(path).expect("a path"),
            ..file.clone()
        };
        let before: Vec<FileEntry> = image.iter().map(named).collect();
        let stays = before.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(f, _)| f.clone());
        let mut now: BTreeMap<String, FileEntry> =
            running.iter().map(named).map(|f| (f.path.to_text(), f)).collect();
        now.extend(stays.map(|f| (f.path.to_text(), f)));
        let after: Vec<FileEntry> = now.values().rev().cloned().collect();
        let then: BTreeMap<String, FileEntry> =
            before.iter().map(|f| (f.path.to_text(), f.clone())).collect();
        let as_seen = |file: &FileEntry| FileEntry {
            // What a comparison does not look at.
            modified: None,
            size: if file.kind == FileKind::File { file.size } else { 0 },
            mode: if file.kind == FileKind::Symlink { 0 } else { file.mode },
            uid: if file.kind == FileKind::Symlink { 0 } else { file.uid },
            ..file.clone()
        };
        let differ = then.keys().chain(now.keys()).any(|path| {
            then.get(path).map(&as_seen) != now.get(path).map(&as_seen)
        });
        let mut both = [tree(before), tree(after)];
        both[0].pod = planning(&[]);
        let found = compare(&both[0], &both[1]);
        prop_assert_eq!(!failed(&found).is_empty() || found.count(CheckStatus::Error) > 0, differ);
    }
}
