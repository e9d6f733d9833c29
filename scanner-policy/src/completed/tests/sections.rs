//! Sections that come from files: what the container's user may not read of them.

use scanner_core::inventory::{
    Attribute, CommandEntry, LanguagePackage, PasswordState, ShadowEntry,
};

use super::*;

fn entry(name: &str) -> ShadowEntry {
    ShadowEntry {
        name: name.into(),
        password: PasswordState::Locked,
        ..ShadowEntry::default()
    }
}

fn asking(section: Section) -> InventoryRequest {
    let mut asked = everything();
    asked.sections.insert(section);
    asked
}

fn with_shadow() -> Inventory {
    Inventory {
        shadow: Collected::Complete {
            data: vec![entry("root")],
        },
        ..whole(image())
    }
}

fn refused() -> Inventory {
    Inventory {
        shadow: Collected::Unavailable {
            reason: "/etc/shadow cannot be read by this user".into(),
        },
        ..container(shown(), [])
    }
}

#[test]
fn a_file_of_accounts_comes_from_the_image_where_it_is_the_same_file() {
    let asked = asking(Section::Shadow);
    let (given, completion) = completed_with(&asked, &with_shadow(), &refused());
    assert_eq!(given.shadow, with_shadow().shadow);
    assert_eq!(completion.coverage[&Section::Shadow], Coverage::Complete);
    let gaps = completion.from_image.of(Section::Shadow).expect("read");
    assert_eq!(gaps.to_string(), "/etc/shadow: not readable");
}

#[test]
fn a_file_of_accounts_that_is_another_one_does_not() {
    type Change = fn(&mut Inventory, &mut Inventory);
    fn shadow(container: &mut Inventory) -> &mut FileEntry {
        let Collected::Complete { data } = &mut container.files else {
            panic!("files")
        };
        let mut files = data.iter_mut();
        files
            .find(|file| file.path == "/etc/shadow")
            .expect("it is there")
    }
    let changes: [Change; 8] = [
        |c, _| {
            c.shadow = Collected::Unavailable {
                reason: "/etc/shadow cannot be read: Input/output error (os error 5)".into(),
            };
        },
        |c, _| shadow(c).size = 11,
        |c, _| shadow(c).modified = Some(1),
        |c, _| shadow(c).uid = 1,
        |c, _| c.mounts = Collected::NotRequested,
        |c, _| {
            c.shadow = Collected::Unavailable {
                reason: "the agent did not answer this section".into(),
            };
        },
        |_, image| {
            image.shadow = Collected::Partial {
                data: vec![entry("root")],
                gaps: Gap::new(GapKind::OverLimit).into(),
            };
        },
        |_, image| {
            let Collected::Complete { data } = &mut image.files else {
                panic!("files")
            };
            data.retain(|file| file.path != "/etc/shadow");
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut one, mut image) = (refused(), with_shadow());
        change(&mut one, &mut image);
        let (given, completion) = completed_with(&asking(Section::Shadow), &image, &one);
        assert_eq!(given.shadow, one.shadow, "case {number}");
        assert!(completion.from_image.is_empty(), "case {number}");
        assert!(completion.coverage.is_empty(), "case {number}");
    }
}

#[test]
fn packages_of_a_place_are_added_to_those_of_the_container() {
    let package = |name: &str, path: &str| LanguagePackage {
        name: name.into(),
        path: path.into(),
        ..LanguagePackage::default()
    };
    let own = package("own", "/srv/package.json");
    let of_root = package("of-root", "/root/.ssh/package.json");
    let elsewhere = package("removed", "/opt/package.json");
    let asked = asking(Section::LanguagePackages);
    let read = Inventory {
        language_packages: Collected::Complete {
            data: vec![of_root.clone(), elsewhere],
        },
        ..whole(image())
    };
    let one = |files| Inventory {
        language_packages: Collected::Partial {
            data: vec![own.clone()],
            gaps: [shut("/root"), Gap::new(GapKind::OverLimit)]
                .into_iter()
                .collect(),
        },
        ..container(files, [])
    };
    let (given, completion) = completed_with(&asked, &read, &one(shown()));
    let Collected::Partial { data, gaps } = &given.language_packages else {
        panic!("{given:?}")
    };
    assert_eq!(*data, [own.clone(), of_root.clone()]);
    assert_eq!(gaps.to_string(), "over a limit");
    assert_eq!(completion.language_packages, [of_root]);
    // Where the place proves to be another one, the section is the container's.
    let mut changed = shown();
    changed
        .iter_mut()
        .filter(|f| f.path == "/root")
        .for_each(|f| f.uid = 1);
    let changed = one(changed);
    let (given, completion) = completed_with(&asked, &read, &changed);
    assert_eq!(given.language_packages, changed.language_packages);
    assert!(completion.language_packages.is_empty() && completion.from_image.is_empty());
}

#[test]
fn programs_of_a_place_are_added_to_those_of_the_container() {
    let command = |name: &str, path: &str| CommandEntry {
        name: name.into(),
        path: path.into(),
    };
    let mut asked = asking(Section::Commands);
    asked.commands = ["data", "nmap", "none", "own", "su", "tool"]
        .map(String::from)
        .into();
    let mut all = image();
    all.extend([
        directory("/root/bin", 0o755),
        file("/root/bin/nmap", 0o755, "1"),
        file("/root/bin/own", 0o755, "2"),
        file("/root/bin/su", 0o4710, "3"),
        file("/root/bin/data", 0o644, "4"),
    ]);
    let own = command("own", "/usr/bin/own");
    let one = |files, places: &[&str]| Inventory {
        commands: Collected::Partial {
            data: vec![own.clone()],
            gaps: places.iter().map(|place| shut(place)).collect(),
        },
        ..container(files, [])
    };
    let (given, completion) =
        completed_with(&asked, &whole(all.clone()), &one(shown(), &["/root/bin"]));
    let expected = [
        own.clone(),
        command("nmap", "/root/bin/nmap"),
        command("su", "/root/bin/su"),
    ];
    assert_eq!(
        given.commands,
        Collected::Complete {
            data: expected.into()
        }
    );
    assert_eq!(completion.coverage[&Section::Commands], Coverage::Complete);
    let gaps = completion.from_image.of(Section::Commands).expect("read");
    assert_eq!(gaps.to_string(), "/root/bin: not searchable");
    // A link of the image may lead to another place in the container.
    all.push(link("/root/bin/tool", "/srv/tool"));
    let (given, _) = completed_with(&asked, &whole(all.clone()), &one(shown(), &["/root/bin"]));
    let Coverage::Partial { gaps } = given.commands.coverage() else {
        panic!("{given:?}")
    };
    assert_eq!(gaps.to_string(), "/root/bin/tool: not readable");
    // A link that leads where the user may not look, another place than in the image, and a mount.
    let mut changed = shown();
    changed
        .iter_mut()
        .filter(|file| file.path == "/root")
        .for_each(|file| file.uid = 1);
    let mut mounted = one(shown(), &["/root/bin"]);
    mounted.mounts = Collected::Complete {
        data: vec![mount("/", "ro"), mount("/root/bin", "ro")],
    };
    for other in [
        one(shown(), &["/var/run"]),
        one(changed, &["/root/bin"]),
        mounted,
    ] {
        let (given, completion) = completed_with(&asked, &whole(all.clone()), &other);
        assert_eq!(given.commands, other.commands);
        assert!(completion.from_image.is_empty() && completion.coverage.is_empty());
    }
}

/// A container whose user may not read the contents of these files, as its agent reports it.
fn unread(change: impl Fn(&mut FileEntry)) -> Inventory {
    let gap = |path: &str| {
        let gap = Gap::new(GapKind::Unknown).at(path);
        gap.of_attribute(Attribute::Digest)
    };
    let mut files = shown();
    for file in &mut files {
        if ["/etc/shadow", "/etc/passwd"].contains(&file.path.as_text()) {
            file.digest.clear();
            change(file);
        }
    }
    container(files, [gap("/etc/shadow"), gap("/etc/passwd")])
}

#[test]
fn contents_come_from_the_image_and_the_rest_stays_the_containers() {
    let (given, completion) = completed(image(), &unread(|_| {}));
    assert_eq!(left(&given), "");
    let files = given.files.data().expect("files");
    let shadow = files.iter().find(|file| file.path == "/etc/shadow");
    assert_eq!(shadow.expect("shadow").digest, "b".repeat(64));
    assert_eq!(completion.from_image.places(), 2);
    assert_eq!(files.len(), shown().len(), "nothing came twice");
}

#[test]
fn contents_of_another_file_do_not() {
    for change in [
        |file: &mut FileEntry| file.size = 11,
        |file: &mut FileEntry| file.modified = Some(1),
        |file: &mut FileEntry| file.mode = 0o600,
    ] {
        // One of the two is as in the image.
        let one = unread(|file| {
            if file.path == "/etc/shadow" {
                change(file);
            }
        });
        let (given, completion) = completed(image(), &one);
        assert_eq!(left(&given), "/etc/shadow: contents not read");
        assert_eq!(completion.from_image.places(), 1);
    }
}

#[test]
fn a_gap_of_many_files_is_filled_only_with_all_of_them() {
    let folded = Gap::new(GapKind::Unknown)
        .at("/etc")
        .of_attribute(Attribute::Digest);
    for (changed, stays) in [(false, ""), (true, "/etc: contents not read")] {
        let mut one = unread(|file| {
            if changed && file.path == "/etc/shadow" {
                file.size = 11;
            }
        });
        let Collected::Partial { gaps, .. } = &mut one.files else {
            panic!("files")
        };
        *gaps = folded.clone().into();
        let (given, _) = completed(image(), &one);
        assert_eq!(left(&given), stays);
    }
}
