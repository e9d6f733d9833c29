//! `secure-scan reap`: removes what expired scans left.

use std::fmt::Write as _;

use clap::Args;
use secure_scan::{
    escape::{visible, visible_ends},
    reap::{ReapRequest, State, reap},
    target::Namespace,
};

use crate::{
    cluster::ClusterArgs,
    output,
    problem::{CLEANUP, NOT_DONE, Problem, USAGE},
    remedy::remedy_words,
    signals::{KILLED, interruptible},
};

pub(crate) const CODES: &str = "Exit codes:
  0  nothing of an expired scan is left; with --dry-run: nothing that must stay
  2  wrong usage, there is no such namespace, or the kubeconfig cannot be used
  3  something could not be listed; nothing was removed
  5  something could not be removed, or must stay
  128+n  ended by signal n: 130 by INT, 143 by TERM, 129 by HUP";

#[derive(Debug, Args)]
pub(crate) struct ReapArgs {
    /// Namespace to look in [default: the context's]
    #[arg(short, long, conflicts_with = "all_namespaces")]
    namespace: Option<Namespace>,
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Seconds after its deadline until a scan counts as expired, since clocks may differ
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    grace: u32,
    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) async fn run(args: &ReapArgs) -> Result<u8, Problem> {
    // After a signal, removed objects stay removed, and the next run continues with the rest.
    let reaped = interruptible(Box::pin(reap_now(args))).await;
    reaped.map_err(|problem| Problem {
        hint: problem.hint.or_else(|| {
            let hint = "what was removed by then is not listed; run reap again: it removes the rest, and says what is left";
            (problem.code > KILLED).then(|| hint.to_owned())
        }),
        ..problem
    })
}

async fn reap_now(args: &ReapArgs) -> Result<u8, Problem> {
    let cluster = args.cluster.cluster().await?;
    let here = || cluster.default_namespace().to_owned();
    let named = args.namespace.as_ref().map(ToString::to_string);
    let request = ReapRequest {
        namespace: (!args.all_namespaces).then(|| named.unwrap_or_else(here)),
        dry_run: args.dry_run,
        grace: args.grace,
    };
    let reaped = reap(&cluster.begin(), &request).await;
    if reaped.is_unknown_namespace {
        return Err(Problem {
            code: USAGE,
            message: reaped.unseen.join("; "),
            hint: reaped.remedy.as_ref().map(remedy_words),
        });
    }
    let mut text = String::new();
    for found in &reaped.found {
        let (word, why) = match &found.state {
            State::Running(why) => ("kept", why.as_str()),
            State::Expired(why) => ("expired", why.as_str()),
            State::Disarmed(why) => ("LEFT", why.as_str()),
            State::Foreign(why) => ("LEFT", *why),
        };
        let _ = writeln!(
            text,
            "{word:<9} {}: {}",
            visible(&found.to_string(), 300),
            visible_ends(why, 400)
        );
    }
    for unseen in &reaped.unseen {
        let _ = writeln!(text, "error     {}", visible_ends(unseen, 1000));
    }
    for left in &reaped.left {
        let _ = writeln!(text, "LEFT      {}", visible_ends(left, 1000));
    }
    let expired = reaped.found.iter().filter(|f| f.state.is_expired()).count();
    text.push_str(&summary(expired, reaped.removed, reaped.unseen.is_empty()));
    output::print(&text)?;
    if let Some(remedy) = &reaped.remedy {
        output::note(&format!("hint: {}", remedy_words(remedy)));
    }
    let all_gone = reaped.left.is_empty() && reaped.kept == 0;
    Ok(match (reaped.unseen.is_empty(), all_gone) {
        (true, true) => 0,
        (false, _) => NOT_DONE,
        (true, false) => CLEANUP,
    })
}

fn summary(expired: usize, removed: usize, all_seen: bool) -> String {
    match (expired, all_seen) {
        (0, true) => "no leftovers of expired scans\n".into(),
        (0, false) => {
            "no leftovers of expired scans were seen; not every kind of object could be listed\n"
                .into()
        }
        (1, _) => format!("1 leftover of an expired scan: {removed} removed\n"),
        _ => format!("{expired} leftovers of expired scans: {removed} removed\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_summed_up_in_words_that_agree() {
        assert_eq!(summary(0, 0, true), "no leftovers of expired scans\n");
        assert_eq!(
            summary(1, 1, true),
            "1 leftover of an expired scan: 1 removed\n"
        );
        assert_eq!(
            summary(7, 5, true),
            "7 leftovers of expired scans: 5 removed\n"
        );
        assert!(summary(0, 0, false).contains("could be listed"));
    }
}
