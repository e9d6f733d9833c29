//! Waits for a plugin that runs, and stops it when its time is over or nobody wants its answer any more.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus},
    sync::{
        Weak,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use scanner_core::escape::visible_ends;

/// Most that a plugin may answer, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// Bytes of its standard error that are read.
const MAX_STDERR: u64 = 64 << 10;
/// Longest text of it that is shown, in characters.
const MAX_SHOWN: usize = 600;
/// How often it is looked whether the plugin has ended, and whether it is to be stopped.
const STEP: Duration = Duration::from_millis(10);
/// How long to wait for the last output of a plugin that has ended: a process that it started may hold standard error open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a plugin ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It succeeded, and wrote this to its output.
    Answer(Vec<u8>),
    /// It failed.
    Failed(String),
    /// It was stopped, since its time was over.
    Late,
    /// It was stopped, since nobody wanted its answer any more.
    Unwanted,
}

/// A plugin that runs. It does not outlive this.
pub(super) struct Running {
    child: Child,
    /// Whether it leads a process group, so that what it started is stopped with it.
    leads: bool,
    /// Whether it ended by itself. What it left running is then not stopped, because its id may belong to another process
    /// by now.
    ended: bool,
}

impl Running {
    /// Starts `program`: in a process group of its own, or in that of this process, whose terminal it then may use.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be started.
    pub(super) fn start(program: &mut Command, alone: bool) -> io::Result<Self> {
        if alone {
            program.process_group(0);
        }
        Ok(Self {
            child: program.spawn()?,
            leads: alone,
            ended: false,
        })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for it, at most `time` and as long as anybody holds `wanted`.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be waited for.
    pub(super) fn finish(mut self, time: Duration, wanted: &Weak<()>) -> io::Result<End> {
        let until = Instant::now() + time;
        let stop = || {
            if wanted.strong_count() == 0 {
                Some(End::Unwanted)
            } else {
                (Instant::now() >= until).then_some(End::Late)
            }
        };
        let answer = reading(self.child.stdout.take(), MAX_ANSWER + 1);
        let said = reading(self.child.stderr.take(), MAX_STDERR);
        let answer = loop {
            match answer.recv_timeout(STEP) {
                Ok(answer) => break answer,
                Err(RecvTimeoutError::Disconnected) => break Vec::new(),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(end) = stop() {
                        return Ok(end);
                    }
                }
            }
        };
        if answer.len() as u64 > MAX_ANSWER {
            return Ok(End::Failed("its answer is too long".into()));
        }
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if let Some(end) = stop() {
                return Ok(end);
            }
            thread::sleep(STEP);
        };
        self.ended = true;
        if status.success() {
            return Ok(End::Answer(answer));
        }
        let said = said.recv_timeout(LAST_WORDS).unwrap_or_default();
        Ok(End::Failed(failed(status, &said)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Before it is waited for: until then no other process can have its id, which is that of its group.
        if self.leads {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        // Both do nothing to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the first `most` bytes of a stream, which may stay open for ever, in a thread of its own. All else is read and
/// left, unless it is too much: otherwise the plugin would wait for somebody to read on.
fn reading(stream: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut read = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(most).read_to_end(&mut read);
            let is_full = read.len() as u64 == most;
            let _ = send.send(read);
            if is_full {
                let _ = io::copy(&mut stream, &mut io::sink());
            }
        }
    });
    receive
}

fn failed(status: ExitStatus, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let words: Vec<&str> = said.split_whitespace().collect();
    match words.join(" ") {
        none if none.is_empty() => status.to_string(),
        said => format!("{status}: {}", visible_ends(&said, MAX_SHOWN)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Stdio, sync::Arc};

    use super::*;

    fn start(script: &str, alone: bool) -> Running {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut shell, alone).unwrap()
    }

    /// Runs `script` for at most `time`, and says how it ended, how long that took, and whether it is gone.
    fn ended(script: &str, time: Duration, wanted: &Weak<()>) -> (End, Duration) {
        let running = start(script, true);
        let process = format!("/proc/{}", running.child.id());
        let begun = Instant::now();
        let end = running.finish(time, wanted).unwrap();
        assert!(!Path::new(&process).exists(), "{script}");
        (end, begun.elapsed())
    }

    /// Whether the process whose id is in that file runs.
    fn runs(id: &Path) -> bool {
        let id = fs::read_to_string(id).unwrap();
        // One that ended and that nobody has waited for yet has no command line.
        fs::read(format!("/proc/{}/cmdline", id.trim())).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn what_it_started_is_stopped_with_it_and_goes_on_where_it_ended_by_itself() {
        let wanted = Arc::new(());
        let dir = tempfile::tempdir().unwrap();
        for (number, (end, expected)) in [
            ("exec sleep 30", None),
            ("wait", None),
            // It ended, and what it started holds its output open.
            ("exit 0", None),
            ("exec >&- 2>&-; echo; exit 0", Some(true)),
        ]
        .into_iter()
        .enumerate()
        {
            let id = dir.path().join(number.to_string());
            let open = if expected.is_some() { ">&- 2>&-" } else { "" };
            let script = format!("sleep 30 {open} & echo $! >{}; {end}", id.display());
            // Long enough for a shell to start on a busy machine.
            let time = Duration::from_secs(if expected.is_some() { 20 } else { 3 });
            let (ended, _) = ended(&script, time, &Arc::downgrade(&wanted));
            let is_left = expected.unwrap_or(false);
            assert_eq!(ended == End::Late, !is_left, "{script}: {ended:?}");
            let begun = Instant::now();
            while runs(&id) != is_left && begun.elapsed() < Duration::from_secs(10) {
                thread::sleep(STEP);
            }
            assert_eq!(runs(&id), is_left, "{script}");
        }
        // One that may use the terminal stays in the group of this process, which is not stopped.
        let both = start("exec sleep 30", false);
        assert_eq!(
            both.finish(STEP, &Arc::downgrade(&wanted)).unwrap(),
            End::Late
        );
    }

    #[test]
    fn one_that_hangs_is_stopped() {
        let wanted = Arc::new(());
        for script in [
            "exec sleep 30",
            "sleep 30",
            "exec >&-; exec sleep 30",
            "exec >&- 2>&-; exec sleep 30",
            "echo '{}'; exec sleep 30",
            "sleep 30 & exit 0",
            "trap '' TERM INT HUP; sleep 30",
        ] {
            let time = Duration::from_millis(200);
            let (end, took) = ended(script, time, &Arc::downgrade(&wanted));
            assert_eq!(end, End::Late, "{script}");
            assert!(took >= time && took < Duration::from_secs(10), "{took:?}");
        }
    }

    #[test]
    fn one_whose_answer_nobody_wants_is_stopped() {
        let wanted = Arc::new(());
        let weak = Arc::downgrade(&wanted);
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(wanted);
        });
        let (end, took) = ended("exec sleep 30", Duration::from_secs(20), &weak);
        late.join().unwrap();
        assert_eq!(end, End::Unwanted);
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn what_it_says_is_read_whatever_it_leaves_open() {
        let wanted = Arc::new(());
        for (script, wanted_end) in [
            ("echo ok", End::Answer(b"ok\n".to_vec())),
            ("true", End::Answer(Vec::new())),
            (
                "echo no >&2; exit 3",
                End::Failed("exit status: 3: no".into()),
            ),
            ("exit 3", End::Failed("exit status: 3".into())),
            (
                "sleep 30 >&- & exit 3",
                End::Failed("exit status: 3".into()),
            ),
            (
                "head -c 100000 /dev/zero >&2; echo ok",
                End::Answer(b"ok\n".to_vec()),
            ),
            (
                "head -c 2000000 /dev/zero; sleep 30",
                End::Failed("its answer is too long".into()),
            ),
        ] {
            let time = Duration::from_secs(20);
            let (end, took) = ended(script, time, &Arc::downgrade(&wanted));
            assert_eq!(end, wanted_end, "{script}");
            assert!(took < Duration::from_secs(10), "{script}: {took:?}");
        }
    }
}
