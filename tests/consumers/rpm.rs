//! Databases of rpm on real distributions, as the probe and a reader in Go list them.

use std::{fs, path::PathBuf, process::Command};

use scanner_core::inventory::{Collected, InventoryRequest, Section, parse};
use scanner_probe::{Root, Subject, answer};

use crate::consumers;

/// The databases that the reader in Go is tested with: `CentOS` 5 to 8, RHEL 8 of a big-endian machine, SUSE.
pub(super) fn databases() -> Vec<PathBuf> {
    let readers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("consumers/readers");
    let module = Command::new("go")
        .args([
            "list",
            "-m",
            "-f",
            "{{.Dir}}",
            "github.com/knqyf263/go-rpmdb",
        ])
        .current_dir(readers)
        .output()
        .unwrap();
    let folder = PathBuf::from(String::from_utf8(module.stdout).unwrap().trim());
    let systems = fs::read_dir(folder.join("pkg/testdata")).unwrap();
    let files = systems.flat_map(|system| {
        let system = system.unwrap().path();
        // The reader in Go needs another module for those in SQLite format.
        ["Packages", "Packages.db"].map(|name| system.join(name))
    });
    files.filter(|file| file.exists()).collect()
}

/// `NAME VERSION ARCH SOURCE` of each package, sorted.
fn ours(database: &PathBuf) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    let rpm = root.path().join("var/lib/rpm");
    fs::create_dir_all(&rpm).unwrap();
    fs::copy(database, rpm.join(database.file_name().unwrap())).unwrap();
    let request = InventoryRequest {
        sections: [Section::Packages].into(),
        ..InventoryRequest::default()
    };
    let subject = Subject {
        root: Box::new(Root::open(root.path()).unwrap()),
        process: None,
        container: String::new(),
    };
    let mut out = Vec::new();
    answer(&subject, &request, "n", &mut out).unwrap();
    let found = parse::inventory(scanner_probe::NAME, &out, "n", &request).unwrap();
    let Collected::Complete { data } = found.packages else {
        panic!("{}: {:?}", database.display(), found.packages);
    };
    let lines = data.into_iter().map(|p| {
        let source = match p.source.as_str() {
            "" => String::new(),
            name => format!("{name}-{}.src.rpm", p.source_version),
        };
        format!("{} {} {} {source}", p.name, p.version, p.arch)
    });
    sorted(lines.collect())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn rpm_databases_of_real_distributions_are_read_as_another_reader_does() {
    let all = databases();
    assert!(all.len() >= 12, "{all:?}");
    for database in all {
        let mut readers = Command::new(consumers().join("readers"));
        let said = readers.arg("rpm").arg(&database).output().unwrap();
        assert!(said.status.success(), "{}", database.display());
        let text = String::from_utf8(said.stdout).unwrap();
        let theirs = sorted(text.lines().map(str::to_owned).collect());
        assert!(!theirs.is_empty());
        assert_eq!(ours(&database), theirs, "{}", database.display());
    }
}
