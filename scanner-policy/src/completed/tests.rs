//! What the image fills and what it does not, by the answer of a container.

mod bound;
mod counts;
mod fixed;
mod merging;
mod origin;
mod places;
mod sections;

use std::sync::{Arc, Mutex, OnceLock};

use scanner_core::{
    ScanEngine,
    engine::{EntryEvaluator, Evaluation},
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{
        Collected, Coverage, FileEntry, FileKind, FileSelector, FromImage, Gap, GapKind, Gaps,
        Inventory, InventoryRequest, Mount, PodFacts, Section, sink::FilesEnd,
    },
};

use super::*;

/// An engine that keeps what it is given.
#[derive(Default)]
struct Keeper {
    request: InventoryRequest,
    streams: bool,
    given: Arc<Mutex<Inventory>>,
}

impl ScanEngine for Keeper {
    fn reference(&self) -> EngineRef {
        EngineRef::new("keeper", "1")
    }

    fn request(&self) -> InventoryRequest {
        self.request.clone()
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        *self.given.lock().unwrap() = inventory.clone();
        let check = CheckResult::new("keeper", "It was given", Severity::Low).pass();
        Findings::new(self.reference(), vec![check])
    }

    fn by_entry(&self, _: &Evaluation) -> Option<Box<dyn EntryEvaluator>> {
        self.streams.then(|| -> Box<dyn EntryEvaluator> {
            Box::new(Taking(
                Inventory::default(),
                Vec::new(),
                Arc::clone(&self.given),
            ))
        })
    }
}

struct Taking(Inventory, Vec<FileEntry>, Arc<Mutex<Inventory>>);

impl EntryEvaluator for Taking {
    fn sections(&mut self, inventory: &Inventory) {
        self.0 = inventory.clone();
    }

    fn file(&mut self, file: &FileEntry) {
        self.1.push(file.clone());
    }

    fn finish(self: Box<Self>, files: &FilesEnd) -> Findings {
        let Self(mut inventory, given, kept) = *self;
        files.clone().complete(&mut inventory, given);
        let keeper = Keeper {
            given: kept,
            ..Keeper::default()
        };
        keeper.evaluate(&inventory, &today())
    }
}

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

fn file(path: &str, mode: i64, digest: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        mode,
        size: 10,
        modified: Some(1_700_000_000),
        digest: digest.repeat(64),
        capabilities_known: true,
        ..FileEntry::default()
    }
}

fn directory(path: &str, mode: i64) -> FileEntry {
    FileEntry {
        kind: FileKind::Directory,
        capabilities_known: false,
        ..file(path, mode, "")
    }
}

fn link(path: &str, to: &str) -> FileEntry {
    FileEntry {
        kind: FileKind::Symlink,
        link: to.into(),
        capabilities_known: false,
        ..file(path, 0o777, "")
    }
}

fn shut(path: &str) -> Gap {
    Gap::new(GapKind::NotSearchable).at(path)
}

/// An image with a directory that only root may look into.
fn image() -> Vec<FileEntry> {
    vec![
        directory("/", 0o755),
        directory("/etc", 0o755),
        file("/etc/passwd", 0o644, "a"),
        file("/etc/shadow", 0o640, "b"),
        directory("/root", 0o700),
        file("/root/.bashrc", 0o644, "c"),
        directory("/root/.ssh", 0o700),
        file("/root/.ssh/id", 0o600, "d"),
        directory("/var", 0o755),
        link("/var/run", "/run"),
        directory("/run", 0o755),
        directory("/run/lock", 0o700),
        file("/run/lock/x", 0o600, "e"),
    ]
}

/// What the container shows of it.
fn shown() -> Vec<FileEntry> {
    let mut files = image();
    files.retain(|file| {
        let path = file.path.as_text();
        !path.starts_with("/root/") && !path.starts_with("/run/lock/")
    });
    files
}

fn mount(target: &str, option: &str) -> Mount {
    Mount {
        target: target.into(),
        options: vec![option.into()],
        ..Mount::default()
    }
}

fn whole(files: Vec<FileEntry>) -> Inventory {
    Inventory {
        files: Collected::Complete { data: files },
        ..Inventory::default()
    }
}

/// A container with a read-only root filesystem.
fn container(files: Vec<FileEntry>, gaps: impl IntoIterator<Item = Gap>) -> Inventory {
    Inventory {
        files: Collected::with_gaps(files, gaps.into_iter().collect()),
        mounts: Collected::Complete {
            data: vec![mount("/", "ro"), mount("/proc", "rw")],
        },
        pod: Collected::Complete {
            data: PodFacts {
                read_only_root_filesystem: true,
                ..PodFacts::default()
            },
        },
        ..Inventory::default()
    }
}

/// All files with their contents.
fn everything() -> InventoryRequest {
    InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            digest: true,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    }
}

fn read(asked: &InventoryRequest, image: &Inventory) -> Arc<WholeImage> {
    let reader = ImageReader::new(asked);
    let found = reader.evaluate(image, &today());
    assert!(found.results.iter().all(CheckResult::looked));
    Arc::new(reader.take().expect("an image"))
}

/// What an engine is given of `container`, as a list and as a stream, and what the report says of it.
fn completed_with(
    asked: &InventoryRequest,
    image: &Inventory,
    container: &Inventory,
) -> (Inventory, Completion) {
    let place = Arc::new(OnceLock::new());
    place.set(read(asked, image)).expect("empty");
    let all = [false, true].map(|streams| {
        let keeper = Arc::new(Keeper {
            request: asked.clone(),
            streams,
            ..Keeper::default()
        });
        let engine = Completed::new(keeper.clone(), Arc::clone(&place));
        run(&engine, container);
        let given = keeper.given.lock().unwrap().clone();
        (given, engine.take().expect("a completion"))
    });
    let [list, stream] = all;
    assert_eq!(list, stream, "a list and a stream come to the same");
    list
}

fn run(engine: &Completed, container: &Inventory) -> Findings {
    run_in(engine, container, &today())
}

fn run_in(engine: &Completed, container: &Inventory, context: &Evaluation) -> Findings {
    let Some(mut evaluator) = engine.by_entry(context) else {
        return engine.evaluate(container, context);
    };
    let mut sections = container.clone();
    let files = std::mem::take(&mut sections.files);
    evaluator.sections(&sections);
    if let Collected::Complete { data } | Collected::Partial { data, .. } = &files {
        for file in data {
            evaluator.file(file);
        }
    }
    evaluator.finish(&FilesEnd::new(files.coverage(), container.files_listed))
}

fn completed(image: Vec<FileEntry>, container: &Inventory) -> (Inventory, Completion) {
    completed_with(&everything(), &whole(image), container)
}

fn paths(inventory: &Inventory) -> Vec<&str> {
    let files = inventory.files.data().into_iter().flatten();
    let mut paths: Vec<&str> = files.map(|file| file.path.as_text()).collect();
    paths.sort_unstable();
    paths
}

fn left(inventory: &Inventory) -> String {
    match inventory.files.coverage() {
        Coverage::Partial { gaps } => gaps.to_string(),
        Coverage::Complete => String::new(),
        other => format!("{other:?}"),
    }
}
