//! The program of the probe's container: `wait` and `serve` keep it alive, `collect` answers over exec.

mod canary;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
    process::ExitCode,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use scanner_inventory::{InventoryRequest, wire::TARGET_HIDDEN};
use scanner_probe::{Root, Subject, answer, has_own_root, of_container};

/// Largest request in bytes.
const MAX_REQUEST: u64 = 1 << 20;
/// How long `wait` stays without anyone collecting.
const GRACE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // Memory of this process holds what it read: no core dump. What is limited lower stays so.
    let no_dump = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, no_dump);
    // A target of the same user and capabilities may neither attach to this process nor open its pipes:
    // PR_SET_DUMPABLE(2const), and "Ptrace access mode checking" of ptrace(2).
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // With standard error closed nobody listens.
            let _ = writeln!(io::stderr(), "{}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(args: &[&str]) -> Result<(), Failure> {
    match args {
        ["wait", seconds] => Ok(wait(seconds)?),
        ["serve"] => serve(),
        ["barrier", limit] => Ok(seconds(limit).and_then(canary::barrier)?),
        ["canary", timeout, addresses @ ..] => Ok(canary::canary(timeout, addresses)?),
        ["collect", target, nonce, limit] => collect(target, nonce, limit),
        ["root", folder, nonce, limit] => look(Path::new(folder), None, "", nonce, limit),
        _ => Err(
            "usage: wait SECONDS | serve | collect CONTAINER-ID NONCE SECONDS | root FOLDER NONCE SECONDS \
             | barrier SECONDS | canary MILLISECONDS ADDRESS:PORT..."
                .into(),
        ),
    }
}

/// Why this program fails, and the code that it exits with: [`TARGET_HIDDEN`] when it cannot see the target's
/// filesystem, which the client decides by, and otherwise 1.
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn hidden(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: TARGET_HIDDEN,
        }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, code: 1 }
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "seconds must be a number")?;
    Ok(Duration::from_secs(seconds))
}

/// Ends when a collector came and went, when none came, or at the deadline.
fn wait(limit: &str) -> Result<(), String> {
    let (started, limit) = (Instant::now(), seconds(limit)?);
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|e| e.to_string())?;
    let me = std::process::id();
    let mut came = false;
    while started.elapsed() < limit {
        let others = of_container("").into_iter().any(|pid| {
            pid != me && fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|c| c == own)
        });
        if (came && !others) || (!came && started.elapsed() > GRACE) {
            return Ok(());
        }
        came |= others;
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Stays for as long as its pod: as a sidecar that was deployed with it. It never wakes up, and holds
/// nothing, so that it can be scanned like every other container.
fn serve() -> ! {
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    loop {
        thread::park();
    }
}

fn collect(container: &str, nonce: &str, limit: &str) -> Result<(), Failure> {
    if container.len() < 12 {
        return Err("the container id is too short to be one".into());
    }
    let pid = process_of(container)?;
    let root = format!("/proc/{pid}/root");
    look(Path::new(&root), Some(pid), container, nonce, limit)
}

/// The lowest process of the container whose root is the container's.
fn process_of(container: &str) -> Result<u32, Failure> {
    let all = of_container(container);
    if all.is_empty() {
        return Err("no process of the target is visible: the node's runtime did not join its process namespace".into());
    }
    for pid in all {
        let seen = has_own_root(pid);
        if seen
            .map_err(|e| Failure::hidden(format!("cannot see the root /proc/{pid}/root: {e}")))?
        {
            return Ok(pid);
        }
    }
    Err(Failure::hidden(
        "cannot see the root: every process of the target took another directory for its own (chroot)",
    ))
}

/// Reads the request from standard input and answers it.
fn look(
    root: &Path,
    pid: Option<u32>,
    container: &str,
    nonce: &str,
    limit: &str,
) -> Result<(), Failure> {
    let limit = seconds(limit)?;
    // Whatever happens to the client, this process ends.
    thread::spawn(move || {
        sleep(limit);
        std::process::abort();
    });
    let mut text = String::new();
    let mut input = io::stdin().take(MAX_REQUEST);
    input.read_to_string(&mut text).map_err(|e| e.to_string())?;
    let request: InventoryRequest = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let opened = Root::open(root);
    let subject = Subject {
        root: Box::new(opened.map_err(|error| {
            Failure::hidden(format!("cannot see the root {}: {error}", root.display()))
        })?),
        pid,
        container: container.to_owned(),
    };
    Ok(answer(&subject, &request, nonce, io::stdout().lock()).map_err(|e| e.to_string())?)
}
