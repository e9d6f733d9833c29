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
use scanner_inventory::wire::{TARGET_HIDDEN, TARGET_LEFT};
use scanner_probe::{
    Root, Subject, answer,
    inside::{self, NotInside},
};

const USAGE: &str = "usage: wait SECONDS | serve | collect CONTAINER-ID NONCE SECONDS [held] | root FOLDER NONCE SECONDS \
                     [held] | barrier SECONDS | canary MILLISECONDS ADDRESS:PORT...; with held, the end of standard \
                     input ends it";

fn main() -> ExitCode {
    // The memory of this process holds what it read, so there must be no core dump. A lower limit stays.
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
            look(|| of_folder(Path::new(folder)), &asked)
        }
        _ => Err(USAGE.into()),
    }
}

/// Why this program fails, and its exit code, by which the client decides: [`TARGET_HIDDEN`] if it cannot see the target's
/// filesystem, [`TARGET_LEFT`] if what it sees is not the container's, and otherwise 1.
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn with(code: u8, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code,
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

/// Stays for as long as its pod: as a sidecar that was deployed with it. It never wakes up and holds no data, so it can be
/// scanned like every other container.
fn serve() -> ! {
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    loop {
        thread::park();
    }
}

/// How a client sends its request.
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
    let mut seen = None;
    let open = || {
        let (subject, process) = of_container(container)?;
        seen = Some(process);
        Ok(subject)
    };
    look(open, asked)?;
    match seen.and_then(|process| process.has_left()) {
        Some(why) => Err(Failure::with(TARGET_LEFT, why)),
        None => Ok(()),
    }
}

/// The subject of `collect`.
fn of_container(container: &str) -> Result<(Subject, inside::Process), Failure> {
    let inside = inside::open(container).map_err(|not| match not {
        NotInside::None => Failure::from(
            "no process of the target is visible: the node's runtime did not join its process namespace",
        ),
        NotInside::Hidden(why) => Failure::with(TARGET_HIDDEN, why),
        NotInside::Left(why) => Failure::with(TARGET_LEFT, why),
    })?;
    let subject = Subject {
        root: Box::new(inside.root),
        process: Some(inside.process.clone()),
        container: container.to_owned(),
    };
    Ok((subject, inside.process))
}

/// The subject of `root`.
fn of_folder(path: &Path) -> Result<Subject, Failure> {
    let root = Root::open(path).map_err(|error| {
        Failure::with(
            TARGET_HIDDEN,
            format!("cannot see the root {}: {error}", path.display()),
        )
    })?;
    Ok(Subject {
        root: Box::new(root),
        process: None,
        container: String::new(),
    })
}

/// Reads the request from standard input and answers it. The subject is opened once the request has arrived.
fn look(open: impl FnOnce() -> Result<Subject, Failure>, asked: &Asked<'_>) -> Result<(), Failure> {
    lifeline::end_after(asked.limit);
    let request = lifeline::request(asked.held)?;
    let client = lifeline::end_with_client(asked.held);
    let subject = open()?;
    answer(&subject, &request, asked.nonce, io::stdout().lock())
        .and_then(|()| io::stdout().flush())
        .map_err(|e| e.to_string())?;
    client.has_it();
    Ok(())
}
