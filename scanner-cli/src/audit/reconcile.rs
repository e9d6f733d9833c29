//! `secure-scan audit reconcile`.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use secure_scan::{
    audit::reconcile::{Begins, Reconciler, Reconciliation},
    escape::visible,
};

use super::{
    file::each_line,
    verify::{Shown, VerifyArgs, left_open, shown},
};
use crate::{
    output,
    problem::{GATE, NOT_DONE, Problem},
};

/// Exit code of an alarm: the one that every security alert has.
const ALARM: u8 = GATE;
/// Most lines of each kind that are shown.
const SHOWN: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    log: VerifyArgs,
    /// Audit log of the API server (JSON lines); may be repeated for rotated files
    #[arg(long, value_name = "FILE", required = true)]
    apiserver_log: Vec<PathBuf>,
}

pub(super) fn run(args: &ReconcileArgs) -> Result<u8, Problem> {
    let Shown { log, .. } = shown(&args.log)?;
    let mut reconciler = Reconciler::new(&log);
    if !reconciler.has_scan() {
        return Err(Problem::usage(
            "no scan in the audit log made a call: there is nothing to compare",
            "give the log of a scan that ran, not only of a plan",
        ));
    }
    let hint = "give the file that kube-apiserver's --audit-log-path names";
    for path in &args.apiserver_log {
        let (mut lines, mut events) = (0_u64, 0_u64);
        let read = each_line(path, |line| {
            lines += u64::from(!line.trim_ascii().is_empty());
            events += u64::from(reconciler.line(line));
        });
        let shown = path.display();
        read.map_err(|error| Problem::usage(format!("cannot read {shown}: {error}"), hint))?;
        if lines > 0 && events == 0 {
            let why = "it is not an audit log of an API server: none of its lines is an event (audit.k8s.io)";
            return Err(Problem::usage(format!("cannot use {shown}: {why}"), hint));
        }
    }
    let found = reconciler.finish();
    let mut text = described(&found);
    for line in left_open(&args.log) {
        let _ = writeln!(text, "{line}");
    }
    output::print(&text)?;
    Ok(match (found.alarms.is_empty(), found.missing.is_empty()) {
        (false, _) => ALARM,
        (true, true) if found.unreadable == 0 => 0,
        _ => NOT_DONE,
    })
}

fn described(found: &Reconciliation) -> String {
    let mut text = format!("{} calls are in both logs and agree\n", found.matched);
    let alarms: Vec<String> = found.alarms.iter().map(ToString::to_string).collect();
    for (title, lines, more) in [
        ("ALARMS:", &alarms, found.more_alarms),
        ("answered, but not in the server's log:", &found.missing, 0),
        (
            "without an answer, and not in the server's log (they may never have arrived):",
            &found.never_arrived,
            0,
        ),
    ] {
        if lines.is_empty() {
            continue;
        }
        let all = lines.len() as u64 + more;
        let _ = writeln!(text, "{all} {title}");
        for line in lines.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", visible(line, 1000));
        }
        let hidden = all.saturating_sub(SHOWN as u64);
        if hidden > 0 {
            let _ = writeln!(text, "  and {hidden} more");
        }
    }
    if found.unreadable > 0 {
        let _ = writeln!(
            text,
            "{} lines of the server's log cannot be read",
            found.unreadable
        );
    }
    if let (Some(late), Some(from)) = (found.begins_late(), &found.first_event) {
        let (first, last) = found.calls.clone().unwrap_or_default();
        let _ = writeln!(
            text,
            "the server's log begins at {}, {}: give its rotated files too, each with --apiserver-log",
            visible(from, 60),
            match late {
                Begins::AfterScan => format!("after the scan, whose last call was at {last}"),
                Begins::DuringScan => format!("after the scan's first call at {first}"),
            }
        );
    } else if found.first_event.is_none() {
        text.push_str("the server's log has no event\n");
    }
    let until = found.last_event.as_deref().unwrap_or("nothing");
    let _ = writeln!(
        text,
        "the server's log ends with {}: what came later is not verified",
        visible(until, 60)
    );
    text
}
