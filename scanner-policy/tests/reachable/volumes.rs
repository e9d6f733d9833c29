//! Who can write where a path is, as the mounts and the specification say.

use scanner_core::{
    engine::Evaluation,
    inventory::{
        Collected, ContainerFacts, Gap, GapKind, Gaps, Inventory, Mount, PodFacts, Section,
        VolumeFacts, VolumeMountFacts,
    },
};
use scanner_policy::Profile;

use super::{directory, evaluated, hardened, of, process, today};

/// A pod whose target mounts an emptyDir at /tmp, as others may.
fn with_volumes(others: &[&str], mounts: &[(&str, &str)]) -> Inventory {
    let container = |target, volume: &str| ContainerFacts {
        target,
        mounts: vec![VolumeMountFacts {
            path: "/tmp".into(),
            volume: volume.into(),
            kind: "emptyDir".into(),
            ..VolumeMountFacts::default()
        }],
        ..ContainerFacts::default()
    };
    let mut containers = vec![container(true, "tmp")];
    containers.extend(others.iter().map(|volume| container(false, volume)));
    let mounts = mounts.iter().map(|(target, options)| Mount {
        target: (*target).into(),
        options: vec![(*options).into()],
        ..Mount::default()
    });
    let pod = PodFacts {
        containers,
        ..PodFacts::default()
    };
    let mut inventory = hardened(Gaps::default());
    let data = vec![directory("/tmp", 0o777), directory("/etc/app", 0o777)];
    inventory.files = Collected::Complete { data };
    inventory.mounts = Collected::Complete {
        data: mounts.collect(),
    };
    inventory.pod = Collected::Complete { data: pod };
    inventory
}

#[test]
fn a_directory_that_is_open_to_others_counts_where_there_are_others_to_write_it() {
    let open = |inventory: &Inventory, context: &Evaluation| {
        let profile = Profile::shipped("container-baseline").unwrap();
        let findings = evaluated(&profile, inventory, context);
        of(&findings, "world-writable-directories").evidence.clone()
    };
    let (tmp, app) = ("/tmp 0777".to_owned(), "/etc/app 0777".to_owned());
    let hardened = [("/", "ro"), ("/tmp", "rw"), ("/etc/app", "ro")];
    let own = with_volumes(&["other"], &hardened);
    assert_eq!(open(&own, &today()), Vec::<String>::new());
    // Another container has the same volume; the configuration can be written; a mount lies over the volume.
    let shared = with_volumes(&["tmp"], &hardened);
    assert_eq!(open(&shared, &today()).join(" "), tmp);
    let writable = with_volumes(&[], &[("/", "ro"), ("/tmp", "rw"), ("/etc/app", "rw")]);
    assert_eq!(open(&writable, &today()).join(" "), app);
    let over = with_volumes(&[], &[("/", "rw"), ("/tmp", "ro"), ("/", "rw")]);
    assert_eq!(open(&over, &today()), [tmp.clone(), app.clone()]);
    let mut two_users = own.clone();
    let mut second = process();
    second.uid = 7;
    two_users.processes = Collected::Complete {
        data: vec![process(), second],
    };
    assert_eq!(open(&two_users, &today()).join(" "), tmp);
    let mut unknown_ids = own.clone();
    let mut unknown = process();
    unknown.mixed_ids = None;
    unknown_ids.processes = Collected::Complete {
        data: vec![unknown],
    };
    assert_eq!(open(&unknown_ids, &today()).join(" "), tmp);
    // Not all mounts are known; and an image has none.
    let mut unsure = own.clone();
    let Collected::Complete { data } = unsure.mounts else {
        unreachable!("complete");
    };
    let gaps = Gap::new(GapKind::Malformed).into();
    unsure.mounts = Collected::Partial { data, gaps };
    assert_eq!(open(&unsure, &today()), [tmp.clone(), app.clone()]);
    let mut image = own;
    image.mounts = Collected::NotRequested;
    let context = today().without(&Section::OF_PROCESSES);
    assert_eq!(open(&image, &context), [tmp, app]);
}

#[test]
fn an_init_container_that_has_ended_counts_only_as_another_user() {
    let profile = Profile::shipped("container-baseline").unwrap();
    let user = process().uid;
    // The kind of the target, and the kind and the user of another container with the same volume.
    for (target, kind, runs_as, expected) in [
        ("container", "init", user, false),
        ("container", "init", user + 1, true),
        // The image decides, and may name anyone.
        ("container", "init", -1, true),
        ("container", "sidecar", user, true),
        ("container", "container", user, true),
        ("container", "ephemeral", user, true),
        // Another one may start after these.
        ("init", "init", user, true),
        ("sidecar", "init", user, true),
    ] {
        let mut inventory = with_volumes(&["tmp"], &[("/", "ro"), ("/tmp", "rw")]);
        let Collected::Complete { data: pod } = &mut inventory.pod else {
            unreachable!("complete");
        };
        pod.containers[0].kind = target.into();
        pod.containers[1].kind = kind.into();
        pod.containers[1].run_as_user = runs_as;
        let findings = evaluated(&profile, &inventory, &today());
        let open = &of(&findings, "world-writable-directories").evidence;
        let is_open = open.iter().any(|line| line == "/tmp 0777");
        assert_eq!(is_open, expected, "{target} {kind} {runs_as}");
    }
}

/// A mount of a volume in the specification.
fn volume(path: &str, name: &str, kind: &str, read_only: bool) -> VolumeMountFacts {
    VolumeMountFacts {
        path: path.into(),
        volume: name.into(),
        kind: kind.into(),
        read_only,
        ..VolumeMountFacts::default()
    }
}

/// Whether the baseline has `/etc/app` for a directory that others write, where the target has `own` mounts and another container
/// of that kind has `others`.
fn is_open(own: &[VolumeMountFacts], kind: &str, others: &[VolumeMountFacts]) -> bool {
    let profile = Profile::shipped("container-baseline").unwrap();
    let mut inventory = with_volumes(&[], &[("/", "ro"), ("/tmp", "ro"), ("/etc/app", "ro")]);
    let Collected::Complete { data: pod } = &mut inventory.pod else {
        unreachable!("complete");
    };
    let container = |target: bool, kind: &str, mounts: &[VolumeMountFacts]| ContainerFacts {
        target,
        kind: kind.into(),
        mounts: mounts.to_vec(),
        ..ContainerFacts::default()
    };
    pod.containers = vec![
        container(true, "container", own),
        container(false, kind, others),
    ];
    pod.volumes = [("a", "/srv/data"), ("b", "/srv/data/x"), ("c", "/var")]
        .map(|(name, path)| VolumeFacts {
            name: name.into(),
            kind: "hostPath".into(),
            path: path.into(),
            ..VolumeFacts::default()
        })
        .to_vec();
    let findings = evaluated(&profile, &inventory, &today());
    let result = of(&findings, "world-writable-directories");
    result.evidence.iter().any(|line| line == "/etc/app 0777")
}

/// A mount of the target at that place.
fn here(name: &str, kind: &str) -> VolumeMountFacts {
    volume("/etc/app", name, kind, true)
}

/// A mount by which another container writes.
fn written(name: &str, kind: &str) -> VolumeMountFacts {
    volume("/x", name, kind, false)
}

#[test]
fn a_mount_is_read_only_where_no_container_of_the_pod_writes_its_volume() {
    let profile = Profile::shipped("container-baseline").unwrap();
    let one = |name: &str, kind: &str| (vec![here(name, kind)], vec![written(name, kind)]);
    let two =
        |name: &str, other: &str, kind: &str| (vec![here(name, kind)], vec![written(other, kind)]);
    let twice = || vec![here("v", "csi"), written("v", "csi")];
    let bound = || {
        (
            vec![volume("/etc/app/", "v", "csi", true)],
            vec![written("v", "csi")],
        )
    };
    for ((own, others), kind, expected) in [
        ((vec![here("v", "csi")], vec![]), "container", false),
        (one("v", "emptyDir"), "container", true),
        (one("v", "csi"), "container", true),
        (one("v", "csi"), "sidecar", true),
        (one("v", "csi"), "ephemeral", true),
        (one("v", "csi"), "init", false),
        (one("v", "configMap"), "container", false),
        (two("v", "w", "ephemeral"), "container", false),
        (
            (vec![here("v", "csi")], vec![here("v", "csi")]),
            "container",
            false,
        ),
        ((twice(), vec![]), "container", true),
        (bound(), "container", true),
        (two("v", "w", "nfs"), "container", true),
        (two("a", "b", "hostPath"), "container", true),
        (two("b", "a", "hostPath"), "container", true),
        (two("a", "c", "hostPath"), "container", false),
    ] {
        let found = is_open(&own, kind, &others);
        assert_eq!(found, expected, "{own:?} {kind} {others:?}");
    }
    // The runtime mounts it elsewhere than the specification writes it.
    for path in ["/link/app", "etc/app", "//etc/app", "/etc/app/."] {
        let own = [volume(path, "v", "csi", true)];
        assert!(is_open(&own, "container", &[written("v", "csi")]), "{path}");
        assert!(!is_open(&own, "container", &[]), "{path}");
    }
    // Who else mounts it, is not known.
    let mut alone = with_volumes(&[], &[("/", "ro"), ("/etc/app", "ro")]);
    alone.pod = Collected::NotRequested;
    let findings = evaluated(&profile, &alone, &today());
    let open = &of(&findings, "world-writable-directories").evidence;
    assert_eq!(open.join(" "), "/etc/app 0777");
}

#[test]
fn of_which_kind_a_volume_is_says_nothing_of_where_its_files_are() {
    for (own, other, expected) in [
        // One directory of a node may be a claim, a share and a path. What the kubelet makes for a volume is in a directory of the
        // node, and shown by who shows that.
        (("a", "hostPath"), ("w", "persistentVolumeClaim"), true),
        (("w", "persistentVolumeClaim"), ("a", "hostPath"), true),
        (("v", "csi"), ("w", "persistentVolumeClaim"), true),
        (("v", "nfs"), ("w", "csi"), true),
        (("v", "ephemeral"), ("w", "persistentVolumeClaim"), true),
        (("v", "emptyDir"), ("w", "emptyDir"), false),
        (("v", "configMap"), ("w", "emptyDir"), false),
        (("v", "configMap"), ("w", "persistentVolumeClaim"), false),
        (("v", "configMap"), ("a", "hostPath"), false),
        (("v", "configMap"), ("c", "hostPath"), true),
        (("v", "configMap"), ("unknown", "hostPath"), true),
    ] {
        let mounts = [here(own.0, own.1)];
        let others = [written(other.0, other.1)];
        let found = is_open(&mounts, "container", &others);
        assert_eq!(found, expected, "{own:?} {other:?}");
    }
}
