//! The report for a reader at a terminal: as wide as its terminal, colour only when asked for.

pub(crate) mod execution;
mod groups;
mod layout;
mod plan;
mod policy;

use std::fmt::Write as _;

use scanner_core::report::view::{Subject, View};
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Findings, Severity},
};

use crate::escaped::{
    MAX_GAPS, at_least, completions, count, headline, in_part, limits, of_them, origin,
};
use execution::{controls, post_scan};
use groups::{group_title, groups, same_message};
use layout::{Page, differences, field, item, wrapped};

pub use layout::Style;
pub use plan::plan;

/// Lines of evidence below a failure, unless the reader asks for all of them.
const EVIDENCE: usize = 5;
/// Longest list of what was not read, in characters, if the reader asks for all of it: longer than any list in a report.
const WHOLE: usize = 1 << 20;

/// Renders `view`; every text from the target or the server is escaped.
pub fn render(view: &View<'_>, style: Style) -> String {
    let mut out = Page::new(style.width);
    let title = format!("Scan of {}", view.subject_line());
    let _ = writeln!(out, "{}", style.paint("1", &title));
    for (at, choice) in view.target_choice.iter().enumerate() {
        field(&mut out, if at == 0 { "chosen" } else { "" }, choice);
    }
    if let Subject::Container(target) = view.subject {
        field(&mut out, "image", &target.image);
        field(&mut out, "running digest", &target.image_id);
    }
    alerts(&mut out, view, style);
    for trace in view.trace() {
        field(&mut out, trace.label, &trace.value);
    }
    if let Some(started) = view.started_second() {
        field(&mut out, "started", &started);
    }
    let engines = if view.has_several_engines() {
        "engines"
    } else {
        "profile"
    };
    field(&mut out, engines, &view.engines);
    for (name, text) in view.narrowed() {
        field(&mut out, name, &text);
    }
    if let Some(policy) = view.policy {
        field(&mut out, "policy", policy);
    }
    field(&mut out, "strategy", view.strategy);
    if let Some(reason) = view.reason {
        field(&mut out, "", reason);
    }
    field(&mut out, "trust", view.trust);
    if let Some(others) = view.beside() {
        field(&mut out, "not scanned", &others);
    }
    if let Some(none) = view.no_controls() {
        field(&mut out, "controls", none);
    }
    differences(&mut out, view.differences);
    if let Some(failure) = view.failure {
        out.push('\n');
        let _ = writeln!(
            out,
            "{}",
            style.paint("1;31", "No result: the scan could not be done")
        );
        wrapped(&mut out, "  ", &failure.message.escaped(2000));
        if let Some(kind) = view.failure_kind() {
            wrapped(&mut out, "  ", &format!("kind: {kind}"));
        }
        if let Some(hint) = &failure.hint {
            wrapped(&mut out, "  ", &format!("hint: {}", visible(hint, 1000)));
        }
    }
    policy::gates(&mut out, view.gates, style);
    policy::alert(&mut out, view, style);
    if !view.findings.is_empty() {
        for one in view.per_engine() {
            engine(&mut out, &one, style);
        }
    }
    coverage(&mut out, view, style, &completions(view));
    controls(&mut out, view, style);
    post_scan(&mut out, view, style);
    if let Some(image) = view.image_scan {
        let title = style.paint("1", "The scan that read the image");
        let _ = writeln!(out, "\n{title}");
        field(&mut out, "trust", &image.trust);
        let image = View::from(image);
        // The image was already read as root.
        coverage(&mut out, &image, style, &[]);
        controls(&mut out, &image, style);
        post_scan(&mut out, &image, style);
    }
    closing(&mut out, view, style);
    out.into_text()
}

/// The alerts, the failure, the verdict and the counts of a scan in a few lines, for a terminal that does not show the report.
pub fn summary(view: &View<'_>, width: Option<usize>) -> String {
    let mut out = Page::new(width);
    for alert in view.alerts {
        let text = format!(
            "SECURITY ALERT {}: {}",
            visible(&alert.id, 60),
            alert.message.escaped(600)
        );
        wrapped(&mut out, "", &text);
    }
    if let Some(failure) = view.failure {
        wrapped(
            &mut out,
            "",
            &format!("not done: {}", failure.message.escaped(2000)),
        );
        if let Some(hint) = &failure.hint {
            wrapped(&mut out, "", &format!("hint: {}", visible(hint, 600)));
        }
    }
    if !view.findings.is_empty() {
        wrapped(&mut out, "", &counts(view));
    }
    for breach in view.breaches() {
        let line = format!("threshold not met: {}", visible(&breach, 400));
        wrapped(&mut out, "", &line);
    }
    incompleteness(&mut out, view);
    let line = format!("{}: {}", view.subject_line(), view.sentence());
    wrapped(&mut out, "", &line);
    out.into_text()
}

fn closing(out: &mut Page, view: &View<'_>, style: Style) {
    out.push('\n');
    if style.verbose && !view.timings.is_empty() {
        let stages: Vec<String> = view
            .timings
            .iter()
            .map(|t| format!("{} {:.1} s", t.stage.name(), t.seconds))
            .collect();
        wrapped(out, "", &format!("Timings: {}", stages.join(", ")));
    }
    if let Some(packages) = view.packages {
        let _ = writeln!(
            out,
            "{} (in the JSON and CycloneDX forms)",
            count(packages.count() as u64, "package")
        );
    }
    if let (Some(calls), Some(seconds)) = (view.api_calls, view.seconds) {
        let _ = writeln!(
            out,
            "{} ({} as operator, {} as the scan identity), {seconds:.1} s",
            count(calls.operator.saturating_add(calls.scan), "API call"),
            calls.operator,
            calls.scan,
        );
    }
    if let Some(audit) = view.audit.filter(|_| style.verbose) {
        let entries = if audit.at.entries == 1 {
            "entry"
        } else {
            "entries"
        };
        let _ = writeln!(out, "audit log: {} {entries}, head", audit.at.entries);
        wrapped(out, "  ", &visible(&audit.at.head, 64));
    }
    incompleteness(out, view);
    let _ = writeln!(out, "{}", style.paint("1", &view.sentence()));
}

/// Why the scan is incomplete although every check may have been done.
fn incompleteness(out: &mut Page, view: &View<'_>) {
    if let Some(why) = view.incompleteness() {
        wrapped(out, "", &format!("why: {why}"));
    }
}

/// What the scan saw that somebody must look into, before all else.
fn alerts(out: &mut Page, view: &View<'_>, style: Style) {
    for alert in view.alerts {
        let title = format!("  SECURITY ALERT {}", visible(&alert.id, 60));
        let _ = writeln!(out, "{}", style.paint("1;31", &title));
        wrapped(out, "    ", &alert.message.escaped(600));
        for evidence in &alert.evidence {
            item(out, "    ", &evidence.escaped(300));
        }
    }
}

/// What one engine found; under its name where the report has several.
fn engine(out: &mut Page, view: &View<'_>, style: Style) {
    if view.has_several_engines() {
        let title = format!("Engine {}", visible(&view.engines, 200));
        let _ = writeln!(out, "\n{}", style.paint("1", &title));
    }
    findings(out, view, style);
}

fn findings(out: &mut Page, view: &View<'_>, style: Style) {
    all_failed(out, view, view.failed().filter(|r| view.counts(r)), style);
    if let Some(line) = view.warning_line() {
        let title = style.paint("1;33", &format!("Warnings: {line}"));
        let _ = writeln!(out, "\n{title}");
    }
    all_failed(out, view, view.warnings(), style);
    for findings in view.findings {
        policy::waived(out, view, findings, style);
    }
    if view.count(CheckStatus::Error) > 0 {
        let _ = writeln!(
            out,
            "\n{}",
            style.paint("1", "Not checked (does not count as passed)")
        );
        for (message, ids) in same_message(view) {
            let ids: Vec<String> = ids.iter().map(|id| visible(id, 80)).collect();
            let text = format!("ERROR  {}: {}", ids.join(", "), visible(message, 300));
            wrapped(out, "  ", &text);
        }
    }
    if style.verbose {
        let _ = writeln!(out, "\n{}", style.paint("1", "Passed"));
        for result in view.with_status(CheckStatus::Pass) {
            let id = visible(&view.check_id(result), 80);
            let line = format!("PASS   {id}: {}", headline(result, 200));
            wrapped(out, "  ", &line);
            for note in limits(result).into_iter().chain(origin(result)) {
                wrapped(out, "         ", &note);
            }
        }
    }
    out.push('\n');
    wrapped(out, "", &counts(view));
    if let Some(severity) = view.fails_at() {
        let _ = writeln!(out, "Fails at: {}", at_least(severity));
    }
    for findings in view.findings {
        policy::thresholds(out, findings);
    }
}

/// Failed checks, grouped by what they are about.
fn all_failed<'a>(
    out: &mut Page,
    view: &View<'_>,
    results: impl Iterator<Item = &'a CheckResult>,
    style: Style,
) {
    for group in groups(results) {
        group_title(out, &group, style);
        for result in group.results {
            failed(out, view, result, style);
        }
    }
}

/// How many checks have each result.
fn counts(view: &View<'_>) -> String {
    let waived = match view.findings.iter().map(Findings::waived).sum::<usize>() {
        0 => String::new(),
        count => format!("{count} failed but waived, "),
    };
    let unseen = match view.unseen().count() {
        0 => String::new(),
        count => format!("{count} waived and skipped, "),
    };
    format!(
        "{} failed{}, {waived}{unseen}{} not checked, {} passed{}, {} not applicable",
        view.failed().count(),
        of_them(view),
        view.count(CheckStatus::Error),
        view.count(CheckStatus::Pass),
        in_part(view),
        view.inapplicable().count()
    )
}

fn failed(out: &mut Page, view: &View<'_>, result: &CheckResult, style: Style) {
    let code = match result.severity {
        Severity::Critical | Severity::High => "1;31",
        Severity::Medium => "33",
        Severity::Low | Severity::Info => "36",
    };
    let label = format!("{:<8}", result.severity.name().to_uppercase());
    out.push('\n');
    let title = textwrap::fill(
        &headline(result, 200),
        textwrap::Options::new(out.width() - 9).subsequent_indent("         "),
    );
    let _ = writeln!(
        out,
        "{} {}",
        style.paint(code, &label),
        style.paint("1", &title)
    );
    let below = view.allowed_as(result);
    let below = below.map_or_else(String::new, |why| format!(" (warning: {why})"));
    let _ = writeln!(
        out,
        "         {}{below}",
        visible(&view.check_id(result), 80)
    );
    let most = if style.verbose { usize::MAX } else { EVIDENCE };
    for evidence in result.evidence.iter().take(most) {
        item(out, "         ", &visible(evidence, 200));
    }
    let shown = result.evidence.len().min(most) as u64;
    if result.evidence_total > shown {
        let _ = writeln!(out, "         - and {} more", result.evidence_total - shown);
    }
    if let Some(origin) = origin(result) {
        wrapped(out, "         ", &origin);
    }
    wrapped(
        out,
        "         ",
        &format!("why: {}", visible(&result.rationale, 600)),
    );
    wrapped(
        out,
        "         ",
        &format!("fix: {}", visible(&result.fix, 600)),
    );
}

fn coverage(out: &mut Page, view: &View<'_>, style: Style, completions: &[String]) {
    if let Some(agent) = view.without_checksums() {
        out.push('\n');
        let text = format!(
            "The answer of {} has no checksums: it was verified by its length alone.",
            visible(&agent.name, 40)
        );
        wrapped(&mut *out, "", &text);
    }
    let read = view.image_lines();
    if !read.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint("1", "Read from the image"));
        for line in read {
            wrapped(out, "  ", &visible(&line, MAX_GAPS));
        }
    }
    let gaps = view.gaps();
    if !gaps.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint("1", "Coverage gaps"));
        for (section, gap) in gaps {
            let most = if style.verbose { WHOLE } else { MAX_GAPS };
            wrapped(out, "  ", &visible(&format!("{section}: {gap}"), most));
        }
        for completion in completions {
            wrapped(out, "  ", &format!("to read more: {completion}"));
        }
    }
}
