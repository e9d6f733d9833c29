//! Where the container cannot have changed what its image has.

use scanner_core::inventory::ContainerFacts;

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

#[test]
fn only_a_root_that_nobody_can_write_is_fixed() {
    type Change = fn(&mut PodFacts, &mut Vec<Mount>);
    fn adding(name: &str) -> Vec<String> {
        vec!["NET_BIND_SERVICE".into(), name.into()]
    }
    let changes: [(bool, Change); 19] = [
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
            let privileged = true;
            beside(
                pod,
                ContainerFacts {
                    privileged,
                    ..ContainerFacts::default()
                },
            );
        }),
        (false, |pod, _| {
            let added_capabilities = adding("sys_admin");
            beside(
                pod,
                ContainerFacts {
                    added_capabilities,
                    ..ContainerFacts::default()
                },
            );
        }),
        (true, |pod, _| {
            let privileged = true;
            beside(
                pod,
                ContainerFacts {
                    privileged,
                    ..ContainerFacts::default()
                },
            );
            pod.share_process_namespace = false;
        }),
        (false, |pod, _| {
            beside(pod, ContainerFacts::default());
            pod.host_pid = true;
        }),
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
