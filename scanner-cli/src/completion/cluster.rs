//! Names that exist in the cluster that the command line names, within a short time.

use std::{ffi::OsString, future::Future, path::PathBuf, time::Duration};

use clap::{ArgMatches, Command};
use secure_scan::{CallError, Segment, existing};

use super::line::Line;
use crate::cluster::ClusterArgs;

/// How long a user may wait after pressing the key for completion.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a credential plugin may take to end.
const STOPPING: Duration = Duration::from_millis(500);

/// The parts of the line that say where names are looked up.
#[derive(Debug, Default)]
struct Typed {
    context: Option<String>,
    kubeconfig: Option<PathBuf>,
    system_roots: bool,
    namespace: Option<String>,
    pod: Option<String>,
}

impl Typed {
    /// Reads an unfinished command line and ignores what does not fit.
    fn of(command: Command, words: &[OsString]) -> Self {
        let command = command.no_binary_name(true).ignore_errors(true);
        let Ok(matches) = command.try_get_matches_from(words) else {
            return Self::default();
        };
        let mut last = &matches;
        while let Some((_, below)) = last.subcommand() {
            last = below;
        }
        Self {
            context: text(last, "context"),
            kubeconfig: text(last, "kubeconfig").map(PathBuf::from),
            system_roots: last.try_get_one("system_roots").ok().flatten() == Some(&true),
            namespace: text(last, "namespace"),
            pod: text(last, "pod"),
        }
    }

    async fn segment(&self) -> Option<Segment> {
        let cluster = ClusterArgs {
            context: self.context.clone(),
            kubeconfig: self.kubeconfig.clone(),
            system_roots: self.system_roots,
        };
        Some(cluster.cluster().await.ok()?.begin())
    }
}

pub(super) fn namespaces() -> Vec<String> {
    ask(async |_, segment| existing::namespaces(&segment).await)
}

pub(super) fn pods() -> Vec<String> {
    ask(async |typed, segment| existing::pods(&segment, &home(&typed, &segment)).await)
}

pub(super) fn containers() -> Vec<String> {
    ask(async |typed, segment| {
        let Some(pod) = &typed.pod else {
            return Ok(Vec::new());
        };
        // Other workloads stand for a pod that is not known yet.
        let pod = pod.strip_prefix("pod/").unwrap_or(pod);
        if pod.contains('/') {
            return Ok(Vec::new());
        }
        existing::containers(&segment, &home(&typed, &segment), pod).await
    })
}

fn home(typed: &Typed, segment: &Segment) -> String {
    let own = segment.default_namespace().to_owned();
    typed.namespace.clone().unwrap_or(own)
}

/// Asks the cluster; without an answer in time there are no names.
fn ask<F>(question: impl FnOnce(Typed, Segment) -> F) -> Vec<String>
where
    F: Future<Output = Result<Vec<String>, CallError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(line) = Line::kept() else {
        return Vec::new();
    };
    let typed = Typed::of(line.command(), line.words().get(1..).unwrap_or_default());
    let asked = async {
        let segment = typed.segment().await?;
        question(typed, segment).await.ok()
    };
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    // Nobody waits for a credential plugin any more: its thread ends it before this returns.
    runtime.shutdown_timeout(STOPPING);
    found.ok().flatten().unwrap_or_default()
}

fn text(matches: &ArgMatches, id: &str) -> Option<String> {
    let mut raw = matches.try_get_raw(id).ok()??;
    raw.next()?.to_str().map(str::to_owned)
}
