//! The program of the probe's container: `wait` and `serve` keep it alive, `collect` answers over exec.

mod canary;
mod lifeline;
mod wait;

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    thread,
    time::Duration,
};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use scanner_inventory::wire::TARGET_HIDDEN;
use scanner_probe::{Root, Subject, answer, has_own_root, of_container};

const USAGE: &str = "usage: wait SECONDS | serve | collect CONTAINER-ID NONCE SECONDS [held] | root FOLDER NONCE SECONDS \
                     [held] | barrier SECONDS | canary MILLISECONDS ADDRESS:PORT...; with held, the end of standard \
                     input ends it";

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
        ["wait", limit] => Ok(seconds(limit).and_then(wait::wait)?),
        ["serve"] => serve(),
        ["barrier", limit] => Ok(seconds(limit).and_then(canary::barrier)?),
        ["canary", timeout, addresses @ ..] => Ok(canary::canary(timeout, addresses)?),
        ["collect", target, nonce, limit, rest @ ..] => {
            collect(target, &Asked::new(nonce, limit, rest)?)
        }
        ["root", folder, nonce, limit, rest @ ..] => {
            let asked = Asked::new(nonce, limit, rest)?;
            look(Path::new(folder), None, "", &asked)
        }
        _ => Err(USAGE.into()),
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

/// Stays for as long as its pod: as a sidecar that was deployed with it. It never wakes up, and holds
/// nothing, so that it can be scanned like every other container.
fn serve() -> ! {
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    loop {
        thread::park();
    }
}

/// How a client asks.
struct Asked<'a> {
    nonce: &'a str,
    limit: Duration,
    /// Whether the client keeps standard input open until it has the answer.
    held: bool,
}

impl<'a> Asked<'a> {
    fn new(nonce: &'a str, limit: &str, rest: &[&str]) -> Result<Self, Failure> {
        let held = match rest {
            [] => false,
            ["held"] => true,
            _ => return Err(USAGE.into()),
        };
        Ok(Self {
            nonce,
            limit: seconds(limit)?,
            held,
        })
    }
}

fn collect(container: &str, asked: &Asked<'_>) -> Result<(), Failure> {
    if container.len() < 12 {
        return Err("the container id is too short to be one".into());
    }
    let pid = process_of(container)?;
    let root = format!("/proc/{pid}/root");
    look(Path::new(&root), Some(pid), container, asked)
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
fn look(root: &Path, pid: Option<u32>, container: &str, asked: &Asked<'_>) -> Result<(), Failure> {
    lifeline::end_after(asked.limit);
    let request = lifeline::request(asked.held)?;
    lifeline::end_with_client(asked.held);
    let opened = Root::open(root);
    let subject = Subject {
        root: Box::new(opened.map_err(|error| {
            Failure::hidden(format!("cannot see the root {}: {error}", root.display()))
        })?),
        pid,
        container: container.to_owned(),
    };
    Ok(answer(&subject, &request, asked.nonce, io::stdout().lock()).map_err(|e| e.to_string())?)
}
