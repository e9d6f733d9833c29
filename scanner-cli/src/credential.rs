//! `secure-scan credential exec`: runs a program with a kubeconfig that may exec into one pod.

use std::{
    fs::File,
    io::Write as _,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use clap::{Args, Subcommand, ValueEnum};
use command_fds::{CommandFdExt as _, FdMapping};
use nix::{
    sys::{prctl, signal::Signal},
    unistd::{Pid, getpid, getppid},
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use secure_scan::{
    Verdict,
    core::cause::chain,
    loan::{
        LoanRequest, PreparedLoan, Tool, ToolError,
        secrecy::{ExposeSecret as _, SecretString},
    },
    report::AuditOutcome,
    target::{ContainerName, Namespace, PodName, PodSelection, TargetRequest},
};

use crate::{
    audit::{self, AuditArgs},
    cluster::ClusterArgs,
    descendants::Descendants,
    output::{self, print_errors},
    problem::{CLEANUP, NOT_DONE, Problem, USAGE},
    progress::Progress,
    remedy::remedy_words,
    scan::until_second_signal,
    signals::Signals,
};

/// Number of the kubeconfig's file descriptor in the program.
const FD: i32 = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Run a program with a kubeconfig that may exec into one pod, and nothing else
    ///
    /// The kubeconfig is a sealed file in memory, which the program opens by the path in its
    /// KUBECONFIG variable. When the program ends, what it left running is ended too, and its token is
    /// revoked. Ends with the program's exit code, or with 5 when it is not verified that the token is refused
    /// and that nothing is left.
    Exec(Box<ExecArgs>),
    /// What becomes the program: ends with its parent
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
    /// Container of the pod that must be running [default: its only or default one]
    #[arg(short, long)]
    container: Option<ContainerName>,
    /// Allow more: `get-pod` lets the program get this one pod, as kubectl exec does first; `any-command`
    /// lets it run anything in the container where the cluster has the admission guard, which else
    /// allows what was planned alone
    #[arg(long, value_enum)]
    allow: Vec<Allow>,
    /// Time after which the cluster itself removes everything, and the program is ended: 30 to 3600
    /// seconds, or such as 90s or 5m
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = crate::args::lease)]
    lease: Duration,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    audit: AuditArgs,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    tool: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Allow {
    /// Get the one pod
    GetPod,
    /// Run anything in the one container, where the cluster has the admission guard
    AnyCommand,
}

#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    parent: i32,
    #[arg(last = true, required = true)]
    tool: Vec<String>,
}

/// Runs `args.tool` with a short-lived kubeconfig.
pub(crate) async fn run(args: &ExecArgs) -> Result<u8, Problem> {
    let mut signals = Signals::listen()?;
    let segment = signals.or(args.cluster.cluster()).await?.begin();
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
        get_pod: args.allow.contains(&Allow::GetPod),
        run_anything: args.allow.contains(&Allow::AnyCommand),
        lease_seconds: u32::try_from(args.lease.as_secs()).unwrap_or(u32::MAX),
    };
    let tool = Arc::new(Program {
        argv: args.tool.clone(),
        survivors: Arc::default(),
    });
    let survivors = Arc::clone(&tool.survivors);
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
    let report = until_second_signal(running, args.lease.as_secs(), &mut signals).await;
    progress.finish();
    let report = report.map(|report| log.in_our_words(report));
    let closed = log.close();
    let report = report.inspect_err(|_| print_errors(&closed))?;
    if let Some(left) = survivors.get() {
        print_errors(&closed);
        return Err(Problem {
            code: CLEANUP,
            message: left.clone(),
            hint: Some("end them yourself: kill -KILL".into()),
        });
    }
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

/// A program of this machine.
struct Program {
    argv: Vec<String>,
    /// What of it could not be ended.
    survivors: Arc<OnceLock<String>>,
}

#[async_trait]
impl Tool for Program {
    fn name(&self) -> String {
        self.argv.first().cloned().unwrap_or_default()
    }

    async fn run(&self, kubeconfig: SecretString) -> Result<i32, ToolError> {
        self.run_with(kubeconfig).await.map_err(ToolError::new)
    }
}

impl Program {
    async fn run_with(&self, kubeconfig: SecretString) -> Result<i32, String> {
        let file = sealed(&kubeconfig).map_err(|error| format!("no file in memory: {error}"))?;
        drop(kubeconfig);
        let this =
            std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
        let mut command = tokio::process::Command::new(this);
        command
            .args(["credential", "child", &getpid().to_string(), "--"])
            .args(&self.argv)
            .env("KUBECONFIG", format!("/proc/self/fd/{FD}"))
            .kill_on_drop(true);
        // Only this child gets the file; here it stays closed on exec.
        command
            .fd_mappings(vec![FdMapping {
                parent_fd: file,
                child_fd: FD,
            }])
            .map_err(|error| format!("cannot hand over the kubeconfig: {error}"))?;
        let mut family = Descendants::adopt(Arc::clone(&self.survivors))
            .map_err(|error| format!("cannot keep hold of what the program starts: {error}"))?;
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.name()))?;
        family.of(child.id());
        // The command holds the file; the child alone keeps it from here on.
        drop(command);
        let status = child.wait().await.map_err(|error| error.to_string())?;
        // A stream that one of them has open outlives the token.
        let left = family.end().await?;
        if left > 0 {
            output::note(&format!(
                "{left} processes that {} left were ended",
                self.name()
            ));
        }
        match status.code() {
            Some(code) => Ok(code),
            None => Err(format!("{} was ended by a signal", self.name())),
        }
    }
}

/// A file in memory that nobody can change any more.
fn sealed(text: &SecretString) -> std::io::Result<OwnedFd> {
    let fd = memfd_create(
        "kubeconfig",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    let mut file = File::from(fd);
    file.write_all(text.expose_secret().as_bytes())?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// Becomes the program, so that it ends when its parent does. Gives why it could not.
pub(crate) fn become_tool(args: &ChildArgs) -> Problem {
    let problem = |message: String| Problem {
        code: NOT_DONE,
        message,
        hint: Some("name a program that is installed".into()),
    };
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return problem(format!("cannot be bound to its parent: {error}"));
    }
    // It may have ended before that.
    if getppid() != Pid::from_raw(args.parent) {
        return problem("the parent is gone".into());
    }
    let Some((name, arguments)) = args.tool.split_first() else {
        return problem("no program was named".into());
    };
    let error = Command::new(name).args(arguments).exec();
    problem(format!("cannot run {name}: {error}"))
}
