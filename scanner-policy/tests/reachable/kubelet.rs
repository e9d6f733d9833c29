//! Files that the kubelet mounted, and those that only lie in a folder of such a name.

use scanner_core::{
    engine::Evaluation,
    inventory::{
        Collected, ContainerFacts, FileEntry, Gap, GapKind, Gaps, Inventory, Mount, PodFacts,
        VolumeMountFacts,
    },
};
use scanner_policy::Profile;

use super::{evaluated, hardened, of, today};

/// Checks of files that a volume may have, and what each looks for.
const CHECKS: [(&str, &str, &str); 6] = [
    ("container-baseline", "private-keys", "tls.key"),
    ("secrets", "private-key-files", "tls.key"),
    ("secrets", "key-stores", "app.jks"),
    ("secrets", "dotenv-files", ".env"),
    ("secrets", "login-files", ".netrc"),
    ("secrets", "database-dumps", "init.sql"),
];
/// How the kubelet calls the folder of a volume's files.
const FOLDER: &str = "..2026_11_29_10_20_30.123456789";

/// A target with one volume of a kind, mounted by its specification and shown by the kernel with a type and options.
fn with_volume(
    planned: (&str, &str),
    shown: (&str, &str, &str),
    others: &[VolumeMountFacts],
) -> Inventory {
    let container = |target, mounts: Vec<VolumeMountFacts>| ContainerFacts {
        target,
        kind: "container".into(),
        mounts,
        ..ContainerFacts::default()
    };
    let own = VolumeMountFacts {
        path: planned.0.into(),
        kind: planned.1.into(),
        volume: "v".into(),
        read_only: true,
        ..VolumeMountFacts::default()
    };
    let mount = |target: &str, fstype: &str, option: &str| Mount {
        target: target.into(),
        fstype: fstype.into(),
        options: vec![option.into()],
        ..Mount::default()
    };
    let mut inventory = hardened(Gaps::default());
    inventory.mounts = Collected::Complete {
        data: vec![
            mount("/", "overlay", "ro"),
            mount(shown.0, shown.1, shown.2),
        ],
    };
    inventory.pod = Collected::Complete {
        data: PodFacts {
            containers: vec![
                container(true, vec![own]),
                container(false, others.to_vec()),
            ],
            ..PodFacts::default()
        },
    };
    inventory
}

/// Checks that report a file of theirs in that directory.
fn reporting(inventory: &Inventory, directory: &str, context: &Evaluation) -> Vec<&'static str> {
    let mut all = CHECKS.to_vec();
    all.retain(|(profile, check, name)| {
        let path = format!("{directory}/{name}");
        let mut inventory = inventory.clone();
        inventory.files = Collected::Complete {
            data: vec![FileEntry {
                path: path.as_str().into(),
                exists: true,
                mode: 0o400,
                size: 1,
                ..FileEntry::default()
            }],
        };
        let profile = Profile::shipped(profile).unwrap();
        let found = evaluated(&profile, &inventory, context);
        !of(&found, check).evidence.is_empty()
    });
    all.into_iter().map(|(_, check, _)| check).collect()
}

const ALL: [&str; 6] = [
    CHECKS[0].1,
    CHECKS[1].1,
    CHECKS[2].1,
    CHECKS[3].1,
    CHECKS[4].1,
    CHECKS[5].1,
];

#[test]
fn a_secret_in_a_folder_that_is_named_as_by_the_kubelet_is_reported_where_it_mounted_nothing() {
    let secret = with_volume(("/etc/tls", "secret"), ("/etc/tls", "tmpfs", "ro"), &[]);
    for place in ["/opt", "/etc/tls2", "/etc", "/tmp/etc/tls", ""] {
        let directory = format!("{place}/{FOLDER}");
        assert_eq!(reporting(&secret, &directory, &today()), ALL, "{place}");
    }
    let directory = format!("/etc/tls/{FOLDER}");
    assert_eq!(reporting(&secret, &directory, &today()), [""; 0]);
    let mut image = secret.clone();
    image.mounts = Collected::NotRequested;
    let mut unsure = secret.clone();
    unsure.mounts = Collected::Partial {
        data: secret.mounts.data().unwrap().clone(),
        gaps: Gap::new(GapKind::Malformed).into(),
    };
    let mut unplanned = secret.clone();
    unplanned.pod = Collected::NotRequested;
    for unknown in [image, unsure, unplanned] {
        assert_eq!(reporting(&unknown, &directory, &today()), ALL);
    }
}

#[test]
fn only_what_nobody_else_can_write_is_the_kubelets() {
    let at = "/etc/tls";
    for (kind, fstype, option, is_its) in [
        ("secret", "tmpfs", "ro", true),
        ("projected", "tmpfs", "ro", true),
        ("configMap", "ext4", "ro", true),
        ("downwardAPI", "tmpfs", "ro", true),
        // As drivers of stores of secrets mount them.
        ("csi", "tmpfs", "ro", true),
        ("csi", "nfs4", "ro", false),
        ("secret", "tmpfs", "rw", false),
        ("emptyDir", "tmpfs", "rw", false),
        ("emptyDir", "tmpfs", "ro", false),
        ("hostPath", "ext4", "ro", false),
        ("persistentVolumeClaim", "ext4", "ro", false),
    ] {
        let inventory = with_volume((at, kind), (at, fstype, option), &[]);
        for directory in [at.to_owned(), format!("{at}/{FOLDER}/below")] {
            let found = reporting(&inventory, &directory, &today());
            assert_eq!(found.is_empty(), is_its, "{kind} {fstype} {option}");
        }
    }
    // Another container writes what a driver made.
    let written = VolumeMountFacts {
        path: "/x".into(),
        kind: "csi".into(),
        volume: "v".into(),
        ..VolumeMountFacts::default()
    };
    let shared = with_volume((at, "csi"), (at, "tmpfs", "ro"), &[written]);
    assert_eq!(reporting(&shared, at, &today()), ALL);
    // Something lies over it, or over where it is.
    for over in [at, "/etc"] {
        let mut twice = with_volume((at, "secret"), (at, "tmpfs", "ro"), &[]);
        let Collected::Complete { data } = &mut twice.mounts else {
            unreachable!("complete");
        };
        let target = over.into();
        data.push(Mount {
            target,
            ..data[1].clone()
        });
        assert_eq!(reporting(&twice, at, &today()), ALL, "{over}");
    }
}

#[test]
fn a_volume_is_known_where_the_runtime_followed_the_usual_link() {
    for (planned, shown, is_its) in [
        ("/var/run/tls", "/run/tls", true),
        ("/var/run/tls/", "/var/run/tls", true),
        ("/var/running/tls", "/running/tls", false),
        ("/srv/link/tls", "/srv/tls", false),
    ] {
        let inventory = with_volume((planned, "secret"), (shown, "tmpfs", "ro"), &[]);
        let directory = format!("{shown}/{FOLDER}");
        let found = reporting(&inventory, &directory, &today());
        assert_eq!(found.is_empty(), is_its, "{planned} {shown}");
    }
    // A volume below the same link, which another container writes, is another one.
    let cache = VolumeMountFacts {
        path: "/var/run/app".into(),
        kind: "emptyDir".into(),
        volume: "cache".into(),
        ..VolumeMountFacts::default()
    };
    let (planned, shown) = (("/var/run/tls", "secret"), ("/run/tls", "tmpfs", "ro"));
    let mut beside = with_volume(planned, shown, std::slice::from_ref(&cache));
    let Collected::Complete { data: pod } = &mut beside.pod else {
        unreachable!("complete");
    };
    pod.containers[0].mounts.push(cache);
    let Collected::Complete { data: mounts } = &mut beside.mounts else {
        unreachable!("complete");
    };
    mounts.push(Mount {
        target: "/run/app".into(),
        fstype: "ext4".into(),
        options: vec!["rw".into()],
        ..Mount::default()
    });
    let directory = format!("/run/tls/{FOLDER}");
    assert_eq!(reporting(&beside, &directory, &today()), [""; 0]);
}

/// Whether the baseline reports a file there that everyone may write.
fn is_reported(inventory: &Inventory, path: &str) -> bool {
    let mut inventory = inventory.clone();
    let file = FileEntry {
        path: path.into(),
        exists: true,
        mode: 0o666,
        ..FileEntry::default()
    };
    inventory.files = Collected::Complete { data: vec![file] };
    let profile = Profile::shipped("container-baseline").unwrap();
    let found = evaluated(&profile, &inventory, &today());
    !of(&found, "world-writable-files").evidence.is_empty()
}

#[test]
fn the_file_for_the_last_words_may_be_open_where_the_specification_names_it() {
    let usual = "/dev/termination-log";
    for (named, shown, path, is_its) in [
        ("", usual, usual, true),
        (usual, usual, usual, true),
        ("/tmp/term", "/tmp/term", "/tmp/term", true),
        ("/tmp/term/", "/tmp/term", "/tmp/term", true),
        ("/var/run/term", "/run/term", "/run/term", true),
        ("/tmp/term", "/tmp/term", "/tmp/term2", false),
        ("/tmp/term", "/tmp/term", "/tmp/term/x", false),
        ("/tmp/term", "/tmp/term", usual, false),
        // Nothing is mounted there.
        ("/tmp/term", "/tmp", "/tmp/term", false),
    ] {
        let mut inventory = with_volume(("/x", "csi"), (shown, "ext4", "rw"), &[]);
        let Collected::Complete { data: mounts } = &mut inventory.mounts else {
            unreachable!("complete");
        };
        mounts[0].options = vec!["rw".into()];
        let Collected::Complete { data: pod } = &mut inventory.pod else {
            unreachable!("complete");
        };
        pod.containers[0].termination_message_path = named.into();
        // That of another container is none of the target.
        pod.containers[1].termination_message_path = "/tmp/term2".into();
        assert_eq!(!is_reported(&inventory, path), is_its, "{named} {path}");
    }
    // Neither is known, as in an image.
    let mut image = with_volume(("/x", "csi"), (usual, "ext4", "rw"), &[]);
    image.pod = Collected::NotRequested;
    image.mounts = Collected::NotRequested;
    assert!(!is_reported(&image, usual));
    assert!(is_reported(&image, "/tmp/term"));
}
