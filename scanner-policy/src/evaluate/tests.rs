//! Tests that a check has the same result for files one by one as for their list.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use proptest::{collection::vec, prelude::*, sample::select};
use scanner_core::{
    ScanEngine as _,
    engine::{EntryEvaluator, Evaluation},
    finding::{CheckStatus, Findings},
    inventory::{
        Attribute, Collected, Coverage, FileEntry, FileKind, Gap, GapKind, Inventory, User,
        sink::FilesEnd,
    },
};

use super::{Entries, Values, list::listed, outcome::outcome, values::variables};
use crate::{
    Profile,
    expression::{Budget, Meter},
    inputs::Input,
};

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

/// Hands an inventory over as a scan does.
fn stream(mut evaluator: Box<dyn EntryEvaluator>, inventory: &Inventory) -> Findings {
    let mut sections = inventory.clone();
    let files = std::mem::take(&mut sections.files);
    let end = FilesEnd::new(files.coverage(), inventory.files_listed);
    evaluator.sections(&sections);
    for file in files.data().into_iter().flatten() {
        evaluator.file(file);
    }
    evaluator.finish(&end)
}

fn by_entry(profile: &Profile, inventory: &Inventory) -> Findings {
    stream(profile.by_entry(&today()).unwrap(), inventory)
}

fn profile(expressions: &[&str]) -> Profile {
    let mut text = "name: t\nversion: \"1\"\ntitle: T\ninputs:\n  limit: {type: integer, description: d}\nchecks:\n".to_owned();
    for (n, expression) in expressions.iter().enumerate() {
        let files = [
            "{under: [/]}",
            "{under: [/a], digest: true}",
            "{paths: [/a/x, /b]}",
        ][n % 3];
        let scope = ["everything", "reachable"][n % 2];
        let _ = writeln!(
            text,
            "  - id: c{n}\n    title: t\n    severity: low\n    rationale: r\n    fix: f\n    files: [{files}]\n    \
             scope: {scope}\n{expression}"
        );
    }
    Profile::parse(&text, "t.yaml").unwrap_or_else(|e| panic!("{e}"))
}

/// Expressions with errors in some files, in any stage.
const EXPRESSIONS: [&str; 21] = [
    "    violations: files.map(f, f.path + octal(f.mode))",
    "    violations: files.filter(f, f.uid > 1).map(f, f.path)",
    "    violations: files.map(f, f.uid > 1, f.path)",
    "    violations: files.filter(f, f.size / (3 - f.uid) > 0).map(f, f.size / (3 - f.gid))",
    "    violations: files.filter(f, f.size / (3 - f.uid) > 0).filter(f, f.size / (3 - f.gid) > 0).map(f, f.path)",
    "    violations: 'files.map(f, f.uid == 2 ? dyn(f.exists) : f.uid == 1 ? dyn(1.5) : dyn(f.path))'",
    "    pass: files.all(f, f.uid > 0)",
    "    pass: files.all(f, f.size / (3 - f.uid) > f.gid)",
    "    pass: files.exists(f, f.size / (3 - f.uid) > f.gid)",
    "    pass: \"!files.exists(f, f.size / (3 - f.uid) > f.gid)\"",
    "    pass: files.filter(f, f.size / (3 - f.gid) > 0).all(f, f.size / (3 - f.uid) > 1)",
    "    pass: files.filter(f, f.size / (3 - f.gid) > 0).exists(f, f.size / (3 - f.uid) > 1)",
    "    pass: files.filter(f, f.size / (3 - f.gid) > 0).size() == 0",
    "    pass: files.size() > 0",
    "    pass: files.size() > 2",
    "    pass: files.exists_one(f, f.uid == 2)",
    "    violations: duplicates(files.map(f, f.uid))",
    "    applies_when: files.exists(f, f.size / (3 - f.uid) > 0)\n    violations: files.map(f, f.size / (3 - f.gid))",
    "    applies_when: files.all(f, f.uid < 2)\n    pass: users.size() > 0",
    "    applies_when: users.size() > 0\n    pass: files.all(f, f.uid < 2 && f.gid < 3 + users.size())",
    "    violations: files.filter(f, f.uid > inputs.limit).map(f, f.path)",
];

fn file() -> impl Strategy<Value = FileEntry> {
    let path = select(vec!["/a/x", "/a/y", "/a", "/b", "/c/z", "/a/x/y"]);
    let kind = select(vec![FileKind::File, FileKind::Symlink, FileKind::Directory]);
    let digest = select(vec!["", "0123"]);
    (
        path,
        kind,
        digest,
        any::<bool>(),
        0_i64..4,
        0_i64..4,
        0_i64..4,
    )
        .prop_map(|(path, kind, digest, exists, uid, gid, size)| FileEntry {
            path: path.into(),
            kind,
            digest: digest.into(),
            exists,
            uid,
            gid,
            size,
            mode: 0o644,
            ..FileEntry::default()
        })
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let gap = || Gap::new(GapKind::NotReadable);
    let coverage = select(vec![
        Coverage::Complete,
        Coverage::Complete,
        Coverage::Partial {
            gaps: gap().at("/a/x").into(),
        },
        Coverage::Partial { gaps: gap().into() },
        Coverage::Partial {
            gaps: gap().at("/c").of_attribute(Attribute::Digest).into(),
        },
        Coverage::Unavailable {
            reason: "none".into(),
        },
        Coverage::NotRequested,
    ]);
    let users = select(vec![0_i64, 1, 3]);
    (vec(file(), 0..40), coverage, any::<bool>(), users).prop_map(
        |(data, coverage, listed, users)| {
            let users = (0..users).map(|uid| User {
                uid,
                ..User::default()
            });
            Inventory {
                files: coverage.with(data),
                files_listed: listed,
                users: Collected::Complete {
                    data: users.collect(),
                },
                ..Inventory::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn files_one_by_one_say_what_their_list_says(inventory in inventory()) {
        static PROFILE: LazyLock<Profile> = LazyLock::new(|| profile(&EXPRESSIONS));
        let profile = &*PROFILE;
        let (list, entries) = (profile.evaluate(&inventory, &today()), by_entry(profile, &inventory));
        for (list, entries) in list.results.iter().zip(&entries.results) {
            prop_assert_eq!(list, entries);
        }
        prop_assert_eq!(list, entries);
    }
}

fn many(count: i64) -> Inventory {
    let file = |n| FileEntry {
        path: format!("/a/{n}").into(),
        exists: true,
        uid: n % 7,
        ..FileEntry::default()
    };
    Inventory {
        files: Collected::Complete {
            data: (0..count).map(file).collect(),
        },
        ..Inventory::default()
    }
}

#[test]
fn a_list_is_kept_up_to_its_limit_and_beyond_is_an_error_of_its_checks() {
    let profile = profile(&[
        "    pass: files.size() > 2",
        "    pass: files.all(f, f.uid < 10)",
        "    pass: files.size() < 3",
    ]);
    let warnings = profile.warnings().iter().map(|w| w.0.message.as_str());
    let lists: Vec<&str> = warnings
        .filter(|m| m.contains("needs its files as a list"))
        .collect();
    assert!(matches!(lists.as_slice(), [a, b] if a.contains("\"c0\"") && b.contains("\"c2\"")));
    let inventory = many(50);
    let whole = Box::new(Entries::new(profile.clone(), today()).keeping(50));
    assert_eq!(
        stream(whole, &inventory),
        profile.evaluate(&inventory, &today())
    );
    let cut = Box::new(Entries::new(profile, today()).keeping(49));
    let results = stream(cut, &inventory).results;
    let statuses: Vec<CheckStatus> = results.iter().map(|r| r.status).collect();
    // The last one selects two files that do not exist, so that nothing was left out for it.
    assert_eq!(
        statuses,
        [CheckStatus::Error, CheckStatus::Pass, CheckStatus::Pass]
    );
    assert!(
        results[0].message.contains("more than 49"),
        "{}",
        results[0].message
    );
}

#[test]
fn one_file_may_not_stop_the_others_and_a_check_is_stopped_alone() {
    let slow = (0..4).fold("f.uid >= 0".to_owned(), |inner, level| {
        format!("[0,1,2,3,4,5,6,7,8,9].all(v{level}, {inner})")
    });
    let profile = Profile::parse(
        &format!(
            "name: t\nversion: \"1\"\ntitle: T\nchecks:\n  - {{id: slow, title: t, severity: low, rationale: r, fix: f, \
             files: [{{under: [/]}}], pass: 'files.all(f, {slow})'}}\n  - {{id: other, title: t, \
             severity: low, rationale: r, fix: f, files: [{{under: [/]}}], violations: 'files.map(f, f.path)'}}\n"
        ),
        "t.yaml",
    );
    let profile = profile.unwrap_or_else(|e| panic!("{e}"));
    // Each file takes more than 50,000 steps, and adds 2,000.
    let budget = Budget {
        steps: 1_000_000,
        ..Budget::BY_FILE
    };
    for (files, status) in [(5, CheckStatus::Pass), (60, CheckStatus::Error)] {
        let entries = Box::new(Entries::new(profile.clone(), today()).costing(budget));
        let findings = stream(entries, &many(files));
        let [slow, other] = findings.results.as_slice() else {
            panic!("two checks")
        };
        assert_eq!(slow.status, status, "{}", slow.message);
        assert_eq!(
            slow.message.contains("was stopped after"),
            status == CheckStatus::Error
        );
        assert_eq!(other.status, CheckStatus::Fail);
        assert_eq!(other.evidence_total, files.unsigned_abs());
    }
}

#[test]
fn what_was_never_given_is_an_error() {
    let profile = profile(&["    pass: files.all(f, f.uid < 10)"]);
    let evaluator = profile.by_entry(&today()).unwrap();
    let findings = evaluator.finish(&FilesEnd::new(Coverage::NotRequested, false));
    assert_eq!(findings, profile.evaluate(&Inventory::default(), &today()));
    assert_eq!(findings.results[0].status, CheckStatus::Error);
}

#[test]
fn shipped_checks_take_less_than_a_tenth_of_their_budget() {
    let (files, times) = (2_000_i64, 100);
    let mut inventory = many(0);
    let file = |n| FileEntry {
        path: format!("/usr/lib/a/rather/long/path/to/some/directory/file-{n}.key").into(),
        exists: true,
        kind: FileKind::File,
        mode: 0o6777,
        uid: 1,
        capabilities: vec!["CAP_SYS_ADMIN".into(), "CAP_NET_RAW".into()],
        ..FileEntry::default()
    };
    inventory.files = Collected::Complete {
        data: (0..files).map(file).collect(),
    };
    let user = |uid| User {
        name: format!("somebody-{uid}"),
        uid,
        home: "/home/somebody".into(),
        ..User::default()
    };
    inventory.users = Collected::Complete {
        data: (0..2_000).map(user).collect(),
    };
    for name in Profile::SHIPPED {
        let profile = Profile::shipped(name).unwrap();
        let values = Values::new(&inventory, &profile.inputs, &Input::day(today().today));
        for check in profile.checks.iter() {
            let variables = variables(check, &inventory, &values);
            let listed = listed(&variables);
            let meter = Arc::new(Meter::new(Budget::CHECK));
            // A check of a section that is missing ends early.
            let _ = outcome(check, &variables, &meter);
            let many = if listed > 0 { times } else { 1 };
            let budget = Budget::CHECK.with_list(listed * usize::try_from(many).unwrap());
            assert!(
                meter.steps() * many < budget.steps / 10,
                "{}: {} steps",
                check.id,
                meter.steps()
            );
            assert!(
                meter.bytes() * many < budget.bytes / 2,
                "{}: {} bytes",
                check.id,
                meter.bytes()
            );
            assert!(listed == 0 || meter.steps() > 10_000, "{}", check.id);
        }
    }
}
