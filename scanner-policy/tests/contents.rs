//! What is missing in files is missing for the checks that ask for it, and for no other.

use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::CheckStatus,
    inventory::{Collected, FileEntry, FileKind, Gap, GapKind, Inventory, Section},
};
use scanner_policy::Profile;

const PROFILE: &str = "
name: contents
version: '1'
title: Contents
checks:
  - id: digest
    title: The program is the one that was built
    severity: high
    rationale: r
    fix: f
    files: [{paths: [/app], digest: true}]
    violations: files.filter(f, f.digest == \"00\").map(f, f.path)
  - id: other-digest
    title: So is its helper
    severity: high
    rationale: r
    fix: f
    files: [{paths: [/helper], digest: true}]
    violations: files.filter(f, f.digest == \"00\").map(f, f.path)
  - id: mode
    title: The program is not setuid
    severity: high
    rationale: r
    fix: f
    files: [{paths: [/app]}]
    violations: files.filter(f, mode_has(f.mode, \"6000\")).map(f, f.path)
  - id: capabilities
    title: The program has no capabilities
    severity: high
    rationale: r
    fix: f
    files: [{paths: [/app], capabilities: true}]
    violations: files.filter(f, f.capabilities.size() > 0).map(f, f.path)
";

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

fn file(path: &str, digest: &str, capabilities_known: bool) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        kind: FileKind::File,
        mode: 0o755,
        digest: digest.into(),
        capabilities_known,
        ..FileEntry::default()
    }
}

/// What each check says of `/app` and `/helper`.
fn statuses(app: FileEntry, files_listed: bool) -> Vec<CheckStatus> {
    let profile = Profile::parse(PROFILE, "contents.yaml").unwrap_or_else(|e| unreachable!("{e}"));
    assert!(profile.request().sections.contains(&Section::Files));
    let inventory = Inventory {
        files: Collected::Partial {
            data: vec![app, file("/helper", "11", true)],
            gaps: Gap::new(GapKind::Unknown)
                .with_note("1 files without a digest")
                .into(),
        },
        files_listed,
        ..Inventory::default()
    };
    let findings = profile.evaluate(&inventory, &today());
    findings.results.iter().map(|r| r.status).collect()
}

#[test]
fn a_missing_digest_or_capability_is_an_error_where_it_is_asked_for_only() {
    use CheckStatus::{Error, Pass};
    let said = statuses(file("/app", "", true), true);
    assert_eq!(said, [Error, Pass, Pass, Pass], "no digest");
    let said = statuses(file("/app", "11", false), true);
    assert_eq!(said, [Pass, Pass, Pass, Error], "no capabilities");
}

#[test]
fn where_files_themselves_may_be_missing_nothing_passes() {
    let said = statuses(file("/app", "11", true), false);
    assert_eq!(said, [CheckStatus::Error; 4]);
}
