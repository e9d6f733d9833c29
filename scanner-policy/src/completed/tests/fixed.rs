//! Where the container cannot have changed what its image has.

use super::*;

#[test]
fn only_a_root_that_nobody_can_write_is_fixed() {
    type Change = fn(&mut PodFacts, &mut Vec<Mount>);
    let changes: [(bool, Change); 6] = [
        (true, |_, _| {}),
        (false, |pod, _| pod.read_only_root_filesystem = false),
        (false, |pod, _| pod.privileged = true),
        (false, |pod, _| {
            pod.added_capabilities = vec!["SYS_ADMIN".into()];
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
