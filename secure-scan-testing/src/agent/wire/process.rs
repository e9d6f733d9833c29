//! Writes a process as the agents do.

use std::io::Write as _;

use scanner_inventory::{Process, wire::encode_path};

use super::mask::mask;

pub(super) fn write_process(process: &Process, out: &mut Vec<u8>) {
    let (pid, uid, gid) = (process.pid, process.uid, process.gid);
    // The saved id differs from the effective one; if that is unknown, there are only two numbers.
    let uids = match process.mixed_ids {
        Some(mixed) => format!("{uid}\t{uid}\t{}\t{uid}", uid + i64::from(mixed)),
        None if is_known(process) => format!("{uid}\t{uid}"),
        None => format!("{uid}\t{uid}\t{uid}\t{uid}"),
    };
    for (key, value) in [
        ("Name", process.name.clone()),
        ("Pid", pid.to_string()),
        ("PPid", process.ppid.to_string()),
        ("Uid", uids),
        ("Gid", format!("{gid}\t{gid}\t{gid}\t{gid}")),
        ("CapEff", mask(&process.capabilities)),
        ("CapBnd", mask(&process.bounding)),
        ("NoNewPrivs", u8::from(process.no_new_privs).to_string()),
        ("Seccomp", process.seccomp.to_string()),
    ] {
        let _ = writeln!(out, "/proc/{pid}/status:{key}:\t{value}");
    }
    if let Some(raisable) = &process.raisable {
        let _ = writeln!(out, "/proc/{pid}/status:CapPrm:\t{}", mask(raisable));
    }
    if let Some(groups) = &process.groups {
        let groups: Vec<String> = groups.iter().map(i64::to_string).collect();
        let _ = writeln!(out, "/proc/{pid}/status:Groups:\t{}", groups.join(" "));
    }
    let namespaces = [
        ("user", process.user_namespace),
        ("mnt", process.mount_namespace),
    ];
    for (name, inode) in namespaces {
        if let Some(inode) = inode {
            let _ = writeln!(out, "/proc/{pid}/ns/{name}:inode:{inode}");
        }
    }
    if let (Some(device), Some(fstype)) = (&process.root_device, &process.root_fstype) {
        let _ = writeln!(
            out,
            "/proc/{pid}/mountinfo:1 1 {device} / / rw - {fstype} none rw"
        );
    }
    places(process, out);
}

/// Whether anything is known about its threads. An agent that says nothing about them leaves ids, capabilities and places
/// open.
const fn is_known(process: &Process) -> bool {
    process.mixed_ids.is_some() || process.raisable.is_some() || process.places_reached.is_some()
}

/// Where it is, and what its threads are like.
fn places(process: &Process, out: &mut Vec<u8>) {
    let pid = process.pid;
    let apart = process.places_reached.is_none() && process.cwd.is_some() && process.root.is_some();
    if is_known(process) {
        let threads = if apart { 2 } else { 1 };
        let _ = writeln!(out, "/proc/{pid}/status:Threads:\t{threads}");
        if apart {
            let _ = writeln!(out, "/proc/{pid}/task:where:other");
        }
    }
    let way = match process.places_reached {
        Some(false) => "shut",
        _ => "seen",
    };
    for (name, path) in [("cwd", &process.cwd), ("root", &process.root)] {
        if let Some(path) = path {
            let _ = write!(out, "/proc/{pid}/{name}:{way}:");
            out.extend_from_slice(&encode_path(&path.to_bytes()));
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use scanner_inventory::{Collected, Inventory, InventoryRequest, Section, parse};

    use super::*;
    use crate::{
        agent::{request::Asked, wire::answer},
        samples,
    };

    fn read(process: &Process) -> Collected<Vec<Process>> {
        let given = Inventory {
            processes: Collected::Complete {
                data: vec![process.clone()],
            },
            ..Inventory::default()
        };
        let request = InventoryRequest {
            sections: [Section::Processes].into(),
            ..InventoryRequest::default()
        };
        let bytes = answer(&given, &Asked::of(&request, "nonce"));
        let read = parse::inventory("probe", &bytes, "nonce", &request);
        read.expect("an answer").processes
    }

    #[test]
    fn what_is_not_known_of_a_process_is_not_said() {
        let healthy = samples::healthy();
        let first = healthy.processes.data().expect("some")[0].clone();
        let changes: [fn(&mut Process); 6] = [
            |_| {},
            |p| p.mixed_ids = Some(true),
            |p| p.raisable = None,
            |p| (p.cwd, p.places_reached) = (Some("/root/app".into()), Some(false)),
            |p| p.places_reached = None,
            |p| (p.mixed_ids, p.raisable, p.places_reached) = (None, None, None),
        ];
        for change in changes {
            let mut process = first.clone();
            change(&mut process);
            let data = vec![process.clone()];
            assert_eq!(read(&process), Collected::Complete { data });
        }
        // Ids alone are not known: half a line.
        let mut process = first;
        process.mixed_ids = None;
        let found = read(&process);
        assert!(matches!(found, Collected::Partial { .. }), "{found:?}");
        assert_eq!(found.data(), Some(&vec![process]));
    }
}
