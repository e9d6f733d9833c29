//! Places that the container does not show, and which of them the image fills.

use super::*;

#[test]
fn a_place_that_the_container_does_not_show_comes_from_the_image() {
    let (given, completion) = completed(
        image(),
        &container(shown(), [shut("/root"), shut("/run/lock")]),
    );
    let all = whole(image());
    assert_eq!(paths(&given), paths(&all));
    assert_eq!(left(&given), "");
    let read = &completion.from_image;
    assert!(read.fixed && read.places() == 2, "{read:?}");
    assert_eq!(completion.coverage[&Section::Files], Coverage::Complete);
    assert_eq!(given.from_image.as_ref(), Some(read));
}

#[test]
fn what_is_not_so_in_the_image_stays_a_gap() {
    type Change = fn(&mut Inventory);
    fn files(container: &mut Inventory) -> &mut Vec<FileEntry> {
        match &mut container.files {
            Collected::Partial { data, .. } => data,
            other => panic!("{other:?}"),
        }
    }
    fn at<'a>(container: &'a mut Inventory, path: &str) -> &'a mut FileEntry {
        let mut files = files(container).iter_mut();
        files.find(|file| file.path == *path).expect("it is there")
    }
    let changes: [(&str, Change); 14] = [
        ("written since", |c| at(c, "/root").modified = Some(1)),
        ("its time is not known", |c| at(c, "/root").modified = None),
        ("another mode", |c| at(c, "/root").mode = 0o711),
        ("another owner", |c| at(c, "/root").uid = 5),
        ("another kind", |c| at(c, "/root").kind = FileKind::File),
        ("not there", |c| at(c, "/root").exists = false),
        ("not shown at all", |c| {
            files(c).retain(|f| f.path != "/root");
        }),
        ("something is in it", |c| {
            files(c).push(directory("/root/new", 0o755));
        }),
        ("something in it is not there", |c| {
            files(c).push(FileEntry {
                path: "/root/.bashrc".into(),
                ..FileEntry::default()
            });
        }),
        ("something in it was written", |c| {
            files(c).push(FileEntry {
                size: 11,
                ..file("/root/.bashrc", 0o644, "c")
            });
        }),
        ("something in it has its capabilities in another set", |c| {
            files(c).push(FileEntry {
                capability_sets: "CAP_CHOWN=ep".into(),
                ..file("/root/.bashrc", 0o644, "c")
            });
        }),
        ("mounted", |c| {
            let Collected::Complete { data } = &mut c.mounts else {
                panic!("mounts")
            };
            data.push(mount("/root", "rw"));
        }),
        ("mounts are not known", |c| {
            c.mounts = Collected::NotRequested;
        }),
        ("not all mounts are known", |c| {
            let gaps: Gaps = Gap::new(GapKind::Unknown).into();
            c.mounts = Collected::Partial {
                data: vec![mount("/", "ro")],
                gaps,
            };
        }),
    ];
    for (what, change) in changes {
        let mut one = container(shown(), [shut("/root")]);
        change(&mut one);
        let before = paths(&one).len();
        let (given, completion) = completed(image(), &one);
        assert_eq!(left(&given), "/root: not searchable", "{what}");
        assert_eq!(paths(&given).len(), before, "{what}");
        assert!(completion.from_image.is_empty(), "{what}");
        assert!(completion.coverage.is_empty(), "{what}");
    }
}

#[test]
fn what_nobody_was_refused_stays_a_gap() {
    for gap in [
        Gap::new(GapKind::Vanished).at("/root"),
        Gap::new(GapKind::OverLimit).at("/root"),
        Gap::new(GapKind::Unknown).at("/root"),
        Gap::new(GapKind::NotReadable),
        Gap::new(GapKind::NotSearchable).of_item("process 1"),
    ] {
        let (given, completion) = completed(image(), &container(shown(), [gap.clone()]));
        assert_eq!(left(&given), gap.to_string());
        assert!(completion.from_image.is_empty(), "{gap}");
    }
}

#[test]
fn a_place_behind_a_link_may_be_elsewhere() {
    // A walk that starts at a link has the names below it, and in the container something may be mounted where it leads.
    let seen = directory("/var/run/lock", 0o700);
    let mut read = image();
    read.extend([seen.clone(), file("/var/run/lock/x", 0o600, "e")]);
    let mut files = shown();
    files.push(seen);
    let gap = shut("/var/run/lock");
    let (given, completion) = completed(read, &container(files, [gap.clone()]));
    assert_eq!(left(&given), gap.to_string());
    assert!(completion.from_image.is_empty());
}

#[test]
fn a_mount_within_a_place_is_left_out_of_it() {
    let mut one = container(shown(), [shut("/root")]);
    let Collected::Complete { data } = &mut one.mounts else {
        panic!("mounts")
    };
    data.push(mount("/root/.ssh", "rw"));
    let (given, completion) = completed(image(), &one);
    assert_eq!(left(&given), "/root/.ssh: not searchable");
    assert!(paths(&given).contains(&"/root/.bashrc"));
    assert!(
        paths(&given)
            .iter()
            .all(|path| !path.starts_with("/root/.ssh"))
    );
    assert_eq!(completion.from_image.places(), 1);
}

#[test]
fn what_the_image_did_not_show_either_stays_a_gap() {
    for (gap, stays) in [
        (shut("/root/.ssh"), "/root/.ssh: not searchable"),
        (shut("/root"), "/root: not searchable"),
        (shut("/"), "/root: not searchable"),
        (Gap::new(GapKind::OverLimit), "/root: not searchable"),
    ] {
        let mut read = whole(image());
        read.files = Collected::Partial {
            data: image(),
            gaps: gap.clone().into(),
        };
        let one = container(shown(), [shut("/root")]);
        let (given, _) = completed_with(&everything(), &read, &one);
        assert_eq!(left(&given), stays, "{gap}");
    }
}

#[test]
fn without_an_image_nothing_is_checked() {
    let engine = Completed::new(Arc::new(Keeper::default()), Arc::default());
    let found = run(&engine, &container(shown(), [shut("/root")]));
    assert!(found.results.iter().all(|result| !result.looked()));
    assert_eq!(found.results[0].message, "the image was not read");
    assert_eq!(engine.take(), None);
}

#[test]
fn what_is_named_and_in_neither_is_not_there() {
    let asked = InventoryRequest {
        files: vec![FileSelector {
            paths: vec!["/root/.netrc".into(), "/root/.ssh/id".into()],
            ..FileSelector::default()
        }],
        ..everything()
    };
    let gaps = [shut("/root/.netrc"), shut("/root/.ssh/id")];
    let (given, _) = completed_with(&asked, &whole(image()), &container(shown(), gaps));
    assert_eq!(left(&given), "");
    let files = given.files.data().expect("files");
    let of = |path: &str| {
        files
            .iter()
            .find(|file| file.path == *path)
            .map(|f| f.exists)
    };
    assert_eq!(of("/root/.netrc"), Some(false));
    assert_eq!(of("/root/.ssh/id"), Some(true));
}

fn asking(selector: FileSelector) -> InventoryRequest {
    InventoryRequest {
        files: vec![selector],
        ..everything()
    }
}

fn named(path: &str, follow: bool) -> InventoryRequest {
    asking(FileSelector {
        paths: vec![path.into()],
        follow,
        ..FileSelector::default()
    })
}

fn under(path: &str) -> InventoryRequest {
    asking(FileSelector {
        under: vec![path.into()],
        ..FileSelector::default()
    })
}

/// What stays missing of `/root` where the image has links in it and the engine asks for that.
fn left_of_root(asked: &InventoryRequest) -> (String, Vec<String>) {
    let mut files = image();
    files.extend([
        link("/root/.netrc", "/data/netrc"),
        link("/root/keys", "/data/keys"),
        // The agent says by its name what it finds beyond a link.
        file("/root/keys/authorized_keys", 0o644, "f"),
    ]);
    let one = container(shown(), [shut("/root")]);
    let (given, completion) = completed_with(asked, &whole(files), &one);
    assert_eq!(completion.from_image.places(), 1);
    let new = paths(&given).into_iter().map(str::to_owned);
    let old = paths(&one);
    let new = new.filter(|path| !old.contains(&path.as_str())).collect();
    (left(&given), new)
}

#[test]
fn what_lies_beyond_a_link_of_the_image_is_not_known_of_the_container() {
    for (asked, elsewhere) in [
        (
            named("/root/keys/authorized_keys", false),
            "/root/keys/authorized_keys",
        ),
        (named("/root/keys/none", false), "/root/keys/none"),
        (named("/root/keys/none/none", true), "/root/keys/none/none"),
        (named("/root/.netrc", true), "/root/.netrc"),
        (named("/root/./keys/none", false), "/root/./keys/none"),
        (
            named("/root/.ssh/../keys/none", false),
            "/root/.ssh/../keys/none",
        ),
        (named("/root//keys/none", false), "/root//keys/none"),
        (under("/root/keys"), "/root/keys"),
        (under("/root/keys/"), "/root/keys/"),
        (under("/root/keys/below"), "/root/keys/below"),
    ] {
        let (left, new) = left_of_root(&asked);
        assert_eq!(left, format!("{elsewhere}: not searchable"));
        assert!(new.contains(&"/root/keys".into()), "{new:?}");
        assert!(
            new.iter().all(|path| !path.starts_with("/root/keys/")),
            "{new:?}"
        );
    }
    for asked in [
        named("/root/.netrc", false),
        named("/root/.ssh/id", true),
        under("/root/.ssh"),
        under("/"),
        everything(),
    ] {
        let (left, new) = left_of_root(&asked);
        assert_eq!(left, "", "{asked:?}");
        assert!(new.contains(&"/root/.netrc".into()), "{new:?}");
    }
}
