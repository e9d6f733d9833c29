//! Command line of secure-scan: arguments, progress, choice of output and exit codes, nothing else.

mod args;
mod audit;
mod cli;
mod cluster;
mod complete;
mod completion;
mod config;
mod controls;
mod credential;
mod descendants;
mod drift;
mod dry_run;
mod explain;
mod files;
mod guard;
mod image_cache;
mod inject;
mod local;
mod man;
mod output;
mod policy;
mod problem;
mod profile;
mod progress;
mod reap;
mod remedy;
mod report;
mod rights;
mod scan;
mod sidecar;
mod signals;
mod sink;
mod usage;

use std::{alloc::System, ffi::OsString, future::Future, process::ExitCode, time::Duration};

use clap::{ArgMatches, FromArgMatches as _};
use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};
use secure_scan::{TargetSelector, strategy};
use zeroizing_alloc::ZeroAlloc;

use cli::{Cli, Command};
use config::Merged;
use credential::CredentialCommand;
use problem::{NOT_DONE, Problem};

/// Overwrites all memory that is freed: a token also passes through buffers of HTTP and TLS.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    // A core dump would hold the token. If this limit cannot be set, core dumps are already off or limited further.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // Nor may another program of the same user open this one's memory, from here on: see docs/credentials.md.
    let _ = prctl::set_dumpable(false);
    let words: Vec<OsString> = std::env::args_os().collect();
    let command = cli::command(words.first().map(OsString::as_os_str));
    let merged = match config::merge(&command, words) {
        Ok(merged) => merged,
        Err(problem) => return failed(&problem),
    };
    let matches = match command.clone().try_get_matches_from(&merged.words) {
        Ok(matches) => matches,
        Err(error) => return misused(&error, &merged),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(note) = merged.note().filter(|_| !is_quiet(&matches)) {
        output::note(&note);
    }
    // Another provider can only be installed by a program that embeds this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _ = secure_scan::profiles::signature::install_ring();
    let result = match cli.command {
        Command::Config(config) => config::run(config, &matches, &command),
        other => run_command(other),
    };
    result.map_or_else(|problem| failed(&problem), ExitCode::from)
}

fn failed(problem: &Problem) -> ExitCode {
    output::print_error(problem);
    ExitCode::from(problem.code)
}

/// Shows what is wrong with a command line, and which part of it came from a file.
fn misused(error: &clap::Error, merged: &Merged) -> ExitCode {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if let Some(note) = merged.note() {
        output::note(&format!("note: {note}"));
    }
    if let Some(hint) = usage::hint(error) {
        output::note(&format!("\nhint: {hint}"));
    }
    ExitCode::from(problem::USAGE)
}

/// Whether the command is to be quiet.
fn is_quiet(matches: &ArgMatches) -> bool {
    let mut matches = matches;
    while let Some((_, below)) = matches.subcommand() {
        matches = below;
    }
    ["quiet", "_quiet"]
        .iter()
        .any(|id| matches!(matches.try_get_one::<bool>(id), Ok(Some(true))))
}

fn run_command(command: Command) -> Result<u8, Problem> {
    match command {
        // It runs elsewhere, where the command line is known.
        Command::Config(_) => Ok(0),
        Command::Profile(command) => profile::run(command),
        Command::Credential(command) => match command {
            CredentialCommand::Exec(args) => run(credential::run(&args)),
            CredentialCommand::Child(args) => Err(credential::become_tool(&args)),
        },
        Command::Policy(command) => policy::run(command),
        Command::Controls(args) => controls::run(&args),
        Command::Rights(args) => run(rights::run(&args)),
        Command::Explain(args) => run(explain::run(&args)),
        Command::Reap(args) => run(reap::run(&args)),
        Command::Audit(command) => audit::run(&command),
        Command::Report(command) => report::run(command),
        Command::Completions(args) => completion::script(&args),
        Command::Complete(args) => completion::answer(args, cli::command(None)),
        Command::Man(args) => man::run(&args, cli::command(None)),
        Command::Guard(command) => run(guard::run(command)),
        Command::Local(args) => run(local::run(&args)),
        Command::Drift(args) => run(drift::run(&args)),
        Command::Inject(args) => inject::run(args),
        Command::Scan(args) => {
            let complete = args.complete.by_image(args.probe_image.as_ref());
            let image = args.probe_image.map(|image| args.trial.image(image));
            let strategy = strategy::auto().maybe_probe_image(image);
            run(scan::run_completed(&args.scan, strategy.into(), complete))
        }
        Command::Container(args) => {
            let complete = args.complete.by_image(args.probe_image.as_ref());
            run(scan::run_completed(
                &args.scan,
                strategy::container(),
                complete,
            ))
        }
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
            let complete = args.complete.by_image(Some(&args.probe_image));
            let strategy = strategy::distroless(args.trial.image(args.probe_image));
            run(scan::run_completed(&args.scan, strategy, complete))
        }
        Command::Sidecar(args) => run(scan::run(&args.scan, args.strategy())),
        Command::Image(args) => {
            let named = |namespace| TargetSelector::image(namespace, &args.image);
            let wanted = scan::Wanted::new(args.run.target(named));
            run(scan::run_on(wanted, &args.run, args.strategy()))
        }
    }
}

/// Answers kubectl, which runs `kubectl_complete-secure_scan` with the words after the name of the plugin.
pub fn complete_for_kubectl() -> ExitCode {
    completion::answer_kubectl(cli::command(None))
}

fn run(command: impl Future<Output = Result<u8, Problem>>) -> Result<u8, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Problem::not_done(format!("cannot start: {error}"), None))?;
    let done = runtime.block_on(command);
    // Nothing that still runs is waited for, but a credential plugin is stopped.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}
