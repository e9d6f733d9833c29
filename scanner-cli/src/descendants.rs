//! Finds and ends the processes of a program that is run here, even if they have detached themselves.

use std::{
    collections::HashSet,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};

use crate::output;

/// How long a process may take to end after it was asked to, and how long in total.
const POLITE: Duration = Duration::from_secs(2);
const FORCED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// Most processes that are named.
const SHOWN: usize = 20;

/// Returns the processes of credential plugins.
pub(crate) type Plugins = Arc<dyn Fn() -> Vec<u32> + Send + Sync>;

/// Every process that a program started. When this is dropped, those that can be found are ended. One that forks faster than
/// it is found goes on; it has no access any more, since the proxy of the loan is gone by then.
pub(crate) struct Descendants {
    /// The running credential plugins of this process, which do not belong to the program.
    plugins: Plugins,
    /// Children of this process from before the program was started, which do not belong to it.
    others: Vec<Pid>,
    /// The program itself; other code waits for its end.
    program: Option<Pid>,
    ended: bool,
}

impl Descendants {
    /// From now on, a process below this one that loses its parent becomes a child of this one.
    pub(crate) fn adopt(plugins: Plugins) -> nix::Result<Self> {
        prctl::set_child_subreaper(true)?;
        Ok(Self {
            plugins,
            others: children("self"),
            program: None,
            ended: false,
        })
    }

    /// Names the program, once it runs.
    pub(crate) fn of(&mut self, program: Option<u32>) {
        self.program = program
            .and_then(|pid| i32::try_from(pid).ok())
            .map(Pid::from_raw);
    }

    /// Ends the processes that the program left: asks them first, and then kills them. Returns how many there were.
    ///
    /// # Errors
    ///
    /// Fails when some of them go on running.
    pub(crate) async fn end(mut self) -> Result<usize, String> {
        // From here on, this function ends them, and not the drop.
        self.ended = true;
        let (started, mut asked) = (Instant::now(), HashSet::new());
        loop {
            let alive = self.alive();
            if alive.is_empty() {
                return Ok(asked.len());
            }
            let passed = started.elapsed();
            if passed > FORCED {
                return Err(describe(&alive));
            }
            for pid in alive {
                // A process that has ended meanwhile needs no signal.
                if asked.insert(pid) {
                    let _ = kill(pid, Signal::SIGTERM);
                } else if passed > POLITE {
                    let _ = kill(pid, Signal::SIGKILL);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The processes that run. Ended ones that nobody else waits for are reaped.
    fn alive(&self) -> Vec<Pid> {
        let mut alive = Vec::new();
        // A plugin that ends meanwhile is in the first list, and one that starts is in the second.
        let mut plugins = self.plugins();
        let mut next = children("self");
        plugins.extend(self.plugins());
        // Excluded by its id, with the processes below it, and not by its group: any process may join the group of a
        // plugin.
        next.retain(|pid| {
            !plugins.contains(pid) && !self.others.contains(pid) && !self.has_ended(*pid)
        });
        while let Some(pid) = next.pop() {
            if !alive.contains(&pid) {
                next.extend(children(&pid.to_string()));
                alive.push(pid);
            }
        }
        alive
    }

    /// The plugins that run.
    fn plugins(&self) -> Vec<Pid> {
        let ids = (self.plugins)().into_iter();
        let ids = ids.filter_map(|id| i32::try_from(id).ok());
        ids.map(Pid::from_raw).collect()
    }

    /// Whether a child of this process has ended.
    fn has_ended(&self, pid: Pid) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(pid), flags) {
            Ok(WaitStatus::StillAlive) => false,
            Ok(_) => {
                if self.program != Some(pid) {
                    let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
                }
                true
            }
            Err(error) => error == Errno::ECHILD,
        }
    }
}

impl Drop for Descendants {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let started = Instant::now();
        loop {
            let alive = self.alive();
            if alive.is_empty() {
                return;
            }
            if started.elapsed() > FORCED {
                output::note(&describe(&alive));
                return;
            }
            for pid in alive {
                let _ = kill(pid, Signal::SIGKILL);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn describe(alive: &[Pid]) -> String {
    let pids: Vec<String> = alive.iter().take(SHOWN).map(ToString::to_string).collect();
    format!(
        "{} processes that it started cannot be ended, and go on without access: {}",
        alive.len(),
        pids.join(", ")
    )
}

/// Children of all threads of a process.
fn children(process: &str) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.map(Pid::from_raw).collect::<Vec<_>>()
    });
    pids.collect()
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    fn nobody() -> Plugins {
        Arc::new(Vec::new)
    }

    /// All in one test, because it treats every child of this process as its own.
    #[tokio::test]
    async fn what_a_program_leaves_is_ended_however_far_it_went() {
        let mut asked = Descendants::adopt(nobody()).unwrap();
        let script = "sleep 300 & setsid sleep 300 & sleep 0.3";
        let mut program = Command::new("sh").args(["-c", script]).spawn().unwrap();
        asked.of(program.id());
        program.wait().await.unwrap();
        assert_eq!(asked.end().await.unwrap(), 2);

        // A plugin that runs meanwhile with a helper, and a process that hides in its group.
        let mut plugin = Command::new("sh")
            .args(["-c", "sleep 300 & exec sleep 300"])
            .process_group(0)
            .spawn()
            .unwrap();
        let id = plugin.id().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let beside = Descendants {
            plugins: Arc::new(move || vec![id]),
            others: vec![],
            program: None,
            ended: false,
        };
        let group = Pid::from_raw(i32::try_from(id).unwrap());
        let hidden = Command::new("sleep")
            .arg("300")
            .process_group(group.as_raw())
            .spawn();
        let hidden = hidden.unwrap().id().unwrap();
        assert_eq!(beside.end().await.unwrap(), 1, "what joined its group");
        let hidden = Pid::from_raw(i32::try_from(hidden).unwrap());
        assert_eq!(kill(hidden, None), Err(Errno::ESRCH));
        assert_eq!(plugin.try_wait().unwrap(), None, "it goes on");
        nix::sys::signal::killpg(group, Signal::SIGKILL).unwrap();
        plugin.wait().await.unwrap();

        let mut forced = Descendants::adopt(nobody()).unwrap();
        let script = "setsid sh -c 'trap : TERM; (sleep 300); sleep 300' & wait";
        let mut command = Command::new("sh");
        let program = command.args(["-c", script]).kill_on_drop(true).spawn();
        let program = program.unwrap();
        forced.of(program.id());
        let begun = std::time::Instant::now();
        while forced.alive().len() < 2 {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(program);
        let after = Descendants {
            plugins: nobody(),
            others: vec![],
            program: forced.program,
            ended: true,
        };
        drop(forced);
        assert_eq!(after.alive(), []);
    }

    #[test]
    fn what_cannot_be_ended_is_named_in_part() {
        let alive: Vec<Pid> = (1000..2000).map(Pid::from_raw).collect();
        let text = describe(&alive);
        assert!(
            text.starts_with("1000 processes") && text.len() < 400,
            "{text}"
        );
    }
}
