//! Small images and containers.

use std::sync::Arc;

use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckStatus, Findings},
    inventory::{
        Collected, ContainerFacts, FileEntry, FileKind, Gaps, Inventory, Mount, PodFacts,
        VolumeMountFacts,
    },
};
use sha2::{Digest as _, Sha256};

use crate::drift::{
    compare::{Comparison, whole},
    *,
};

/// What reads every digest and capability.
pub(super) const FULL: Depth = Depth {
    full: true,
    capabilities: true,
};

pub(super) fn image(inventory: &Inventory) -> Image {
    let reader = ReadImage::default();
    let context = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let _ = reader.evaluate(inventory, &context);
    reader.take().expect("an image")
}

pub(super) fn compare(image_inventory: &Inventory, running: &Inventory) -> Findings {
    compare_at(FULL, image_inventory, running)
}

pub(super) fn compare_at(
    depth: Depth,
    image_inventory: &Inventory,
    running: &Inventory,
) -> Findings {
    let image = Arc::new(image(image_inventory));
    whole(Box::new(Comparison::with(image, depth)), running)
}

/// The digest of a file whose contents are called `name`.
pub(super) fn sha256(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    hex::encode(Sha256::digest(name))
}

pub(super) fn file(path: &str, mode: i64, digest: &str) -> FileEntry {
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

pub(super) fn link(path: &str, to: &str) -> FileEntry {
    FileEntry {
        kind: FileKind::Symlink,
        link: to.into(),
        ..file(path, 0o777, "")
    }
}

pub(super) fn kind(path: &str, kind: FileKind) -> FileEntry {
    FileEntry {
        kind,
        ..file(path, 0o755, "")
    }
}

pub(super) fn base() -> Vec<FileEntry> {
    vec![
        kind("/", FileKind::Directory),
        kind("/bin", FileKind::Directory),
        file("/bin/sh", 0o755, "aa"),
        file("/lib/libc.so.6", 0o644, "bb"),
        file("/etc/passwd", 0o644, "cc"),
        link("/var/run", "/run"),
        file("/srv/data", 0o644, "ff"),
        file("/bin/su", 0o4750, "gg"),
        file("/bin/chage", 0o2755, "hh"),
    ]
}

pub(super) fn mount(target: &str) -> Mount {
    Mount {
        target: target.into(),
        fstype: "tmpfs".into(),
        ..Mount::default()
    }
}

pub(super) fn tree(files: Vec<FileEntry>) -> Inventory {
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
pub(super) fn planning(paths: &[&str]) -> Collected<PodFacts> {
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
pub(super) fn failed(findings: &Findings) -> Vec<&str> {
    let all = findings.results.iter();
    all.filter(|r| r.status == CheckStatus::Fail)
        .map(|r| r.id.as_str())
        .collect()
}

pub(super) fn drift_of(change: impl FnOnce(&mut Vec<FileEntry>)) -> Findings {
    let mut files = base();
    change(&mut files);
    compare(&tree(base()), &tree(files))
}

/// The same where something was not read.
pub(super) fn partial(files: Vec<FileEntry>, gaps: impl Into<Gaps>) -> Inventory {
    Inventory {
        files: Collected::Partial {
            data: files,
            gaps: gaps.into(),
        },
        ..tree(vec![])
    }
}

/// What could not be compared.
pub(super) fn unseen(findings: &Findings) -> &[String] {
    let unseen = findings.results.last();
    &unseen.expect("drift-unseen").evidence
}
