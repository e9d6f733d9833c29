//! A strategy of your own: what a shell says that a command opens, such as `ssh db-1 /bin/sh -s`. It reaches what is no pod
//! in a local scan, and pods after the shipped strategies.
//!
//! The script of the shell collector and the parser of its answer are in `secure-scan-inventory`: nothing here needs
//! Kubernetes.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    process::Stdio,
    time::Duration,
};

use secure_scan::{
    AccessError, EnforcedControls, FailureKind, LocalScan, OpenContext, Profile, Scan,
    ScanStrategy, StrategyError, Subject, TargetAccess, async_trait,
    inventory::{
        InventoryRequest, Section, collector, parse,
        sink::{InventorySink, deliver},
    },
    strategy,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};

/// Longest answer that is read, in bytes, and longest time for it.
const MAX_ANSWER: u64 = 64 << 20;
const LIMIT: Duration = Duration::from_mins(2);

/// Reads through the standard streams of a command that opens a shell.
#[derive(Clone)]
struct OverCommand(Vec<String>);

#[async_trait]
impl ScanStrategy for OverCommand {
    fn name(&self) -> &'static str {
        "acme-over-command"
    }

    fn trust(&self) -> &'static str {
        "as the tools of the machine itself say, which an intruder may have replaced"
    }

    fn absent(&self) -> &[Section] {
        &[Section::Pod]
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        _: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let (program, arguments) = self
            .0
            .split_first()
            .ok_or_else(|| StrategyError::new(FailureKind::Internal, "no command was given"))?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let child = child.map_err(|error| {
            let message = format!("cannot run {program}");
            StrategyError::new(FailureKind::Unreachable, message).with_source(error)
        })?;
        Ok(Box::new(Shell(child)))
    }
}

struct Shell(Child);

#[async_trait]
impl TargetAccess for Shell {
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        // Whoever answers must have read the script: nobody else knows the number in every frame of the answer.
        let nonce = format!("{:016x}", RandomState::new().build_hasher().finish());
        let script = collector::script(request, &nonce);
        let failed = |error: std::io::Error| {
            AccessError::new(FailureKind::Cut, "the shell was cut off").with_source(error)
        };
        let answer = async {
            let mut stdin = self
                .0
                .stdin
                .take()
                .ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
            stdin.write_all(script.as_bytes()).await.map_err(failed)?;
            drop(stdin);
            let stdout = self
                .0
                .stdout
                .take()
                .ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
            let mut bytes = Vec::new();
            stdout
                .take(MAX_ANSWER)
                .read_to_end(&mut bytes)
                .await
                .map_err(failed)?;
            Ok(bytes)
        };
        let bytes = timeout(LIMIT, answer).await.map_err(|_| {
            AccessError::new(FailureKind::TooLate, "the shell did not answer in time")
        })??;
        let inventory = parse::inventory("acme-shell", &bytes, &nonce, request);
        let inventory = inventory.map_err(|error| {
            AccessError::new(FailureKind::AnswerUnusable, "the answer cannot be used")
                .with_source(error)
        })?;
        deliver(inventory, sink).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let command: Vec<String> = std::env::args().skip(1).collect();
    let name = command.join(" ");
    let over = OverCommand(command);
    // In a cluster, after the shipped strategies: Scan::template().strategy(…).
    let _in_a_cluster = Scan::template().strategy(strategy::auto().then(over.clone()));
    let report = LocalScan::builder(Subject::host(name))
        .strategy(over)
        .engine(Profile::shipped("container-baseline")?)
        .run()
        .await?;
    println!("{}: {}", report.subject, report.verdict);
    if let Some(failure) = report.failure {
        println!("{}", failure.message);
    }
    Ok(())
}
