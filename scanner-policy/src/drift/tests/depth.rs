//! What is compared by its contents, and what by its time.

use scanner_core::{
    finding::CheckStatus,
    inventory::{FileEntry, Section},
};

use super::support::*;
use crate::drift::{Depth, request::request};

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
            vec!["drift-executable-changed"],
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
fn a_script_counts_as_a_program_by_its_name() {
    let with = |path: &str| {
        let mut files = base();
        files.push(file(path, 0o644, "x"));
        tree(files)
    };
    for (path, runs) in [
        ("/var/www/html/x.php", true),
        ("/var/www/html/x.PhP5", true),
        ("/app/server.py", true),
        ("/usr/lib/python3/dist-packages/a.pth", true),
        ("/app/libx.so.1", true),
        ("/app/so.data", false),
        ("/app/data.txt", false),
        ("/app/php", false),
        // Python writes these while the container runs.
        ("/app/__pycache__/server.cpython-313.pyc", false),
        ("/app/server.pyc", true),
    ] {
        let found = compare_at(Depth::default(), &tree(base()), &with(path));
        let added = if runs {
            "drift-executable-added"
        } else {
            "drift-file-added"
        };
        assert_eq!(failed(&found), [added], "{path}");
        let found = compare_at(Depth::default(), &with(path), &tree(base()));
        let is_cached = path.contains("__pycache__");
        let removed = if runs || is_cached {
            "drift-executable-removed"
        } else {
            "drift-file-removed"
        };
        assert_eq!(failed(&found), [removed], "{path}");
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
