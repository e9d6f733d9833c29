//! `secure-scan credential exec`: runs a program that may exec into one pod, as planned and without a token.

mod program;

use std::{sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use secure_scan::{
    Verdict,
    core::cause::chain,
    loan::{AllowedCommand, LoanRequest, LoanTerms, PreparedLoan},
    report::AuditOutcome,
    target::{ContainerName, Namespace, PodName, PodSelection, TargetRequest},
};

use crate::{
    args::MetadataArgs,
    audit::{self, AuditArgs},
    cluster::ClusterArgs,
    output::print_errors,
    problem::{NOT_DONE, Problem, USAGE},
    progress::Progress,
    remedy::remedy_words,
    scan::until_second_signal,
    signals::Signals,
};
use program::Program;

pub(crate) use program::{ChildArgs, become_tool};

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Run a program that may run the planned commands in one pod, and do nothing else
    ///
    /// The program gets no token of the cluster. It gets a kubeconfig of a proxy in this process, as a sealed
    /// file in memory that it opens by the path in its KUBECONFIG variable. The proxy lets through the execs
    /// that --exec, --exec-json and --allow-any-command allow, logs the program's calls, and closes every
    /// stream when the program ends. Then the token is revoked.
    ///
    /// The exit code is that of the program. It is 3 if the program could not be run or was ended, 4 if a
    /// security alert ended it, and 5 if secure-scan could not verify that the token is refused and that
    /// nothing is left.
    Exec(Box<ExecArgs>),
    /// Becomes the program, which ends when secure-scan ends
    #[command(hide = true)]
    Child(ChildArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Name of the pod
    #[arg(long)]
    pod: PodName,
    /// Namespace of the pod [default: the context's]
    #[arg(short, long)]
    namespace: Option<Namespace>,
    /// Container of the pod; it must be running [default: the pod's only or default container]
    #[arg(short, long)]
    container: Option<ContainerName>,
    /// A command that the program may run in the container. Quotes and backslashes mean what they mean in a shell, and
    /// nothing is expanded. Give the option once for each command
    #[arg(long, value_name = "COMMAND", value_parser = shell_words)]
    exec: Vec<Words>,
    /// The same, with the words as a JSON array, such as `["sh","-c","id"]`
    #[arg(long, value_name = "ARRAY", value_parser = json_words)]
    exec_json: Vec<Words>,
    /// How often each of these commands may be run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// Let the program also run any other command in the container, N times [default without =N: once]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    allow_any_command: Option<u32>,
    /// Allow a terminal for the program's commands; a cluster with the admission guard allows none
    #[arg(long)]
    allow_tty: bool,
    /// Let the program read the whole pod, including the values of environment variables, and not only its
    /// names, UID and phase
    #[arg(long)]
    allow_get_pod: bool,
    /// Time after which the program is ended and the cluster itself removes everything: 30 to 3600 seconds, or
    /// a time such as 90s or 5m
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = crate::args::lease)]
    lease: Duration,
    /// Namespace for the account and the token, in which the owners of the pod have no rights [default: the pod's namespace,
    /// where whoever may create Secrets or pods could act as the program]
    #[arg(long, value_name = "NAMESPACE")]
    identity_namespace: Option<Namespace>,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    audit: AuditArgs,
    /// Show no progress on standard error
    #[arg(short, long)]
    quiet: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    tool: Vec<String>,
}

/// The words of a command.
type Words = Arc<[String]>;

fn shell_words(text: &str) -> Result<Words, String> {
    let words =
        shlex::split(text).ok_or("a quote is not closed, or a backslash stands at the end")?;
    not_empty(words)
}

fn json_words(text: &str) -> Result<Words, String> {
    let words = serde_json::from_str::<Vec<String>>(text);
    not_empty(words.map_err(|error| format!("not a JSON array of strings: {error}"))?)
}

fn not_empty(words: Vec<String>) -> Result<Words, String> {
    if words.is_empty() {
        return Err("a command has at least one word".into());
    }
    Ok(words.into())
}

impl ExecArgs {
    fn terms(&self) -> LoanTerms {
        let commands = self.exec.iter().chain(&self.exec_json);
        let commands = commands.map(|words| AllowedCommand {
            argv: words.to_vec(),
            times: self.times,
        });
        LoanTerms {
            commands: commands.collect(),
            any_command: self.allow_any_command.unwrap_or_default(),
            terminal: self.allow_tty,
            whole_pod: self.allow_get_pod,
        }
    }
}

/// Runs `args.tool` with a loan.
pub(crate) async fn run(args: &ExecArgs) -> Result<u8, Problem> {
    let mut signals = Signals::listen()?;
    let cluster = signals.or(args.cluster.cluster()).await?;
    let segment = cluster.begin();
    let log = audit::open(segment.audit(), &args.audit)?;
    let namespace = match &args.namespace {
        Some(namespace) => namespace.clone(),
        None => segment
            .default_namespace()
            .parse()
            .map_err(|error| Problem::usage(format!("{error}"), "name a namespace with -n"))?,
    };
    let request = LoanRequest {
        target: TargetRequest {
            namespace,
            pod: PodSelection::Name(args.pod.clone()),
            container: args.container.clone(),
        },
        terms: args.terms(),
        lease_seconds: u32::try_from(args.lease.as_secs()).unwrap_or(u32::MAX),
        object_metadata: args.metadata.all()?,
        identity_namespace: args.identity_namespace.clone(),
    };
    let plugins = Arc::new(move || cluster.plugin_processes());
    let tool = Arc::new(Program::new(args.tool.clone(), plugins));
    let program = Arc::clone(&tool);
    let prepared = async {
        let prepared = PreparedLoan::new(segment, &request, tool).await;
        prepared.map_err(|error| Problem {
            code: if error.is_usage() { USAGE } else { NOT_DONE },
            message: chain(&error),
            hint: error.remedy().as_ref().map(remedy_words),
        })
    };
    let prepared = signals.or(Box::pin(prepared)).await?;
    let progress = Progress::new(args.quiet);
    let (running, exit) = prepared.observer(progress.clone()).spawn();
    let report = until_second_signal(running, args.lease.as_secs(), &mut signals, &progress).await;
    progress.finish();
    program.end_what_it_left().await;
    let report = report.map(|report| log.in_our_words(report));
    let closed = log.close();
    let report = report.inspect_err(|_| print_errors(&closed))?;
    if report.verdict == Verdict::Passed {
        closed?;
        // A program that a signal ended has no code that fits.
        return Ok(exit
            .code()
            .and_then(|c| u8::try_from(c).ok())
            .unwrap_or(NOT_DONE));
    }
    print_errors(&closed);
    let mut why = report.failure.as_ref().map(|f| f.message.to_string());
    if report.verdict == Verdict::CleanupUnverified {
        let audit = report.post_scan.iter().flat_map(|audit| &audit.checks);
        let open: Vec<String> = audit
            .filter(|check| check.outcome == AuditOutcome::NotVerified)
            .map(|check| format!("{}: {}", check.id, check.evidence.join("; ")))
            .collect();
        if !open.is_empty() {
            why = Some(format!(
                "not verified that nothing is left: {}",
                open.join(", ")
            ));
        }
    }
    Err(Problem {
        code: report.verdict.exit_code(),
        message: why.unwrap_or_else(|| report.verdict.sentence().to_owned()),
        hint: report.failure.and_then(|f| f.hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_does_and_nothing_in_it_is_expanded() {
        for (text, words) in [
            ("id -u", &["id", "-u"][..]),
            (
                "  sh  -c 'id; echo \"a  b\"' ",
                &["sh", "-c", "id; echo \"a  b\""],
            ),
            (
                "echo $HOME `id` * ~ a\\ b",
                &["echo", "$HOME", "`id`", "*", "~", "a b"],
            ),
            ("test ''", &["test", ""]),
        ] {
            assert_eq!(&*shell_words(text).unwrap(), words, "{text}");
        }
        for text in ["", "  ", "echo 'a", "echo a\\"] {
            assert!(shell_words(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn words_in_json_are_taken_as_they_are() {
        let words = json_words(r#"["sh", "-c", "a 'b", ""]"#).unwrap();
        assert_eq!(&*words, ["sh", "-c", "a 'b", ""]);
        for text in ["[]", "id", "\"id\"", "[1]", "[[\"id\"]]"] {
            assert!(json_words(text).is_err(), "{text}");
        }
    }
}
