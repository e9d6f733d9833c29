//! `secure-scan reap`: removes what expired scans left.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use scanner_core::{escape::visible, target::Namespace};
use scanner_k8s::reap::{ReapRequest, State, reap};

use crate::{CLEANUP, NOT_DONE, Problem, cluster, output};

#[derive(Debug, Args)]
pub(crate) struct ReapArgs {
    /// Namespace to look in; the context's namespace when absent
    #[arg(short, long, conflicts_with = "all_namespaces")]
    namespace: Option<Namespace>,
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Seconds after its deadline before a scan counts as expired, for clocks that differ
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    grace: u32,
    /// Context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
    /// Kubeconfig; $KUBECONFIG or ~/.kube/config when absent
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

pub(crate) async fn run(args: &ReapArgs) -> Result<u8, Problem> {
    let cluster = cluster::connected(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
    let here = || cluster.default_namespace().to_owned();
    let named = args.namespace.as_ref().map(ToString::to_string);
    let request = ReapRequest {
        namespace: (!args.all_namespaces).then(|| named.unwrap_or_else(here)),
        dry_run: args.dry_run,
        grace: args.grace,
    };
    let reaped = reap(cluster.begin().operator(), &request).await;
    let mut text = String::new();
    for found in &reaped.found {
        let (word, why) = match &found.state {
            State::Running(why) => ("kept", why.as_str()),
            State::Expired(why) => ("expired", why.as_str()),
            State::Foreign(why) => ("not ours", *why),
        };
        let _ = writeln!(
            text,
            "{word:<9} {}: {}",
            visible(&found.to_string(), 300),
            visible(why, 200)
        );
    }
    for unseen in &reaped.unseen {
        let _ = writeln!(text, "unseen    {}", visible(unseen, 600));
    }
    for left in &reaped.left {
        let _ = writeln!(text, "LEFT      {}", visible(left, 600));
    }
    let expired = reaped.found.iter().filter(|f| f.state.is_expired()).count();
    let _ = writeln!(
        text,
        "{expired} of expired scans, {} removed",
        reaped.removed
    );
    output::print(&text)?;
    Ok(match (reaped.unseen.is_empty(), reaped.left.is_empty()) {
        (true, true) => 0,
        (false, _) => NOT_DONE,
        (true, false) => CLEANUP,
    })
}
