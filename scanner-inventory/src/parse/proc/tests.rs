//! Lines of `/proc` as processes.

use super::*;
use proptest::prelude::*;

fn bytes(text: &[u8]) -> Vec<&[u8]> {
    text.strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|byte| *byte == b'\n')
        .collect()
}

fn lines(text: &str) -> Vec<&[u8]> {
    bytes(text.as_bytes())
}

#[test]
fn the_collector_is_not_among_the_processes() {
    let text = "self 9\n\
        /proc/1/status:Name:\tapp\n/proc/1/status:Pid:\t1\n/proc/1/status:CapEff:\t0000000000000401\n\
        /proc/9/status:Pid:\t9\n/proc/9/status:PPid:\t0\n\
        /proc/10/status:Pid:\t10\n/proc/10/status:PPid:\t9\n\
        /proc/11/status:Pid:\t11\n/proc/11/status:PPid:\t10\n";
    let (found, unreadable) = processes(&lines(text));
    assert_eq!(unreadable, 0);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].capabilities, ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]);
}

#[test]
fn what_could_not_be_read_of_a_process_is_unknown() {
    let text = "container 1\n\
        /proc/1/status:Pid:\t1\n/proc/1/status:Groups:\t0 10 \n\
        /proc/2/status:Pid:\t2\n/proc/2/status:Groups:\t\n/proc/3/status:Pid:\t3\n/proc/4/status:Pid:\t4\n\
        /proc/1/ns/user:inode:5\n/proc/1/ns/mnt:inode:6\n\
        /proc/2/ns/user:inode:5\n/proc/2/ns/mnt:inode:7\n\
        /proc/3/ns/user:inode:5\n/proc/9/ns/user:inode:5\n\
        /proc/4/ns/user:inode:5\n/proc/4/ns/mnt:inode:6\n\
        /proc/1/mountinfo:22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/a:b rw\n\
        /proc/1/mountinfo:30 22 0:44 /x / rw - overlay overlay rw,lowerdir=/a:/b\n\
        /proc/9/mountinfo:30 22 0:44 / / rw - overlay overlay rw\n";
    let (found, unreadable) = processes(&lines(text));
    assert_eq!(unreadable, 0);
    let [one, two, three, four] = &found[..] else {
        unreachable!("{found:?}");
    };
    assert_eq!(one.groups, Some(vec![0, 10]));
    assert_eq!((&two.groups, &three.groups), (&Some(vec![]), &None));
    assert_eq!(
        (one.user_namespace, one.mount_namespace),
        (Some(5), Some(6))
    );
    let elsewhere = [one, two, three, four].map(|p| p.other_namespaces);
    assert_eq!(elsewhere, [Some(false), Some(true), None, Some(false)]);
    assert_eq!(one.root_device.as_deref(), Some("0:44"));
    assert_eq!(one.root_fstype.as_deref(), Some("overlay"));
    assert_eq!((&two.root_device, &two.root_fstype), (&None, &None));
    let (_, unreadable) = processes(&lines(
        "/proc/1/status:Pid:\t1\n/proc/1/mountinfo:x: y\n/proc/1/ns/x:inode:1",
    ));
    assert_eq!(unreadable, 2);
}

#[test]
fn ids_and_capabilities_that_a_process_may_take_on_are_known() {
    let status = |pid: u32, ids: &str, inherited: &str, permitted: &str| {
        let start = format!("/proc/{pid}/status:");
        format!(
            "{start}Pid:\t{pid}\n{start}Threads:\t1\n{start}Uid:\t{ids}\n{start}Gid:\t5\t5\t5\t5\n\
             {start}CapInh:\t{inherited}\n{start}CapPrm:\t{permitted}\n"
        )
    };
    let text = status(1, "5\t5\t5\t5", "0", "0")
        + &status(2, "5\t5\t0\t5", "1", "3")
        + &status(3, "0\t5\t5\t5", "2", "1")
        + "/proc/4/status:Pid:\t4\n/proc/4/status:Threads:\t1\n/proc/4/status:Uid:\t5\t5\n/proc/4/status:Gid:\t5\t5\t5\t5\n";
    let (found, unreadable) = processes(&lines(&text));
    assert_eq!(unreadable, 1, "an id that is not four numbers");
    let mixed: Vec<_> = found.iter().map(|p| p.mixed_ids).collect();
    assert_eq!(mixed, [Some(false), Some(true), Some(true), None]);
    let raisable: Vec<_> = found.iter().map(|p| p.raisable.as_deref()).collect();
    let both = ["CAP_CHOWN".to_owned(), "CAP_DAC_OVERRIDE".to_owned()];
    assert_eq!(raisable[0], Some(&[][..]));
    assert_eq!(raisable[1], Some(&both[..]));
    assert_eq!(raisable[2].map(<[String]>::len), Some(2));
    assert_eq!(raisable[3], None);
}

#[test]
fn a_long_chain_of_processes_and_one_that_starts_itself_end() {
    // Each was started by the next one, so that no order of looking is the lucky one.
    let chain = (2..200_000).map(|pid| (pid, pid + 1));
    let own = 200_000;
    assert_eq!(descendants(own, chain).len(), 199_999);
    assert_eq!(descendants(5, [(5, 6), (6, 5)].into_iter()).len(), 2);
    assert_eq!(descendants(5, [(5, 5), (7, 8)].into_iter()).len(), 1);
}

#[test]
fn where_a_process_is_is_bytes_and_known_only_as_a_whole() {
    let status =
        |pid: u32| format!("/proc/{pid}/status:Pid:\t{pid}\n/proc/{pid}/status:Threads:\t1\n");
    let mut text = (1..=7).map(status).collect::<String>().into_bytes();
    text.extend_from_slice(
        b"/proc/1/cwd:seen:/srv/a b: \xff \n/proc/1/root:seen:/\n\
          /proc/2/cwd:shut:/root/app\n/proc/2/root:seen:/\n\
          /proc/3/cwd:seen:/\n/proc/3/root:shut:/jail\n\
          /proc/4/cwd:seen:/\n\
          /proc/5/cwd:seen:(unreachable)/\n/proc/5/root:seen:/\n\
          /proc/6/cwd:seen:\\/a\\x0ab\n/proc/6/root:seen:/\n\
          /proc/7/cwd:any:/\n/proc/7/root:seen:/\n/proc/9/cwd:seen:/\n",
    );
    let (found, unreadable) = processes(&bytes(&text));
    assert_eq!(unreadable, 0);
    let reached: Vec<_> = found.iter().map(|p| p.places_reached).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(reached, [yes, no, no, None, None, yes, no]);
    let cwd = |number: usize| found[number].cwd.as_ref().map(FilePath::to_bytes);
    assert_eq!(cwd(0).as_deref(), Some(&b"/srv/a b: \xff "[..]));
    assert_eq!(cwd(1).as_deref(), Some(&b"/root/app"[..]));
    assert_eq!(cwd(4), None);
    assert_eq!(cwd(5).as_deref(), Some(&b"/a\nb"[..]));
    assert_eq!(found[2].root.as_ref().map(FilePath::as_text), Some("/jail"));
    assert_eq!(found[3].root, None);
}

#[test]
fn the_threads_of_a_process_count() {
    let status = |pid: u32, threads: &str| {
        let start = format!("/proc/{pid}/status:");
        format!(
            "{start}Pid:\t{pid}\n{start}Uid:\t5\t5\t5\t5\n{start}Gid:\t5\t5\t5\t5\n{start}CapPrm:\t0\n\
             {start}NoNewPrivs:\t1\n{threads}"
        )
    };
    let text = status(1, "/proc/1/status:Threads:\t1\n")
        + &status(
            2,
            "/proc/2/status:Threads:\t2\n/proc/2/task:Uid:\t0\t0\t0\t0\n/proc/2/task:CapEff:\t1\n\
             /proc/2/task:NoNewPrivs:\t0\n/proc/2/task:where:same\n",
        )
        + &status(3, "/proc/3/status:Threads:\t2\n")
        + &status(4, "")
        + "/proc/9/task:Uid:\t0\t0\t0\t0\n/proc/2/task:where:x\n/proc/2/task:Groups:\tx\n";
    let (found, unreadable) = processes(&bytes(text.as_bytes()));
    assert_eq!(unreadable, 2);
    let mixed: Vec<_> = found.iter().map(|p| p.mixed_ids).collect();
    assert_eq!(mixed, [Some(false), Some(true), None, None]);
    let known: Vec<_> = found.iter().map(|p| p.raisable.is_some()).collect();
    assert_eq!(known, [true, true, false, false]);
    assert_eq!(found[1].capabilities, ["CAP_CHOWN"]);
    assert!(found[0].no_new_privs && !found[1].no_new_privs);
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(line in any::<String>()) {
        let own = [
            line.clone(),
            format!("/proc/1/status:{line}"),
            format!("/proc/1/task:{line}"),
            format!("/proc/1/cwd:{line}"),
            format!("/proc/1/ns/user:{line}"),
            format!("/proc/1/mountinfo:1 1 0:1 / / {line}"),
        ];
        let lines: Vec<&[u8]> = own.iter().map(String::as_bytes).collect();
        let _ = processes(&lines);
    }
}
