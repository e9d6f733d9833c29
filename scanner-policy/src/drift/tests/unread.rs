//! What could not be compared is listed, and is no difference and no pass.

use scanner_core::{
    Verdict,
    finding::{CheckStatus, Findings, Severity},
    inventory::{Collected, Coverage, FileEntry, FileKind, Gap, GapKind, Inventory},
};

use super::support::*;

#[test]
fn what_could_not_be_read_is_never_a_pass() {
    let unread = drift_of(|f| f[4].digest = String::new());
    let partial = partial(
        base(),
        Gap::new(GapKind::Unknown).with_note("1 not readable"),
    );
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
    // As a shell says it, whose tools do not say where.
    let partial = |files| partial(files, Gap::new(GapKind::NotReadable));
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
fn capabilities_that_were_not_read_are_reported() {
    let last = |found: &Findings| found.results.last().cloned().expect("drift-unseen");
    let read = drift_of(|_| {});
    assert_eq!(last(&read).message, "both sides were read completely");
    assert_eq!(last(&read).not_read, 0);
    let words = "capabilities of 4 programs were not compared, such as /bin/chage: one side did not read them";
    let blind = |files: &mut Vec<FileEntry>| {
        for file in files.iter_mut() {
            file.capabilities_known = false;
        }
    };
    let mut unread = base();
    blind(&mut unread);
    for mut found in [
        drift_of(blind),
        compare(&tree(unread.clone()), &tree(base())),
        compare(&tree(unread.clone()), &tree(unread)),
    ] {
        // It passes, and does not count as complete.
        assert_eq!(last(&found).message, words);
        assert!(
            found
                .results
                .iter()
                .all(|r| r.limits.contains(&words.into()))
        );
        let verdict = |found: &Findings| Verdict::of(std::slice::from_ref(found), Severity::Info);
        assert_eq!(verdict(&found), Verdict::Passed);
        found.demand_complete();
        assert_eq!(verdict(&found), Verdict::Incomplete);
        let errors = found
            .results
            .iter()
            .filter(|r| r.status == CheckStatus::Error);
        let errors: Vec<(&str, u64)> = errors.map(|r| (r.id.as_str(), r.not_read)).collect();
        let expected = [
            "drift-executable-changed",
            "drift-permissions-changed",
            "drift-unseen",
        ];
        assert_eq!(errors, expected.map(|id| (id, 4)));
    }
    // What is no program has none that count.
    let data = drift_of(|files| {
        let mut data = files.iter_mut().filter(|file| file.path == *"/srv/data");
        data.next().expect("data").capabilities_known = false;
    });
    assert_eq!(last(&data).message, "both sides were read completely");
}

#[test]
fn what_lies_beyond_the_end_of_a_list_is_not_compared() {
    let open = |path: &str| kind(path, FileKind::Directory);
    let (image, mut more) = (base(), base());
    let new = ["/bin/evil", "/etc/evil", "/bin/sub/evil", "/new"];
    more.extend(new.map(|path| file(path, 0o755, "dd")));
    more.push(open("/bin/sub"));
    let at = |kind, path: &str| Gap::new(kind).at(path);
    let cases: [(Gap, &[&str]); 8] = [
        (at(GapKind::OverLimit, "/bin"), &["/etc/evil", "/new"]),
        (at(GapKind::NotListable, "/bin"), &["/etc/evil", "/new"]),
        (at(GapKind::Vanished, "/bin"), &["/etc/evil", "/new"]),
        (
            at(GapKind::NotSearchable, "/bin/sub"),
            &["/bin/evil", "/etc/evil", "/new"],
        ),
        (
            at(GapKind::Vanished, "/bin/evil"),
            &["/bin/sub/evil", "/etc/evil", "/new"],
        ),
        (at(GapKind::OverLimit, "/"), &[]),
        (Gap::new(GapKind::OverLimit), &[]),
        (Gap::new(GapKind::Malformed), &[]),
    ];
    for (gap, compared) in cases {
        let lists = |found: &Findings, path: &str| {
            let words = |line: &String| line.split([' ', ':']).next() == Some(path);
            let failed = found
                .results
                .iter()
                .filter(|r| r.status == CheckStatus::Fail);
            let is_failed = failed.flat_map(|result| &result.evidence).any(words);
            let is_unseen = unseen(found)
                .iter()
                .any(|line| words(line) && line.contains("not compared"));
            (is_failed, is_unseen)
        };
        // The image was read in part, and the container has more.
        let added = compare(&partial(image.clone(), gap.clone()), &tree(more.clone()));
        // The container was read in part, and the image has more.
        let removed = compare(&tree(more.clone()), &partial(image.clone(), gap.clone()));
        for path in new {
            let is_known = compared.contains(&path);
            for found in [&added, &removed] {
                assert_eq!(lists(found, path), (is_known, !is_known), "{gap:?} {path}");
                assert_eq!(found.count(CheckStatus::Pass), 0, "{gap:?}");
            }
        }
    }
    // A gap in what was seen of a file hides no other one.
    let digest =
        at(GapKind::OverLimit, "/").of_attribute(scanner_core::inventory::Attribute::Digest);
    let found = compare(&partial(image.clone(), digest), &tree(more.clone()));
    assert!(failed(&found).contains(&"drift-executable-added"));
    // Nothing of a side that was not read at all is a difference.
    for unread in [
        Collected::NotRequested,
        Coverage::Unavailable { reason: "x".into() }.with(vec![]),
    ] {
        let nothing = Inventory {
            files: unread,
            ..tree(vec![])
        };
        for found in [
            compare(&nothing, &tree(more.clone())),
            compare(&tree(more.clone()), &nothing),
        ] {
            assert_eq!(failed(&found), Vec::<&str>::new());
        }
    }
}
