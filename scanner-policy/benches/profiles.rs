//! Time and memory to compile each shipped profile, and to evaluate it on a large container: 10,000 files,
//! 5,000 packages, 500 processes; and 100,000 files as a list and one by one.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    inventory::{
        Collected, Coverage, FileEntry, Inventory, Package, Process, User, sink::FilesEnd,
    },
};
use scanner_policy::Profile;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn compile(name: &str) -> Profile {
    Profile::shipped(name).unwrap_or_else(|error| unreachable!("{error}"))
}

const FILES: i64 = 10_000;
/// Files for a comparison of both ways to evaluate.
const MANY: i64 = 100_000;

/// Files of every kind that checks select, most of them harmless.
fn large(files: i64) -> Inventory {
    let places = [
        "/usr/bin",
        "/etc",
        "/tmp",
        "/root/.ssh",
        "/usr/lib/x86_64-linux-gnu",
        "/app",
    ];
    let files = (0..files)
        .zip(places.iter().cycle())
        .map(|(n, place)| FileEntry {
            path: format!("{place}/file-{n}").into(),
            exists: true,
            mode: if n % 500 == 0 { 0o4777 } else { 0o644 },
            uid: n % 3,
            size: n,
            ..FileEntry::default()
        });
    let packages = (0..5000).map(|n| Package {
        name: format!("lib{n}"),
        version: "1:2.3+deb12u1".into(),
        ..Package::default()
    });
    let processes = (1..=500).map(|pid| Process {
        pid,
        name: "worker".into(),
        uid: 1000,
        seccomp: 2,
        no_new_privs: true,
        ..Process::default()
    });
    let users = (0..500).map(|uid| User {
        name: format!("user{uid}"),
        uid,
        shell: "/usr/sbin/nologin".into(),
        ..User::default()
    });
    Inventory {
        files: Collected::Complete {
            data: files.collect(),
        },
        packages: Collected::Complete {
            data: packages.collect(),
        },
        processes: Collected::Complete {
            data: processes.collect(),
        },
        users: Collected::Complete {
            data: users.collect(),
        },
        ..Inventory::default()
    }
}

#[divan::bench(args = Profile::SHIPPED)]
fn compiled(bencher: Bencher<'_, '_>, name: &str) {
    bencher.bench(|| compile(name));
}

#[divan::bench(args = Profile::SHIPPED)]
fn evaluated(bencher: Bencher<'_, '_>, name: &str) {
    let (profile, inventory) = (compile(name), large(FILES));
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let found = profile.evaluate(&inventory, &today);
    assert!(!found.results.is_empty(), "{name} finds nothing");
    bencher
        .counter(ItemsCount::new(FILES.unsigned_abs()))
        .bench(|| profile.evaluate(&inventory, &today));
}

#[divan::bench(args = ["container-baseline", "cis-docker"], sample_count = 5, sample_size = 1)]
fn many_files_as_a_list(bencher: Bencher<'_, '_>, name: &str) {
    let (profile, inventory) = (compile(name), large(MANY));
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    bencher
        .counter(ItemsCount::new(MANY.unsigned_abs()))
        .bench(|| profile.evaluate(&inventory, &today));
}

#[divan::bench(args = ["container-baseline", "cis-docker"], sample_count = 5, sample_size = 1)]
fn many_files_one_by_one(bencher: Bencher<'_, '_>, name: &str) {
    let (profile, mut sections) = (compile(name), large(MANY));
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let files = std::mem::take(&mut sections.files);
    let end = FilesEnd::new(Coverage::Complete, true);
    bencher
        .counter(ItemsCount::new(MANY.unsigned_abs()))
        .bench(|| {
            let mut evaluator = profile.by_entry(&today).unwrap_or_else(|| unreachable!());
            evaluator.sections(&sections);
            for file in files.data().into_iter().flatten() {
                evaluator.file(file);
            }
            evaluator.finish(&end)
        });
}
