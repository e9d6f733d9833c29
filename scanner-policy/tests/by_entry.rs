//! The shipped profiles say the same of files one by one as of their list.

use std::sync::LazyLock;

use proptest::{collection::vec, prelude::*, sample::select};
use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckStatus, Findings},
    inventory::{
        Attribute, Collected, Coverage, FileEntry, FileKind, Gap, GapKind, Inventory,
        sink::FilesEnd,
    },
};
use scanner_policy::Profile;

/// Paths that shipped checks look at, and others.
const PATHS: [&str; 22] = [
    "/usr/bin/su",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc",
    "/usr/bin",
    "/root",
    "/tmp/.hidden",
    "/tmp/run",
    "/root/.ssh/authorized_keys",
    "/root/.bash_history",
    "/home/a",
    "/home/a/.ssh",
    "/srv/id_rsa",
    "/srv/tls.key",
    "/var/run/docker.sock",
    "/etc/ld.so.preload",
    "/etc/sudoers.d/x",
    "/core",
    "/core.12",
    "/srv/app/.git",
    "/dev/sda",
];

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let names = Profile::SHIPPED.iter();
    let shipped = names.map(|name| Profile::shipped(name));
    shipped
        .map(|profile| profile.unwrap_or_else(|e| unreachable!("{e}")))
        .collect()
});

fn file() -> impl Strategy<Value = FileEntry> {
    let kind = select(vec![
        FileKind::File,
        FileKind::File,
        FileKind::Directory,
        FileKind::Symlink,
        FileKind::BlockDevice,
        FileKind::Socket,
    ]);
    let mode = select(vec![0o644, 0o777, 0o4755, 0o1777, 0o600, 0o2755, 0o666]);
    let capabilities = select(vec![vec![], vec!["CAP_SYS_ADMIN".to_owned()]]);
    let (exists, known) = (prop::bool::weighted(0.9), any::<bool>());
    (
        select(&PATHS[..]),
        kind,
        mode,
        exists,
        known,
        capabilities,
        0_i64..2,
        0_i64..3,
    )
        .prop_map(
            |(path, kind, mode, exists, capabilities_known, capabilities, uid, size)| FileEntry {
                path: path.into(),
                kind,
                mode,
                exists,
                uid,
                gid: uid,
                size,
                capabilities,
                capabilities_known,
                ..FileEntry::default()
            },
        )
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let gap = || Gap::new(GapKind::NotReadable);
    let coverage = select(vec![
        Coverage::Complete,
        Coverage::Complete,
        Coverage::Partial {
            gaps: gap().at("/root").into(),
        },
        Coverage::Partial {
            gaps: gap().of_attribute(Attribute::Capabilities).into(),
        },
        Coverage::Unavailable {
            reason: "none".into(),
        },
    ]);
    (vec(file(), 0..60), coverage, any::<bool>()).prop_map(|(data, coverage, files_listed)| {
        Inventory {
            files: coverage.with(data),
            files_listed,
            ..Inventory::default()
        }
    })
}

fn by_entry(profile: &Profile, inventory: &Inventory, today: &Evaluation) -> Findings {
    let mut sections = inventory.clone();
    let files = std::mem::take(&mut sections.files);
    let evaluator = profile.by_entry(today);
    let mut evaluator =
        evaluator.unwrap_or_else(|| unreachable!("a profile takes files one by one"));
    evaluator.sections(&sections);
    for file in files.data().into_iter().flatten() {
        evaluator.file(file);
    }
    evaluator.finish(&FilesEnd::new(files.coverage(), inventory.files_listed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_shipped_check_says_the_same_file_by_file(inventory in inventory()) {
        let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
        for profile in PROFILES.iter() {
            let list = profile.evaluate(&inventory, &today);
            let entries = by_entry(profile, &inventory, &today);
            for (list, entries) in list.results.iter().zip(&entries.results) {
                prop_assert_eq!(list, entries);
            }
            prop_assert_eq!(list, entries);
        }
    }
}

#[test]
fn a_large_target_stays_far_below_the_budget() {
    let files = (0_i64..3_000).map(|n| FileEntry {
        path: format!("/usr/lib/a/rather/long/path/to/a/directory/file-{n}").into(),
        exists: true,
        kind: FileKind::File,
        mode: 0o6777,
        uid: n % 3,
        ..FileEntry::default()
    });
    let inventory = Inventory {
        files: Collected::Complete {
            data: files.collect(),
        },
        ..Inventory::default()
    };
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    for profile in PROFILES.iter() {
        for findings in [
            profile.evaluate(&inventory, &today),
            by_entry(profile, &inventory, &today),
        ] {
            for result in findings.results {
                assert!(
                    !result.message.contains("was stopped"),
                    "{}: {}",
                    result.id,
                    result.message
                );
                if result.id == "setuid-files" {
                    assert_eq!(
                        (result.status, result.evidence_total),
                        (CheckStatus::Fail, 3_000)
                    );
                    assert_eq!(result.evidence.len(), 20);
                }
            }
        }
    }
}
