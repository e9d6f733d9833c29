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

use crate::escaped::{MAX_GAPS, at_least, completions, in_part, of_them};
use bounded::{Bounded, code, prose};

/// Most items of evidence that are shown for a check.
const EVIDENCE: usize = 5;

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let mut out = Bounded::default();
    out.push(&head(view));
    for problem in view.problems_beside_alerts() {
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
    for one in view.per_engine() {
        engine(&mut out, &one);
    }
    out.push(&notes(view));
    let read = view.image_lines();
    if !read.is_empty() {
        out.push("\n### Read from the image\n\n");
    }
    for line in read {
        out.push(&format!("- {}\n", code(&line, MAX_GAPS)));
    }
    let gaps = view.gaps();
    if !gaps.is_empty() {
        out.push("\n### Coverage gaps\n\n");
        for (section, gap) in gaps {
            out.push(&format!("- {section}: {}\n", code(&gap, MAX_GAPS)));
        }
        for completion in completions(view) {
            out.push(&format!("\nTo read more: {}\n", code(&completion, 400)));
        }
    }
    out.push(&execution::gates(view));
    execution::folded(&mut out, view);
    out.finish()
}

/// What one engine found; under its name where the report has several.
fn engine(out: &mut Bounded, view: &View<'_>) {
    if view.has_several_engines() {
        let fails_at = view.fails_at().map_or_else(String::new, |severity| {
            format!("- Fails at: {}\n", at_least(severity))
        });
        let (name, counts) = (code(&view.engines, 200), counts(view));
        out.push(&format!("\n## Engine {name}\n\n{fails_at}{counts}"));
    }
    for result in view.failed().filter(|r| view.counts(r)) {
        out.push(&failed(view, result));
    }
    if let Some(line) = view.warning_line() {
        out.push(&format!("\n**Warnings:** {line}\n"));
    }
    for result in view.warnings() {
        out.push(&failed(view, result));
    }
    for breach in view.breaches() {
        out.push(&format!(
            "\n**Threshold not met:** {}\n",
            code(&breach, 400)
        ));
    }
    out.push(&waived(view));
    let errors: Vec<_> = view.with_status(CheckStatus::Error).collect();
    if !errors.is_empty() {
        out.push("\n### Not checked (does not count as passed)\n\n");
        for result in errors {
            let (id, message) = (code(&view.check_id(result), 80), code(&result.message, 300));
            out.push(&format!("- {id}: {message}\n"));
        }
    }
}

/// What the scan saw that somebody must investigate.
fn alerts(view: &View<'_>) -> String {
    let mut out = String::new();
    for alert in view.alerts {
        let (id, message) = (code(&alert.id, 80), code(alert.message.raw(), 600));
        let _ = writeln!(out, "> **SECURITY ALERT** {id} {message}");
        for item in &alert.evidence {
            let _ = writeln!(out, "> - {}", code(item.raw(), 300));
        }
        out.push('\n');
    }
    out
}

fn head(view: &View<'_>) -> String {
    let mut out = format!("## secure-scan: {}\n\n{}", view.sentence(), alerts(view));
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "- {name}: {}", code(value, 1000));
    };
    row("Target", &view.subject_line());
    row("Image", &view.artifact());
    if let Some(digest) = view.image_digest {
        row("Digest", digest);
    }
    let engines = if view.has_several_engines() {
        "Engines"
    } else {
        "Profile"
    };
    row(engines, &view.engines);
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
    if let Some(alert) = view.gate_alert {
        row("Alert of the gates", alert);
    }
    if !view.target_choice.is_empty() {
        row("Chosen", &view.target_choice.join("; "));
    }
    row("Strategy", view.strategy);
    if let Some(reason) = view.reason {
        row("Because", reason);
    }
    row("Trust", view.trust);
    if let Some(others) = view.beside() {
        row("Not scanned", &others);
    }
    if let Some(none) = view.no_controls() {
        row("Controls", none);
    }
    if let Some(severity) = view.fails_at() {
        row("Fails at", &at_least(severity));
    }
    if let Some(kind) = view.failure_kind() {
        row("Failure", &kind);
    }
    if let Some(started) = view.started_second() {
        row("Started", &started);
    }
    for trace in view.trace() {
        row(&trace.heading(), &trace.value);
    }
    out.push_str(&counts(view));
    out
}

/// How many checks failed, by severity, and the results of the others.
fn counts(view: &View<'_>) -> String {
    let mut out = String::new();
    let unseen = match view.unseen().count() {
        0 => String::new(),
        count => format!("{count} waived and skipped, "),
    };
    if !view.findings.is_empty() {
        let _ = writeln!(
            out,
            "\n| Severity | Failed |\n| --- | ---: |\n{}\n{} failed{}, {unseen}{} not checked, {} passed{}, {} not applicable.",
            by_severity(view),
            view.failed().count(),
            of_them(view),
            view.count(CheckStatus::Error),
            view.count(CheckStatus::Pass),
            in_part(view),
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
    let below = view.allowed_as(result);
    let below = below.map_or_else(String::new, |why| format!(" (warning, {why})"));
    let mut out = format!(
        "\n### {}{below}: {}\n\n{}\n\n",
        result.severity.name().to_uppercase(),
        prose(&result.headline(), 200),
        code(&view.check_id(result), 80)
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
        let (id, why) = (
            code(&view.check_id(result), 80),
            code(&waiver.justification, 300),
        );
        let what = if waiver.skipped { "skipped" } else { "failed" };
        let _ = writeln!(out, "- {id} ({what}) until {until}: {why}");
    }
    out
}

/// Options and entries that had no effect.
fn notes(view: &View<'_>) -> String {
    let mut out = String::new();
    for (kind, list) in view.notes() {
        if out.is_empty() {
            out.push_str("\n### Entries without effect\n\n");
        }
        for item in list {
            let _ = writeln!(out, "- {kind}: {}", code(&item, 300));
        }
    }
    out
}
