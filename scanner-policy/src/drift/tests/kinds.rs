//! Every kind of change is found by the check that is meant for it, and nothing else speaks.

use scanner_core::{
    Verdict,
    finding::Severity,
    inventory::{Collected, FileEntry, FileKind},
};

use super::support::*;

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
    let cases: [(&str, Change); 30] = [
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
        // Whoever runs it becomes somebody else than in the image.
        ("drift-executable-changed", |f| f[7].uid = 5),
        ("drift-executable-changed", |f| f[7].gid = 5),
        ("drift-executable-changed", |f| f[8].gid = 5),
        ("drift-executable-changed", |f| f[7].mode = 0o4755),
        ("drift-permissions-changed", |f| {
            // It does not make anybody somebody else any more.
            (f[7].mode, f[7].uid) = (0o750, 5);
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
fn a_file_of_a_package_is_named_with_it() {
    type Change = fn(&mut Vec<FileEntry>);
    let of_packages = || {
        let mut files = base();
        for file in &mut files {
            file.package = format!("of-{}\u{1b}", file.path.file_name());
        }
        files
    };
    let changes: [(&str, Change); 8] = [
        ("sh", |f| f[2].digest = sha256("dd")),
        ("sh", |f| f[2].size = 11),
        ("sh", |f| f[2] = link("/bin/sh", "/tmp/x")),
        ("sh", |f| f[2].capabilities = vec!["CAP_CHOWN".into()]),
        ("su", |f| f[7].uid = 5),
        ("run", |f| f[5].link = "/tmp".into()),
        ("passwd", |f| drop(f.remove(4))),
        ("data", |f| drop(f.remove(6))),
    ];
    for (name, change) in changes {
        let mut files = base();
        change(&mut files);
        let found = compare(&tree(of_packages()), &tree(files));
        let evidence: Vec<&String> = found.results.iter().flat_map(|r| &r.evidence).collect();
        let end = format!("; of package of-{name}\\u{{1b}}");
        assert!(!evidence.is_empty(), "{name}");
        assert!(
            evidence.iter().all(|line| line.ends_with(&end)),
            "{evidence:?}"
        );
        let limits = found.results[0].limits.join("\n");
        assert!(
            limits.contains("names the package of 9 files and links"),
            "{limits}"
        );
    }
    // What the image does not have is of no package, and without lists none is known.
    let found = drift_of(|files| files.push(file("/bin/evil", 0o755, "dd")));
    let added = &found.results[0];
    assert!(!added.evidence[0].contains("of package"));
    assert!(added.limits.join("\n").contains("no package of the image"));
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
    // The kubelet mounts the file for the last words of a container where the specification says.
    let Collected::Complete { data: pod } = &mut running.pod else {
        unreachable!()
    };
    pod.containers[0].mounts.clear();
    pod.containers[0].termination_message_path = "/var/run/secrets/token".into();
    let planned = compare(&tree(base()), &running);
    assert_eq!(failed(&planned), Vec::<&str>::new());
    files.push(file("/run/x", 0o755, "dd"));
    let mut beside = tree(files);
    beside.pod = planning(&["/var/run/secrets/token"]);
    let beside = compare(&tree(base()), &beside);
    assert!(failed(&beside).contains(&"drift-executable-added"));
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
fn a_capability_in_another_set_or_for_another_root_is_a_changed_program() {
    let with = |sets: &str| {
        let mut files = base();
        let sh = files.iter_mut().find(|f| f.path == "/bin/sh").unwrap();
        let names = sets.split(' ').filter_map(|one| one.split_once('='));
        let names = names.filter(|(name, _)| name.starts_with("CAP_"));
        sh.capabilities = names.map(|(name, _)| name.to_owned()).collect();
        sh.capability_sets = sets.into();
        tree(files)
    };
    let (idle, active) = ("CAP_SETUID=i", "CAP_SETUID=eip");
    for (was, is) in [
        (idle, active),
        ("CAP_SETUID=p", "CAP_SETUID=ep"),
        ("CAP_SETUID=ep [rootid=1000]", "CAP_SETUID=ep"),
        ("CAP_CHOWN=p CAP_SETUID=p", "CAP_CHOWN=ep"),
    ] {
        let found = compare(&with(was), &with(is));
        assert_eq!(failed(&found), ["drift-executable-changed"], "{was}: {is}");
    }
    let lost = compare(&with("CAP_CHOWN=p CAP_SETUID=p"), &with("CAP_CHOWN=p"));
    assert_eq!(failed(&lost), ["drift-permissions-changed"]);
    assert!(failed(&compare(&with(active), &with(active))).is_empty());
}

#[test]
fn another_device_of_the_same_name_is_one_that_was_added() {
    let with = |device: &str| {
        let mut files = base();
        files.push(FileEntry {
            path: "/dev-of-image".into(),
            exists: true,
            kind: FileKind::CharDevice,
            mode: 0o666,
            device: device.into(),
            modified: Some(1),
            ..FileEntry::default()
        });
        tree(files)
    };
    let other = compare(&with("1:3"), &with("8:0"));
    assert_eq!(failed(&other), ["drift-device-added"]);
    assert!(failed(&compare(&with("1:3"), &with("1:3"))).is_empty());
    // An agent that does not say which device it is.
    let unknown = compare(&with("1:3"), &with(""));
    assert!(
        unseen(&unknown)
            .iter()
            .any(|line| line.contains("which device /dev-of-image is"))
    );
}
