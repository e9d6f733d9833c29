//! Text of `/proc` as inventory: processes, mounts; see proc(5).

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Parsed, each_of_bytes, field, number};
use crate::{
    model::{Mount, Process},
    path::FilePath,
};

/// Names of capabilities by bit, as in `linux/capability.h`.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

pub(super) fn capabilities(mask: &str) -> Option<Vec<String>> {
    Some(capability_names(u64::from_str_radix(mask, 16).ok()?))
}

/// Names of the capabilities whose bits are set.
pub(super) fn capability_names(bits: u64) -> Vec<String> {
    let named = |bit: u32| {
        let known = CAPABILITIES.get(bit as usize);
        known.map_or_else(|| format!("CAP_{bit}"), |name| (*name).to_owned())
    };
    (0..64)
        .filter(|bit| bits >> bit & 1 == 1)
        .map(named)
        .collect()
}

/// The second number of `Uid:` and `Gid:` is the effective one.
pub(super) fn effective(value: &str) -> Option<i64> {
    number(value.split_whitespace().nth(1)?)
}

/// Whether the four numbers of `Uid:` or `Gid:` differ; `None` where they are not all there.
fn is_mixed(value: &str) -> Option<bool> {
    let ids: Vec<&str> = value.split_whitespace().collect();
    (ids.len() == 4).then(|| ids.windows(2).any(|pair| pair[0] != pair[1]))
}

/// Adds what another line says to what is known.
fn raise(process: &mut Process, mask: &str) -> Option<()> {
    let known = process.raisable.get_or_insert_default();
    for name in capabilities(mask)? {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    Some(())
}

/// Groups by number.
pub(super) fn groups(value: &str) -> Option<Vec<i64>> {
    value.split_whitespace().map(number).collect()
}

/// Lines as `grep` prints them for one or more files: `[FILE:]KEY:VALUE`.
pub(super) fn keyed(line: &str) -> Option<(&str, &str, &str)> {
    let (file, rest) = line.strip_prefix("/proc/")?.split_once(':')?;
    let (key, value) = rest.split_once(':')?;
    Some((file, key, value.trim()))
}

/// Device and type of the filesystem that is mounted at `/`, from a line of mountinfo; `None` for another line.
fn root_of(mount: &str) -> Option<(String, String)> {
    let mut fields = mount.split(' ');
    let device = fields.nth(2).filter(|_| fields.nth(1) == Some("/"))?;
    let (_, after) = mount.split_once(" - ")?;
    Some((device.into(), after.split(' ').next()?.into()))
}

/// What one line says of a process, by the file below `/proc/PID` that it is of; `None` when it says nothing known.
fn of_process(process: &mut Process, file: &str, key: &str, value: &str) -> Option<()> {
    match (file, key) {
        ("status", "Name") => process.name = value.into(),
        ("status", "Pid") => process.pid = number(value)?,
        ("status", "PPid") => process.ppid = number(value)?,
        ("status", "Uid" | "Gid") => {
            let id = effective(value)?;
            *(if key == "Uid" {
                &mut process.uid
            } else {
                &mut process.gid
            }) = id;
            let mixed = is_mixed(value)? || process.mixed_ids == Some(true);
            process.mixed_ids = Some(mixed);
        }
        ("status", "Groups") => process.groups = Some(groups(value)?),
        ("status", "CapInh" | "CapPrm") => raise(process, value)?,
        ("status", "CapEff") => process.capabilities = capabilities(value)?,
        ("status", "CapBnd") => process.bounding = capabilities(value)?,
        ("status", "NoNewPrivs") => process.no_new_privs = value == "1",
        ("status", "Seccomp") => process.seccomp = number(value)?,
        ("ns/user", "inode") => process.user_namespace = Some(number(value)?),
        ("ns/mnt", "inode") => process.mount_namespace = Some(number(value)?),
        _ => return None,
    }
    Some(())
}

/// Whether one of the namespaces of a process is another one than that of a process of the container.
fn is_elsewhere(process: &Process, container: &Process) -> Option<bool> {
    let differs = |own: Option<i64>, known: Option<i64>| Some(own? != known?);
    let user = differs(process.user_namespace, container.user_namespace);
    let mount = differs(process.mount_namespace, container.mount_namespace);
    match (user, mount) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// All processes but the collector's own. Those that were seen in `/proc/PID/status` alone are processes: what started
/// later is in none of the other files' lines that count.
pub(super) fn processes(lines: &[String]) -> Parsed<Vec<Process>> {
    let (mut own, mut inside) = (None, None);
    let mut found: BTreeMap<&str, Process> = BTreeMap::new();
    let mut unreadable = 0;
    for line in lines {
        if let Some(pid) = line.strip_prefix("self ") {
            own = number(pid);
            continue;
        }
        if let Some(pid) = line.strip_prefix("container ") {
            inside = number(pid);
            continue;
        }
        let known = keyed(line).and_then(|(file, key, value)| {
            let (pid, file) = file.split_once('/')?;
            let process = if file == "status" {
                found.entry(pid).or_default()
            } else if let Some(process) = found.get_mut(pid) {
                process
            } else {
                // Started since the processes were listed.
                return Some(());
            };
            if file == "mountinfo" {
                // Of several mounts at one place the last one is seen.
                let (device, fstype) = root_of(line.split_once(':')?.1)?;
                (process.root_device, process.root_fstype) = (Some(device), Some(fstype));
                return Some(());
            }
            of_process(process, file, key, value)
        });
        unreadable += u64::from(known.is_none());
    }
    let mut all: Vec<Process> = found.into_values().collect();
    if let Some(container) = all.iter().find(|p| Some(p.pid) == inside).cloned() {
        for process in &mut all {
            process.other_namespaces = is_elsewhere(process, &container);
        }
    }
    all.sort_by_key(|p| p.pid);
    // The agent itself is a process: without it the list was cut.
    unreadable += u64::from(all.is_empty());
    if let Some(own) = own {
        let ours = descendants(own, all.iter().map(|p| (p.pid, p.ppid)));
        all.retain(|p| !ours.contains(&p.pid));
    }
    (all, unreadable)
}

/// A process and all that it started, by (process id, parent's id). Each is looked at once, whatever a
/// target says of who started whom.
pub(crate) fn descendants(of: i64, all: impl Iterator<Item = (i64, i64)>) -> BTreeSet<i64> {
    let mut children: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (pid, parent) in all {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut next) = (BTreeSet::from([of]), vec![of]);
    while let Some(parent) = next.pop() {
        let new = children.remove(&parent).unwrap_or_default();
        next.extend(new.into_iter().filter(|pid| found.insert(*pid)));
    }
    found
}

/// Mounts; a mount table without a root was cut.
pub(super) fn mounts(lines: &[&[u8]]) -> Parsed<Vec<Mount>> {
    let (all, unreadable) = each_of_bytes(lines, mount);
    let rootless = all.iter().all(|m| m.target != "/");
    (all, unreadable + u64::from(rootless))
}

pub(super) fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').map(unescape);
    let (source, target, fstype) = (fields.next()?, fields.next()?, fields.next()?);
    let options = field(&fields.next()?);
    Some(Mount {
        target: FilePath::from_bytes(&target),
        source: field(&source),
        fstype: field(&fstype),
        options: options.split(',').map(str::to_owned).collect(),
    })
}

/// A byte that would end a field is `\040` or such in mount tables, see fstab(5) and `seq_path(9)`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.split_at_checked(3).filter(|_| *first == b'\\');
        let byte = octal.and_then(|(digits, left)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 8).ok()?, left))
        });
        let (byte, left) = byte.unwrap_or((*first, after));
        out.push(byte);
        rest = left;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
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
                "{start}Pid:\t{pid}\n{start}Uid:\t{ids}\n{start}Gid:\t5\t5\t5\t5\n{start}CapInh:\t{inherited}\n\
                 {start}CapPrm:\t{permitted}\n"
            )
        };
        let text = status(1, "5\t5\t5\t5", "0", "0")
            + &status(2, "5\t5\t0\t5", "1", "3")
            + &status(3, "0\t5\t5\t5", "2", "1")
            + "/proc/4/status:Pid:\t4\n/proc/4/status:Uid:\t5\t5\n";
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
    fn mounts_are_unescaped() {
        let found = mount(b"tmpfs /a\\040b\\012\\134040\xff tmpfs rw,nosuid 0 0").unwrap();
        assert_eq!(&*found.target.to_bytes(), b"/a b\n\\040\xff");
        assert_eq!(found.options, ["rw", "nosuid"]);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in any::<String>()) {
            let own = [
                line.clone(),
                format!("/proc/1/status:{line}"),
                format!("/proc/1/ns/user:{line}"),
                format!("/proc/1/mountinfo:1 1 0:1 / / {line}"),
            ];
            let _ = (processes(&own), mount(line.as_bytes()));
        }
    }
}
