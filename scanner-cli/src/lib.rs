//! Command line of secure-scan: arguments, progress, choice of output and exit codes, nothing else.

mod args;
mod audit;
mod cluster;
mod credential;
mod descendants;
mod drift;
mod guard;
mod inject;
mod local;
mod output;
mod policy;
mod profile;
mod progress;
mod reap;
mod report;
mod scan;
mod sidecar;
mod signals;
mod sink;

use std::{alloc::System, future::Future, process::ExitCode};

use args::{Cli, Command};
use clap::Parser as _;
use credential::CredentialCommand;
use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};
use scanner_core::report::Verdict;
use scanner_k8s::Strategy;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites all memory that is freed: a token also passes through buffers of HTTP and TLS.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Exit code of wrong usage, and of what was named and cannot be used: a profile, a kubeconfig, a file.
const USAGE: u8 = 2;
/// Exit code of a scan that could not be done.
const NOT_DONE: u8 = 3;
/// Exit code of a target that a gate refused.
const GATE: u8 = 4;
/// Exit code of a cleanup that was not verified.
const CLEANUP: u8 = 5;

/// Why there is no report.
struct Problem {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Problem {
    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Tells what else went wrong, where something graver decides the exit code.
fn complain(done: &Result<(), Problem>) {
    if let Err(problem) = done {
        output::complain(&problem.message, problem.hint.as_deref());
    }
}

/// Tells all that went wrong after a scan; the gravest of it and of the verdict is the exit code.
fn gravest(verdict: Verdict, after: &[Result<(), Problem>]) -> u8 {
    after.iter().for_each(complain);
    let problems = after.iter().filter_map(|done| done.as_ref().err());
    let codes = problems.map(|problem| problem.code);
    codes.fold(exit_code(verdict), u8::max)
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    // A core dump would hold the token. What cannot be limited is off already or limited lower.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // Nor may another program of the same user read it from this one's memory.
    let _ = prctl::set_dumpable(false);
    let cli = Cli::parse();
    // Another provider can only be installed by a program that embeds this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match cli.command {
        Command::Profile(command) => profile::run(command),
        Command::Credential(command) => match command {
            CredentialCommand::Exec(args) => run(credential::run(&args)),
            CredentialCommand::Child(args) => Err(credential::become_tool(&args)),
        },
        Command::Policy(command) => policy::run(command),
        Command::Reap(args) => run(reap::run(&args)),
        Command::Audit(command) => audit::run(&command),
        Command::Report(command) => report::run(command),
        Command::Guard(command) => run(guard::run(command)),
        Command::Local(args) => local::run(&args),
        Command::Drift(args) => run(drift::run(&args)),
        Command::Inject(args) => inject::run(args),
        Command::Scan(args) => {
            let image = args.probe_image;
            run(scan::run(&args.scan, Strategy::Auto { image }))
        }
        Command::Container(args) => run(scan::run(&args, Strategy::Container)),
        Command::Distroless(args) if args.no_residue => Err(Problem {
            code: NOT_DONE,
            message: "strategy distroless always leaves the entry of its ephemeral container in the \
                      pod's specification"
                .into(),
            hint: Some(
                "take secure-scan sidecar, which leaves nothing in the pod, or secure-scan container if \
                 the target has a shell"
                    .into(),
            ),
        }),
        Command::Distroless(args) => {
            let image = args.probe_image;
            run(scan::run(&args.scan, Strategy::Distroless { image }))
        }
        Command::Sidecar(args) => run(scan::run(&args.scan, args.strategy())),
        Command::Image(args) => {
            let subject = scan::Subject::image(&args.image);
            run(scan::run_on(subject, &args.run, args.strategy()))
        }
    };
    ExitCode::from(result.unwrap_or_else(|problem| {
        output::complain(&problem.message, problem.hint.as_deref());
        problem.code
    }))
}

fn run(scan: impl Future<Output = Result<u8, Problem>>) -> Result<u8, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Problem {
        code: NOT_DONE,
        message: format!("cannot start: {error}"),
        hint: None,
    })?;
    runtime.block_on(scan)
}

/// The exit code of a scan.
fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Passed => 0,
        Verdict::Findings => 1,
        Verdict::Incomplete | Verdict::Failed => NOT_DONE,
        Verdict::GateAborted => GATE,
        Verdict::CleanupUnverified => CLEANUP,
    }
}
