//! Markdown for a pull request: bounded in size, with a note of what was cut.
//!
//! What comes from a target stands in code spans, in which nothing is a link, an image, a mention
//! or HTML; other text has every character escaped that `CommonMark` gives a meaning.

pub(crate) mod bounded;
mod execution;

pub use bounded::MAX_BYTES;

use std::fmt::Write as _;

use scanner_core::finding::{CheckResult, CheckStatus, Severity};
use scanner_core::report::view::View;

use bounded::{Bounded, code, prose};

/// Items of evidence that are shown of a check.
const EVIDENCE: usize = 5;

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let mut out = Bounded::default();
    out.push(&head(view));
    for problem in view.problems() {
        out.push(&format!(
            "\n> {} {}\n",
            "**No result:**",
            code(&problem, 1000)
        ));
    }
    if !view.differences.is_empty() {
        out.push("\n### Differs from the target\n\n");
    }
    for difference in view.differences {
        out.push(&format!("- {}\n", code(difference, 400)));
    }
    for result in view.failed() {
        out.push(&failed(view, result));
    }
    for breach in view.breaches() {
        out.push(&format!("\n**Threshold not met:** {}\n", code(breach, 400)));
    }
    out.push(&waived(view));
    out.push(&notes(view));
    let errors: Vec<_> = view.with_status(CheckStatus::Error).collect();
    if !errors.is_empty() {
        out.push("\n### Could not look (never a pass)\n\n");
        for result in errors {
            let (id, message) = (code(&result.id, 80), code(&result.message, 300));
            out.push(&format!("- {id}: {message}\n"));
        }
    }
    let gaps = view.gaps();
    if !gaps.is_empty() {
        out.push("\n### Coverage gaps\n\n");
        for (section, gap) in gaps {
            out.push(&format!("- {section}: {}\n", code(&gap, 400)));
        }
    }
    out.push(&execution::gates(view));
    execution::folded(&mut out, view);
    out.finish()
}

fn head(view: &View<'_>) -> String {
    let mut out = format!("## secure-scan: {}\n\n", view.sentence());
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "- {name}: {}", code(value, 1000));
    };
    row("Target", &view.subject_line());
    row("Image", &view.artifact());
    if let Some(digest) = view.image_digest {
        row("Digest", digest);
    }
    row("Profile", view.profile);
    for (name, text) in view.narrowed() {
        let name = if name == "inputs" {
            "Inputs"
        } else {
            "Selection"
        };
        row(name, &text);
    }
    if let Some(policy) = view.policy {
        row("Policy", policy);
    }
    if let Some(alert) = view.alert {
        row("Alert", alert);
    }
    row("Strategy", view.strategy);
    if let Some(reason) = view.reason {
        row("Because", reason);
    }
    row("Trust", view.trust);
    if let Some(started) = view.started {
        row("Started", started);
    }
    let unseen = match view.unseen().count() {
        0 => String::new(),
        count => format!("{count} waived and not looked at, "),
    };
    if view.findings.is_some() {
        let _ = writeln!(
            out,
            "\n| Severity | Failed |\n| --- | ---: |\n{}\n{unseen}{} could not look, {} passed, {} do not apply.",
            by_severity(view),
            view.count(CheckStatus::Error),
            view.count(CheckStatus::Pass),
            view.inapplicable().count()
        );
    }
    out
}

fn by_severity(view: &View<'_>) -> String {
    Severity::WORST_FIRST
        .iter()
        .fold(String::new(), |mut out, severity| {
            let count = view.failed().filter(|r| r.severity == *severity).count();
            let _ = writeln!(out, "| {severity} | {count} |");
            out
        })
}

fn failed(view: &View<'_>, result: &CheckResult) -> String {
    let below = if view.counts(result) {
        ""
    } else {
        " (the threshold allows it)"
    };
    let mut out = format!(
        "\n### {}{below}: {}\n\n{}\n\n",
        result.severity.name().to_uppercase(),
        prose(&result.title, 200),
        code(&result.id, 80)
    );
    for item in result.evidence.iter().take(EVIDENCE) {
        let _ = writeln!(out, "- {}", code(item, 300));
    }
    let shown = result.evidence.len().min(EVIDENCE) as u64;
    if result.evidence_total > shown {
        let _ = writeln!(out, "- and {} more", result.evidence_total - shown);
    }
    let _ = writeln!(out, "\n**Why:** {}\n", prose(&result.rationale, 600));
    let _ = writeln!(out, "**Fix:** {}", prose(&result.fix, 600));
    out
}

fn waived(view: &View<'_>) -> String {
    let mut out = String::new();
    for result in view.sorted() {
        let Some(waiver) = &result.waiver else {
            continue;
        };
        if out.is_empty() {
            out.push_str("\n### Waived (never a pass)\n\n");
        }
        let until = code(&waiver.expires, 20);
        let (id, why) = (code(&result.id, 80), code(&waiver.justification, 300));
        let what = if waiver.skipped {
            "not looked at"
        } else {
            "failed"
        };
        let _ = writeln!(out, "- {id} ({what}) until {until}: {why}");
    }
    out
}

/// What was asked for and did nothing.
fn notes(view: &View<'_>) -> String {
    let mut out = String::new();
    for (kind, list) in view.notes() {
        if out.is_empty() {
            out.push_str("\n### Asked for, and did nothing\n\n");
        }
        for item in list {
            let _ = writeln!(out, "- {kind}: {}", code(item, 300));
        }
    }
    out
}
