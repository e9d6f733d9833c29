//! Markdown for a pull request: bounded in size, with a note of what was cut.
//!
//! What comes from a target stands in code spans, in which nothing is a link, an image, a mention
//! or HTML; other text has every character escaped that `CommonMark` gives a meaning.

mod conduct;

use std::fmt::Write as _;

use super::view::View;
use crate::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
};

/// Bytes at most; a comment on GitHub takes 65,536 characters.
pub const MAX_BYTES: usize = 60_000;
/// Bytes that are kept for the note of what was cut.
const NOTE: usize = 200;
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
    out.push(&conduct::gates(view));
    conduct::folded(&mut out, view);
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

/// Text of anyone in a code span (`CommonMark` 6.1): its fence is longer than any run of backticks.
pub(crate) fn code(text: &str, limit: usize) -> String {
    let text = visible(text, limit);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.as_str() {
        // A code span cannot be empty, and loses one space at each end.
        "" => "` `".to_owned(),
        text => format!("{fence} {text} {fence}"),
    }
}

/// In a table a bar ends the cell even within a code span.
fn cell(text: &str) -> String {
    code(text, 80).replace('|', "\\|")
}

/// Running text of a profile: escaped, or a code span where a reader might make a link or a
/// mention of it.
pub(crate) fn prose(text: &str, limit: usize) -> String {
    let shown = visible(text, limit);
    if shown.contains(['@', '#', ':']) && linkable(&shown) || shown.contains("www.") {
        return code(text, limit);
    }
    let mut out = String::with_capacity(shown.len());
    for c in shown.trim().chars() {
        // Those that mean something within a line; it never starts with this text.
        if "\\`*_[]<>&!#|~@$^".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn linkable(text: &str) -> bool {
    let hash = |pair: &[u8]| pair[0] == b'#' && pair[1].is_ascii_digit();
    text.contains("://")
        || text.contains('@')
        || text.contains("mailto:")
        || text.as_bytes().windows(2).any(hash)
}

/// Text up to [`MAX_BYTES`]; what does not fit is counted, never cut within.
#[derive(Default)]
struct Bounded {
    text: String,
    cut: usize,
}

impl Bounded {
    fn push(&mut self, part: &str) {
        if self.cut > 0 || self.text.len() + part.len() > MAX_BYTES - NOTE {
            self.cut += usize::from(!part.is_empty());
        } else {
            self.text.push_str(part);
        }
    }

    /// Parts that are folded up under a title, as many as fit; the fold is always closed.
    fn fold(&mut self, title: &str, parts: impl IntoIterator<Item = String>) {
        const END: &str = "\n</details>\n";
        let mut open = false;
        for part in parts {
            let start = if open {
                String::new()
            } else {
                format!("\n<details><summary>{title}</summary>\n\n")
            };
            let more = start.len() + part.len() + END.len();
            if self.cut > 0 || self.text.len() + more > MAX_BYTES - NOTE {
                self.cut += 1;
            } else {
                self.text.push_str(&start);
                self.text.push_str(&part);
                open = true;
            }
        }
        if open {
            self.text.push_str(END);
        }
    }

    fn finish(mut self) -> String {
        if self.cut > 0 {
            let _ = writeln!(
                self.text,
                "\n**{} more parts of this report were cut for length.** The JSON report has all.",
                self.cut
            );
        }
        self.text
    }
}
