//! A program of somebody else that embeds secure-scan. It scans one container of a cluster, or a directory of this machine,
//! prints a table, and ends with the exit code of the verdict.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{ArgGroup, Parser};
use secure_scan::{
    Cluster, LocalScan, Profile, Scan, Subject, TargetSelector, Untrusted, strategy,
};
use third_party::{Csv, Directory, JsonLines, Marker, SetuidPrograms, WorldWritable};

/// Setuid programs that ACME allows.
const MOST_SETUID: usize = 12;
/// Time that a scan has to end after an interrupt.
const GRACE: Duration = Duration::from_secs(20);
/// Exit code of a scan that could not begin.
const USAGE: u8 = 2;

/// Scans a container of a cluster, or a directory
#[derive(Parser)]
#[command(group = ArgGroup::new("mode").required(true).args(["pod", "directory"]))]
struct Cli {
    /// Context of the kubeconfig; its current one by default
    #[arg(long, requires = "pod")]
    context: Option<String>,
    /// Namespace of the pod
    #[arg(long, default_value = "default")]
    namespace: String,
    /// Pod to scan
    #[arg(long)]
    pod: Option<String>,
    /// Container of the pod, where it has several
    #[arg(long, requires = "pod")]
    container: Option<String>,
    /// Exported copy of the container's filesystem, to read where the container has no shell
    #[arg(long, requires = "pod")]
    exported: Option<PathBuf>,
    /// Directory to scan without a cluster
    #[arg(long)]
    directory: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match (&cli.pod, &cli.directory) {
        (Some(pod), _) => in_a_cluster(&cli, pod).await,
        (None, Some(directory)) => without_a_cluster(directory).await,
        (None, None) => Err("expected --pod or --directory".into()),
    };
    code.unwrap_or_else(|error| {
        let mut cause: Option<&dyn Error> = Some(error.as_ref());
        while let Some(error) = cause {
            // A server may have written it.
            eprintln!("error: {}", Untrusted::new(error.to_string()));
            cause = error.source();
        }
        ExitCode::from(USAGE)
    })
}

async fn in_a_cluster(cli: &Cli, pod: &str) -> Result<ExitCode, Box<dyn Error>> {
    let cluster = Cluster::kubeconfig(None, cli.context.as_deref()).await?;
    let (events, written) = JsonLines::to(io::stderr())?;
    let mut way = strategy::auto();
    if let Some(copy) = &cli.exported {
        way = way.then(Directory::new(copy));
    }
    let template = Scan::template()
        .engine(Profile::shipped("container-baseline")?)
        .engine(SetuidPrograms::at_most(MOST_SETUID))
        .engine(WorldWritable::default())
        .control(Marker::of_pod(&cli.namespace, pod))
        .strategy(way)
        .observer(events)
        .lease(Duration::from_mins(1));
    let mut target = TargetSelector::pod(&cli.namespace, pod);
    if let Some(container) = &cli.container {
        target = target.container(container);
    }
    let prepared = template.prepare(&cluster, target).await?;
    drop(template);

    let running = prepared.spawn();
    let stop = running.stop();
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok()
            && let Err(left) = stop.within(GRACE, "SIGINT").await
        {
            eprintln!("error: {left}");
        }
    });
    let report = running.await;
    interrupted.abort();
    // The observer is gone with the scan, so the thread that writes events ends.
    let _ = tokio::task::spawn_blocking(move || written.join()).await;

    report.write(&Csv, &mut io::stdout())?;
    if let Some(failure) = &report.failure {
        eprintln!("error: {}", failure.message);
    }
    Ok(ExitCode::from(report.verdict.exit_code()))
}

async fn without_a_cluster(directory: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let path = directory.display().to_string().into();
    let report = LocalScan::builder(Subject::Directory { path })
        .strategy(Directory::new(directory))
        .engine(Profile::shipped("container-baseline")?)
        .engine(SetuidPrograms::at_most(MOST_SETUID))
        .engine(WorldWritable::default())
        .run()
        .await?;
    report.write(&Csv, &mut io::stdout())?;
    if let Some(failure) = &report.failure {
        eprintln!("error: {}", failure.message);
    }
    Ok(ExitCode::from(report.verdict.exit_code()))
}
