use std::path::Path;

use proptest::prelude::*;

use super::*;

fn place(user: Option<u64>, fstype: &str, part: &str) -> Place {
    Place {
        user,
        mount: Some(9),
        root: Some(RootMount {
            id: "1".into(),
            part: part.into(),
            fstype: fstype.into(),
        }),
    }
}

#[test]
fn a_process_in_another_user_namespace_or_on_another_filesystem_left() {
    let own = place(Some(5), "overlay", "/");
    for (other, expected) in [
        (place(Some(5), "overlay", "/"), true),
        (place(Some(6), "overlay", "/"), false),
        (place(Some(5), "tmpfs", "/"), false),
        (place(Some(5), "ramfs", "/"), false),
        (place(Some(5), "ext4", "/"), false),
        (place(Some(5), "overlay", "/x"), false),
        (place(None, "overlay", "/"), false),
    ] {
        assert_eq!(
            place_of_container(&own, &other).is_ok(),
            expected,
            "{other:?}"
        );
    }
    let jailed = Place {
        root: None,
        ..own.clone()
    };
    assert_eq!(place_of_container(&own, &jailed), Err(Not::Jailed));
    // In a pod with users of its own the probe is in the pod's user namespace too.
    let pod = place(Some(77), "overlay", "/");
    assert_eq!(place_of_container(&pod, &pod), Ok(()));
    assert!(place_of_container(&pod, &own).is_err());
}

#[test]
fn two_snapshots_of_one_store_are_alike_and_a_volume_is_not() {
    for (known, part, alike) in [
        ("/", "/", true),
        ("/", "/a", false),
        ("/a", "/b", false),
        ("/active/3", "/active/12", true),
        ("/store/snapshots/3/fs", "/store/snapshots/12/fs", true),
        ("/store/snapshots/3/fs", "/kubelet/pods/12/fs", false),
        ("/store/snapshots/3", "/store/snapshots/3/fs", false),
    ] {
        assert_eq!(is_like(known, part), alike, "{known} {part}");
    }
}

#[test]
fn the_last_mount_at_the_root_counts() {
    let text = "22 1 0:21 / / rw shared:1 - ext4 /dev/a:b rw\n30 22 0:44 /x / rw - overlay overlay rw\n\
                31 30 0:45 / /proc rw - proc proc rw\n";
    let found = root_of(text).unwrap();
    assert_eq!(
        (
            found.id.as_str(),
            found.part.as_str(),
            found.fstype.as_str()
        ),
        ("30", "/x", "overlay")
    );
    assert_eq!(root_of("31 30 0:45 / /proc rw - proc proc rw\n"), None);
    assert_eq!(root_of(""), None);
}

#[test]
fn this_process_is_inside_and_its_root_is_the_top() {
    let own = Place::of("self").unwrap();
    let (root, process) = of_process(std::process::id(), &own).unwrap();
    assert_eq!(process.has_left(), None);
    assert!(process.now().unwrap());
    let elsewhere = Process {
        place: Place {
            mount: Some(0),
            ..process.place.clone()
        },
        ..process.clone()
    };
    let another = Process {
        started: "1".into(),
        ..process.clone()
    };
    for (other, why) in [(&elsewhere, "left"), (&another, "its number")] {
        assert!(!other.now().unwrap());
        assert!(other.has_left().unwrap().contains(why));
    }
    let ended = Process {
        pid: u32::MAX / 2,
        ..process
    };
    assert_eq!(ended.has_left(), None);
    assert!(ended.now().is_err());
    assert!(is_top(&root).unwrap() && is_of(&root, &own).unwrap() && same_kind(&root).unwrap());
}

#[test]
fn what_is_below_a_root_is_not_the_top_also_where_something_is_mounted() {
    let own = Place::of("self").unwrap();
    for below in ["/proc", "/usr", "/dev"] {
        let root = Root::open(Path::new(below)).unwrap();
        assert!(!is_top(&root).unwrap(), "{below}");
    }
    // An opened root that is on another mount than the process shows.
    let root = Root::open(Path::new("/proc")).unwrap();
    assert!(!is_of(&root, &own).unwrap());
    assert!(!same_kind(&root).unwrap());
}

#[test]
fn nobody_reads_a_container_without_processes() {
    let none = open("no-such-container-of-any-machine").map(|inside| inside.process.pid);
    assert_eq!(none, Err(NotInside::None));
    let ended = of_process(u32::MAX / 2, &Place::of("self").unwrap());
    assert!(matches!(ended, Err(Not::Ended)), "{ended:?}");
}

proptest! {
    #[test]
    fn hostile_mount_tables_never_panic(text in any::<String>()) {
        let _ = (root_of(&text), is_like(&text, "/a/b"), root_of(&format!("1 2 3 / / {text}")));
    }

    /// Whatever else is the same, a process in another user namespace is never read.
    #[test]
    fn another_user_namespace_is_never_inside(own in 1..4_u64, other in 1..4_u64, part in "(/[a-c]{1,2}){1,2}") {
        let (known, place) = (place(Some(own), "overlay", &part), place(Some(other), "overlay", &part));
        prop_assert_eq!(place_of_container(&known, &place).is_ok(), own == other);
    }
}
