//! Where the container cannot have changed what its image has.

use scanner_core::inventory::{ContainerFacts, VolumeFacts, VolumeMountFacts};

use super::*;

/// Puts another container into the pod, which sees the processes of the target.
fn beside(pod: &mut PodFacts, neighbour: ContainerFacts) {
    let target = ContainerFacts {
        target: true,
        ..ContainerFacts::default()
    };
    pod.share_process_namespace = true;
    pod.containers = vec![target, neighbour];
}

/// A container that may mount filesystems.
fn privileged_or_admin(privileged: bool) -> ContainerFacts {
    let added = if privileged {
        Vec::new()
    } else {
        vec!["sys_admin".into()]
    };
    ContainerFacts {
        privileged,
        added_capabilities: added,
        ..ContainerFacts::default()
    }
}

/// Puts another container into the pod, which has a capability and sees no process of the target.
fn with(pod: &mut PodFacts, capability: &str) {
    let neighbour = ContainerFacts {
        added_capabilities: vec![capability.into()],
        ..ContainerFacts::default()
    };
    beside(pod, neighbour);
    pod.share_process_namespace = false;
}

/// Puts another container into the pod, and gives it or the target a block device.
fn with_device(pod: &mut PodFacts, to_target: bool) {
    beside(pod, ContainerFacts::default());
    pod.share_process_namespace = false;
    let mut all = pod.containers.iter_mut();
    let one = all.find(|one| one.target == to_target);
    one.expect("both are there").devices = vec!["/dev/xvda".into()];
}

/// Adds a container that looks at the target.
fn added(pod: &mut PodFacts, privileged: bool, capability: &str) {
    let debugger = ContainerFacts {
        name: "debugger".into(),
        kind: "ephemeral".into(),
        privileged,
        added_capabilities: vec![capability.into()],
        ..ContainerFacts::default()
    };
    beside(pod, debugger);
    pod.share_process_namespace = false;
}

/// Puts another container into the pod, which mounts a directory of the node.
fn mounting(pod: &mut PodFacts, path: &str, read_only: bool) {
    let mount = VolumeMountFacts {
        path: "/mnt".into(),
        volume: "node".into(),
        kind: "hostPath".into(),
        read_only,
        ..VolumeMountFacts::default()
    };
    let neighbour = ContainerFacts {
        mounts: vec![mount],
        ..ContainerFacts::default()
    };
    beside(pod, neighbour);
    pod.share_process_namespace = false;
    pod.volumes = vec![VolumeFacts {
        name: "node".into(),
        path: path.into(),
        ..VolumeFacts::default()
    }];
}

#[test]
fn only_a_root_that_nobody_can_write_is_fixed() {
    type Change = fn(&mut PodFacts, &mut Vec<Mount>);
    fn adding(name: &str) -> Vec<String> {
        vec!["NET_BIND_SERVICE".into(), name.into()]
    }
    let changes: [(bool, Change); 40] = [
        (true, |_, _| {}),
        (false, |pod, _| pod.read_only_root_filesystem = false),
        (false, |pod, _| pod.privileged = true),
        (true, |pod, _| pod.added_capabilities = adding("CHOWN")),
        (false, |pod, _| pod.added_capabilities = adding("SYS_ADMIN")),
        (false, |pod, _| {
            pod.added_capabilities = adding("CAP_SYS_ADMIN");
        }),
        (false, |pod, _| pod.added_capabilities = adding("sys_admin")),
        (false, |pod, _| {
            pod.added_capabilities = adding("cap_sys_admin");
        }),
        (false, |pod, _| pod.added_capabilities = adding("ALL")),
        (false, |pod, _| pod.added_capabilities = adding("all")),
        (false, |pod, _| pod.host_pid = true),
        // Nothing is known of the neighbours.
        (false, |pod, _| pod.share_process_namespace = true),
        (true, |pod, _| beside(pod, ContainerFacts::default())),
        (false, |pod, _| {
            beside(pod, privileged_or_admin(true));
        }),
        (false, |pod, _| {
            beside(pod, privileged_or_admin(false));
        }),
        // It mounts `proc` of its node, and names the program that the node runs as root for a crash.
        (false, |pod, _| {
            beside(pod, privileged_or_admin(false));
            pod.share_process_namespace = false;
        }),
        (false, |pod, _| with(pod, "ALL")),
        (false, |pod, _| with(pod, "SYS_MODULE")),
        (false, |pod, _| with(pod, "cap_sys_rawio")),
        (false, |pod, _| with(pod, "CAP_DAC_READ_SEARCH")),
        (true, |pod, _| with(pod, "NET_ADMIN")),
        (false, |pod, _| with_device(pod, false)),
        (false, |pod, _| with_device(pod, true)),
        // It has the node's devices.
        (false, |pod, _| {
            beside(pod, privileged_or_admin(true));
            pod.share_process_namespace = false;
        }),
        (false, |pod, _| mounting(pod, "/srv", false)),
        (true, |pod, _| mounting(pod, "/srv", true)),
        (false, |pod, _| mounting(pod, "/", true)),
        (false, |pod, _| mounting(pod, "/var/run/docker.sock", true)),
        (false, |pod, _| mounting(pod, "/run", true)),
        (false, |pod, _| mounting(pod, "/data/containerd", true)),
        // Where it is on the node is not known.
        (false, |pod, _| mounting(pod, "", true)),
        (false, |pod, _| {
            beside(pod, ContainerFacts::default());
            pod.host_pid = true;
        }),
        (false, |pod, _| {
            pod.added_capabilities = adding("SYS_MODULE");
        }),
        (false, |pod, _| pod.added_capabilities = adding("SYS_RAWIO")),
        (false, |pod, _| {
            pod.added_capabilities = adding("cap_dac_read_search");
        }),
        // A container that was added to look at the target.
        (false, |pod, _| added(pod, true, "")),
        (false, |pod, _| added(pod, false, "SYS_ADMIN")),
        (true, |pod, _| added(pod, false, "SYS_PTRACE")),
        (false, |_, mounts| mounts[0] = mount("/", "rw")),
        (false, |_, mounts| mounts.push(mount("/", "rw"))),
    ];
    for (number, (fixed, change)) in changes.into_iter().enumerate() {
        let mut one = container(shown(), [shut("/root")]);
        let (Collected::Complete { data: pod }, Collected::Complete { data: mounts }) =
            (&mut one.pod, &mut one.mounts)
        else {
            panic!("both are there")
        };
        change(pod, mounts);
        let (_, completion) = completed(image(), &one);
        let read: &FromImage = &completion.from_image;
        assert_eq!((read.fixed, read.places()), (fixed, 1), "case {number}");
    }
    let mut one = container(shown(), [shut("/root")]);
    one.pod = Collected::NotRequested;
    assert!(!completed(image(), &one).1.from_image.fixed);
}
