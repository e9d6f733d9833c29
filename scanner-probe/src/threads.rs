//! Threads of processes: the kernel decides by the ids, rights and place of each of them.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
};

use scanner_inventory::wire::THREAD_KEYS;

use crate::proc_file::{has_key, is_gone, read};

/// Most threads of a process that are read.
const MAX_THREADS: usize = 5000;
/// Most bytes that are written about the threads of one process.
const MAX_SAID: usize = 20_000;
/// Links that show where a thread is.
const PLACES: [&str; 4] = ["cwd", "root", "ns/user", "ns/mnt"];

/// Writes the status lines of all threads of a process that has several, each line once, and then whether all are where
/// their process is. If there are too many threads, the last line is left out.
pub(crate) fn write(pid: u32, out: &mut impl Write) -> io::Result<()> {
    let process = format!("/proc/{pid}");
    let Ok(entries) = fs::read_dir(format!("{process}/task")) else {
        return Ok(());
    };
    let mut threads = Vec::new();
    for entry in entries.take(MAX_THREADS + 1) {
        // If the list breaks off, nothing is known about the rest.
        let Ok(entry) = entry else { return Ok(()) };
        if let Ok(thread) = entry.file_name().into_string() {
            threads.push(format!("{process}/task/{thread}"));
        }
    }
    if threads.len() < 2 {
        // The status of the process is that of its one thread, and one that ended has none.
        return match threads.len() {
            0 => Ok(()),
            _ => writeln!(out, "{process}/task:where:same"),
        };
    }
    let (mut said, mut bytes, mut where_all) = (BTreeSet::new(), 0, "same");
    for thread in threads.iter().take(MAX_THREADS) {
        let status = match read(&format!("{thread}/status")) {
            Ok(status) => status,
            // A thread that ended has no rights and no place.
            Err(error) if is_gone(&error) => continue,
            Err(_) => return Ok(()),
        };
        for line in status.lines().filter(|line| has_key(line, &THREAD_KEYS)) {
            if said.insert(line.to_owned()) {
                bytes += line.len();
                writeln!(out, "{process}/task:{line}")?;
            }
        }
        if bytes > MAX_SAID {
            return Ok(());
        }
        let apart =
            |place: &&str| !is_same(&format!("{thread}/{place}"), &format!("{process}/{place}"));
        if PLACES.iter().any(apart) && fs::exists(thread).unwrap_or(true) {
            where_all = "other";
        }
    }
    if threads.len() <= MAX_THREADS {
        writeln!(out, "{process}/task:where:{where_all}")?;
    }
    Ok(())
}

/// Whether two links of `/proc` lead to one place.
fn is_same(one: &str, other: &str) -> bool {
    let place = |link: &str| fs::metadata(link).map(|found| (found.dev(), found.ino()));
    matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<String> {
        let mut out = Vec::new();
        write(std::process::id(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_thread_that_is_not_like_the_others_is_in_what_is_written() {
        // Tests run in threads, so that there are at least two.
        let own = std::process::id();
        let last = |lines: &[String]| lines.last().cloned().unwrap_or_default();
        assert_eq!(last(&written()), format!("/proc/{own}/task:where:same"));
        let free = format!("/proc/{own}/task:NoNewPrivs:\t0");
        let bound = format!("/proc/{own}/task:NoNewPrivs:\t1");
        assert!(written().contains(&free) && !written().contains(&bound));
        let apart = std::thread::spawn(|| {
            nix::sys::prctl::set_no_new_privs().unwrap();
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).unwrap();
            // Changes this thread alone.
            nix::unistd::chdir("/proc").unwrap();
            written()
        });
        let found = apart.join().unwrap();
        assert!(found.contains(&free) && found.contains(&bound), "{found:?}");
        assert_eq!(last(&found), format!("/proc/{own}/task:where:other"));
        let mut once = found.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), found.len(), "{found:?}");
    }
}
