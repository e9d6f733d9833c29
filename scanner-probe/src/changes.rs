//! The state of a target at one moment, to be compared with another: processes, listening sockets, files.

use std::io::{self, Write};

use rustix::io::Errno;
use scanner_inventory::{
    FilePath,
    changes::{MAX_ENTRIES, MAX_PROCESSES, MAX_SOCKETS, WATCHED},
    wire::encode_path,
};

use crate::{
    proc_file::{is_gone, read},
    procs::{of_container, rows},
    subject::Subject,
};

/// Lines of `scanner_inventory::changes` without the moment.
pub(crate) struct Moment {
    lines: Vec<String>,
    files: Vec<Vec<u8>>,
    lost: Vec<&'static str>,
    closed: Vec<&'static str>,
}

impl Moment {
    pub(crate) fn of(subject: &Subject) -> Self {
        let mut moment = Self {
            lines: Vec::new(),
            files: Vec::new(),
            lost: Vec::new(),
            closed: Vec::new(),
        };
        let pids = of_container(&subject.container);
        if pids.len() > MAX_PROCESSES {
            moment.lost.push("some of very many processes");
        }
        let mut unread = false;
        for pid in pids.iter().take(MAX_PROCESSES) {
            match read(&format!("/proc/{pid}/stat")) {
                Ok(stat) => {
                    let stat = stat.trim_end().replace('\n', "?");
                    moment.lines.push(format!("p {stat}"));
                }
                // A process that ended since it was listed is left out.
                Err(error) if is_gone(&error) => {}
                Err(_) => unread = true,
            }
        }
        if unread {
            moment.lost.push("processes that cannot be read");
        }
        if let Some(pid) = subject.process.as_ref().map(|process| process.pid) {
            moment.sockets(pid);
        }
        moment.entries(subject);
        moment
    }

    fn sockets(&mut self, pid: u32) {
        for protocol in ["tcp", "tcp6", "udp", "udp6", "unix"] {
            let mut number = 0;
            let read = rows(pid, protocol, |row| {
                if let Some(line) = socket(protocol, row) {
                    number += 1;
                    if number <= MAX_SOCKETS {
                        self.lines.push(line);
                    }
                }
                Ok(())
            });
            if number > MAX_SOCKETS {
                self.lost.push("some of very many sockets");
            }
            if read.is_err() {
                self.lost.push("a table of sockets that cannot be read");
            }
        }
    }

    fn entries(&mut self, subject: &Subject) {
        let root = &*subject.root;
        for directory in WATCHED {
            let is_directory = |mode: u32| mode & 0o170_000 == 0o040_000;
            if !matches!(root.meta(directory), Ok(Some(meta)) if is_directory(meta.mode)) {
                continue;
            }
            let names = match root.names(directory) {
                Ok(names) => names,
                Err(Errno::ACCESS | Errno::PERM) => {
                    self.closed.push(directory);
                    continue;
                }
                Err(_) => {
                    self.lost.push("a directory that cannot be read");
                    continue;
                }
            };
            for name in names {
                if self.files.len() > MAX_ENTRIES {
                    return;
                }
                let path = format!("{}/{name}", directory.trim_end_matches('/'));
                if let Some(state) = root.state(&path) {
                    let Ok(path) = FilePath::from_text(&path) else {
                        continue;
                    };
                    let mut line = format!("{state} ").into_bytes();
                    line.extend_from_slice(&encode_path(&path.to_bytes()));
                    self.files.push(line);
                }
            }
        }
    }

    /// Writes how `self` and `now` compare.
    ///
    /// # Errors
    ///
    /// Fails when the reader is gone.
    pub(crate) fn compare(&self, now: &Self, out: &mut impl Write) -> io::Result<()> {
        for (moment, when) in [(self, "b"), (now, "a")] {
            for line in &moment.lines {
                writeln!(out, "{when} {line}")?;
            }
            for lost in &moment.lost {
                writeln!(out, "lost {lost}")?;
            }
        }
        for directory in &now.closed {
            writeln!(out, "closed {directory}")?;
        }
        if self.files == now.files {
            return writeln!(out, "same f {}", now.files.len());
        }
        for (moment, when) in [(self, "b"), (now, "a")] {
            for file in &moment.files {
                write!(out, "{when} f ")?;
                out.write_all(file)?;
                writeln!(out)?;
            }
        }
        Ok(())
    }
}

/// A row of `/proc/net` if it listens, see `proc_pid_net(5)`.
fn socket(protocol: &str, row: &str) -> Option<String> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let (address, inode) = match protocol {
        "unix" if *fields.get(3)? == "00010000" => {
            (fields.get(7).copied().unwrap_or_default(), fields.get(6)?)
        }
        "tcp" | "tcp6" if *fields.get(3)? == "0A" => (*fields.get(1)?, fields.get(9)?),
        "udp" | "udp6" if *fields.get(3)? == "07" && fields.get(2)?.ends_with(":0000") => {
            (*fields.get(1)?, fields.get(9)?)
        }
        _ => return None,
    };
    Some(format!("s {protocol} {address} {inode}"))
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener, process::Command};

    use scanner_inventory::{
        Collected, changes,
        wire::{Ending, RawSection},
    };

    use super::*;
    use crate::root::Root;

    #[test]
    fn what_changes_between_two_moments_is_reported_and_nothing_else_of_the_tree() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc/ssh")).unwrap();
        fs::write(dir.path().join("etc/passwd"), "x").unwrap();
        fs::write(dir.path().join("etc/group"), "x").unwrap();
        let subject = Subject {
            root: Box::new(Root::open(dir.path()).unwrap()),
            process: crate::inside::Process::of(std::process::id()).ok(),
            container: String::new(),
        };
        let differences_of = |before: &Moment, after: &Moment| {
            let mut out = Vec::new();
            before.compare(after, &mut out).unwrap();
            let lines = String::from_utf8(out).unwrap();
            let part = RawSection {
                lines: lines.lines().map(str::as_bytes).collect(),
                gaps: Vec::new(),
                ending: Ending::Ok,
            };
            let Collected::Complete { data } = changes::read(Some(part)) else {
                unreachable!("complete: {lines}");
            };
            assert_eq!(
                data.files, 4,
                "etc, etc/ssh, etc/passwd, etc/group: {lines}"
            );
            data.differences
        };
        let before = Moment::of(&subject);
        let quiet = differences_of(&before, &Moment::of(&subject)).join("\n");
        assert!(!quiet.contains("file "), "{quiet}");
        fs::write(dir.path().join("etc/passwd"), "y").unwrap();
        let mut child = Command::new("sleep").arg("5").spawn().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let after = Moment::of(&subject);
        child.kill().unwrap();
        child.wait().unwrap();
        let differences_of = differences_of(&before, &after).join("\n");
        let port = listener.local_addr().unwrap().port();
        for expected in [
            "file /etc/passwd changed".to_owned(),
            format!("process {} (sleep) started", child.id()),
            format!("tcp 127.0.0.1 port {port} began to listen"),
        ] {
            assert!(
                differences_of.contains(&expected),
                "{expected}: {differences_of}"
            );
        }
        assert!(!differences_of.contains("/etc/group"), "{differences_of}");
    }
}
