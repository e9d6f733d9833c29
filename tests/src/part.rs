//! Stopping a part of the lab for a while, as a cluster whose controllers, scheduler or node hang.

use std::{env, fs, path::PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A part of the lab that does nothing until this is dropped.
pub struct Stopped(Pid);

impl Stopped {
    /// Stops `part`, such as `controllers`, with SIGSTOP: its connections stay open, and nobody answers.
    pub fn part(part: &str) -> Self {
        let dir = env::var_os("SCANNER_E2E_LAB").expect("SCANNER_E2E_LAB is the lab's folder");
        let dir = PathBuf::from(dir);
        let inside = fs::read_to_string(dir.join("run").join(part)).expect("a part of the lab");
        let init = fs::read_to_string(dir.join("init")).expect("the lab's init");
        let init = init.split(' ').next().expect("its process id");
        let lab = namespace(init).expect("the lab's namespace");
        let found = fs::read_dir("/proc").expect("processes");
        let pid = found
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|pid| namespace(pid).as_ref() == Some(&lab))
            .find(|pid| number_inside(pid).as_deref() == Some(inside.trim()))
            .and_then(|pid| pid.parse().ok())
            .expect("the part's process");
        let pid = Pid::from_raw(pid);
        kill(pid, Signal::SIGSTOP).expect("it stops");
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // What ended meanwhile cannot go on.
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// The namespace of process ids that a process is in.
fn namespace(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// The number of a process in its own namespace.
fn number_inside(pid: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().next_back().map(str::to_owned)
}
