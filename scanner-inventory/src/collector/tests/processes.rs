//! Where processes are, and what their threads are like.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::mpsc::channel, thread};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Uid, chdir, geteuid, setfsuid},
};

use super::*;
use crate::model::Process;

/// The process of that id, as the collector sees it in one shell.
fn seen(shell: &[&str], pid: u32) -> Process {
    let request = InventoryRequest {
        sections: [Section::Processes].into(),
        ..InventoryRequest::default()
    };
    let Collected::Complete { data } = collect(shell, &request).processes else {
        unreachable!("{shell:?}: all processes can be seen");
    };
    let found = data.into_iter().find(|p| p.pid == i64::from(pid));
    found.unwrap_or_else(|| unreachable!("{shell:?}: {pid}"))
}

#[test]
fn a_process_is_where_its_paths_lead_to() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a b\n\\c");
    fs::create_dir(&odd).unwrap();
    let mut sleeper = Command::new("sleep")
        .arg("60")
        .current_dir(&odd)
        .spawn()
        .unwrap();
    let before = SHELLS.map(|shell| seen(shell, sleeper.id()));
    fs::remove_dir(&odd).unwrap();
    let after = SHELLS.map(|shell| seen(shell, sleeper.id()));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    for process in before {
        let cwd = process.cwd.unwrap();
        assert_eq!(cwd, odd.to_str().unwrap());
        assert_eq!(process.root.unwrap(), "/");
        assert_eq!(process.places_reached, Some(true));
        assert_eq!(process.mixed_ids, Some(false));
    }
    for process in after {
        assert_eq!(process.places_reached, Some(false), "{process:?}");
    }
}

#[test]
fn a_process_in_a_place_that_is_shut_is_not_reached() {
    if !geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to start a process below a directory of root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("app");
    fs::create_dir(&inside).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let other = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    // As runc does it: root goes there, and another user runs there.
    let mut sleeper = Command::new(other[0])
        .args(&other[1..])
        .args(["sleep", "60"])
        .current_dir(&inside)
        .spawn()
        .unwrap();
    let name = format!("/proc/{}/comm", sleeper.id());
    while fs::read_to_string(&name).is_ok_and(|name| name.trim() != "sleep") {
        thread::yield_now();
    }
    let found = SHELLS.map(|shell| seen(&[&other[..], shell].concat(), sleeper.id()));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    for process in found {
        assert_eq!(process.uid, 65534);
        assert_eq!(process.cwd.unwrap(), inside.to_str().unwrap());
        assert_eq!(process.places_reached, Some(false));
    }
}

#[test]
fn a_thread_that_is_not_like_its_process_is_found() {
    let own = std::process::id();
    let before = SHELLS.map(|shell| seen(shell, own));
    let ((ready, is_ready), (done, is_done)) = (channel(), channel::<()>());
    let apart = thread::spawn(move || {
        // Each of these is of this thread alone.
        unshare(CloneFlags::CLONE_FS).unwrap();
        chdir("/proc").unwrap();
        if geteuid().is_root() {
            setfsuid(Uid::from_raw(65534));
        }
        ready.send(()).unwrap();
        let _ = is_done.recv();
    });
    is_ready.recv().unwrap();
    let after = SHELLS.map(|shell| seen(shell, own));
    drop(done);
    apart.join().unwrap();
    for process in before {
        assert_eq!(process.places_reached, Some(true), "{process:?}");
        assert_eq!(process.mixed_ids, Some(false), "{process:?}");
    }
    for process in after {
        assert_eq!(process.places_reached, None, "{process:?}");
        assert_eq!(process.mixed_ids, Some(geteuid().is_root()), "{process:?}");
    }
}

#[test]
fn a_proc_that_hides_processes_of_others_makes_them_incomplete() {
    let request = InventoryRequest {
        sections: [Section::Processes].into(),
        ..InventoryRequest::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("mounts");
    for (options, hides) in [
        ("rw,nosuid", false),
        ("rw,hidepid=invisible", true),
        ("rw,gid=5,hidepid=2", true),
        ("rw,subset=pid", true),
    ] {
        fs::write(
            &table,
            format!("a / ext4 rw 0 0\nproc /proc proc {options} 0 0\n"),
        )
        .unwrap();
        let asked = script(&request, "n0nce");
        let changed = asked.replace(
            "/proc/self/mounts >/dev/null",
            &format!("{} >/dev/null", table.display()),
        );
        assert_ne!(asked, changed);
        for shell in SHELLS {
            let out = started(shell, &changed).wait_with_output().unwrap().stdout;
            let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
            let is_partial = matches!(found.processes, Collected::Partial { .. });
            assert_eq!(is_partial, hides, "{shell:?} {options}");
        }
    }
}
