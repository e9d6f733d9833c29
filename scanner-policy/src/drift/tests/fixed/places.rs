//! Places that were not read, each by itself.

use scanner_core::inventory::Gaps;

use super::*;

#[test]
fn a_place_that_is_not_shown_as_in_the_image_stays_unseen() {
    type Change = fn(&mut Vec<FileEntry>);
    let changes: [(&str, Change); 3] = [
        // Something was made, renamed or deleted in it, by a runtime at least.
        ("/root", |files| at(files, "/root").modified = Some(1)),
        ("/root", |files| at(files, "/root").modified = None),
        ("/etc/shadow", |files| {
            at(files, "/etc/shadow").modified = Some(1);
        }),
    ];
    for (path, change) in changes {
        let mut files = shown();
        change(&mut files);
        let found = compare(&tree(hardened()), &container(files, gaps()));
        assert_eq!(found.count(CheckStatus::Pass), 0, "{path}");
        let unseen = unseen(&found);
        assert!(unseen.iter().all(|line| line.contains(path)), "{unseen:?}");
        assert!(!unseen.is_empty());
    }
    // A place of which nobody said where it is, that broke off, or that changed meanwhile.
    for gap in [
        Gap::new(GapKind::NotReadable),
        Gap::new(GapKind::OverLimit).at("/root"),
        Gap::new(GapKind::Vanished).at("/root"),
        Gap::new(GapKind::NotSearchable).at("/nowhere"),
        shut("/root").of_item("a process"),
    ] {
        let with = |gap: &Gap| gaps().into_iter().chain([gap.clone()]);
        let found = compare(&tree(hardened()), &container(shown(), with(&gap)));
        assert_eq!(found.count(CheckStatus::Pass), 0, "{gap}");
        let found = compare(
            &unread(hardened(), [gap.clone()]),
            &container(shown(), gaps()),
        );
        assert_eq!(found.count(CheckStatus::Pass), 0, "image {gap}");
    }
}

/// The same with these gaps in place of its own.
fn counting(mut one: Inventory, gaps: &Gaps) -> Inventory {
    one.files = Collected::Partial {
        data: one.files.data().cloned().unwrap_or_default(),
        gaps: gaps.clone(),
    };
    one
}

#[test]
fn a_list_that_counts_more_than_it_names_is_never_complete() {
    for (count, passes) in [(0, true), (1, true), (2, false)] {
        let mut all = Gaps::default();
        all.add_counted(shut("/root"), count);
        let mut shown = hardened();
        shown.retain(|file| !file.path.as_text().starts_with("/root/"));
        let found = compare(
            &tree(hardened()),
            &counting(container(shown.clone(), []), &all),
        );
        assert_eq!(found.count(CheckStatus::Error) == 0, passes, "{count}");
        let image = counting(unread(shown.clone(), []), &all);
        let found = compare(&image, &container(shown, [shut("/root")]));
        assert_eq!(
            found.count(CheckStatus::Error) == 0,
            passes,
            "image {count}"
        );
    }
}

#[test]
fn what_is_mounted_is_left_out_however_it_is_shut() {
    let mut one = container(shown(), gaps());
    for target in ["/data", "/root/work"] {
        mounts(&mut one).push(Mount {
            options: vec!["rw".into()],
            ..mount(target)
        });
    }
    if let Collected::Complete { data } = planning(&["/data", "/root/work"]) {
        pod(&mut one).containers = data.containers;
    }
    let mut all = gaps();
    all.push(shut("/data/deep"));
    one.files = Collected::with_gaps(shown(), all.into_iter().collect());
    // The image has something at the place where a volume is mounted below a directory that is shut.
    let mut image = hardened();
    image.extend([
        kind("/root/work", FileKind::Directory),
        file("/root/work/tool", 0o755, "tt"),
    ]);
    let found = compare(&tree(image), &one);
    cannot_differ(&found, "5 paths cannot differ");
    let limits = found.results[0].limits.join("\n");
    assert!(limits.contains("/data, /dev"), "{limits}");
    assert!(limits.contains("/root/work"), "{limits}");
    // The volume itself is not fixed: nothing below it is said to be the image.
    let says = found.results[0].limits.iter();
    let fixed: Vec<&String> = says.filter(|l| l.contains("cannot differ")).collect();
    assert!(
        !fixed[0].contains("/data") && !fixed[0].contains("/root/work"),
        "{fixed:?}"
    );
}

#[test]
fn what_the_container_shows_where_the_image_was_cut_off_is_listed() {
    let mut more = shown();
    more.push(file("/opt/tool", 0o755, "tt"));
    let cut = Gap::new(GapKind::OverLimit).at("/opt");
    let found = compare(&unread(hardened(), [cut]), &container(more, gaps()));
    let listed = unseen(&found)
        .iter()
        .filter(|line| line.starts_with("/opt/tool: not compared"));
    assert_eq!(listed.count(), 1, "{:?}", unseen(&found));
}
