//! The forms of a comparison: for a terminal, Markdown, JSON.

use std::fmt::Write as _;

use super::model::{Change, Diff, Outcome, Side, Turn};
use crate::markdown::bounded::{MAX_BYTES, code, prose};
use scanner_core::{
    escape::{self, visible},
    finding::CheckStatus,
};

impl Outcome {
    /// One line for a reader.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoNewFindings => "no new findings",
            Self::NewFindings => "new findings",
            Self::SeesLess => "no new findings, but the new report covers less than the old one",
        }
    }
}

impl Diff {
    fn groups(&self) -> [(&'static str, &Vec<Change>); 3] {
        [
            ("New", &self.new_findings),
            ("Fixed", &self.fixed),
            ("Changed", &self.changed),
        ]
    }

    fn turns(&self) -> [(&'static str, &Vec<Turn>); 2] {
        [("Coverage", &self.coverage), ("Controls", &self.controls)]
    }
}

impl Change {
    const fn was(&self) -> &'static str {
        word(self.old, self.was_waived)
    }

    const fn is(&self) -> &'static str {
        match self.new {
            Some(CheckStatus::Pass) if self.sees_less => "passed, but covers less",
            Some(CheckStatus::NotApplicable) if self.sees_less && !self.waived => {
                "no longer checked"
            }
            status => word(status, self.waived),
        }
    }
}

const fn word(status: Option<CheckStatus>, waived: bool) -> &'static str {
    match status {
        Some(CheckStatus::Fail) if waived => "failed and waived",
        Some(CheckStatus::NotApplicable) if waived => "waived and skipped",
        None => "absent",
        Some(CheckStatus::Pass) => "passed",
        Some(CheckStatus::Fail) => "failed",
        Some(CheckStatus::Error) => "not checked",
        Some(CheckStatus::NotApplicable) => "not applicable",
    }
}

fn side(side: &Side) -> String {
    let started = side.started.as_deref().unwrap_or("time unknown");
    format!("{} ({started}): {}", side.subject, side.verdict.name())
}

/// For a reader at a terminal.
pub fn text(diff: &Diff) -> String {
    let mut out = format!("old: {}\nnew: {}\n", side(&diff.old), side(&diff.new));
    let evidence = |out: &mut String, sign: char, items: &[String]| {
        for item in items {
            let _ = writeln!(out, "           {sign} {}", visible(item, 200));
        }
    };
    for (name, changes) in diff.groups() {
        if changes.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{name}");
        for change in changes {
            let _ = writeln!(
                out,
                "  {:<8} {}: {} (was: {}, is: {})",
                change.severity.name().to_uppercase(),
                visible(&change.id, 80),
                visible(&change.headline, 200),
                change.was(),
                change.is()
            );
            evidence(&mut out, '+', &change.appeared);
            evidence(&mut out, '-', &change.vanished);
        }
    }
    for (name, turns) in diff.turns() {
        if !turns.is_empty() {
            let _ = writeln!(out, "\n{name}");
        }
        for turn in turns {
            let line = format!("  {}: {} -> {}", turn.name, turn.old, turn.new);
            let _ = writeln!(out, "{}", visible(&line, 300));
        }
    }
    let _ = writeln!(out, "\n{}", diff.outcome.sentence());
    out
}

/// Markdown for a pull request; bounded by the bounds of a report's checks.
pub fn markdown(diff: &Diff) -> String {
    let mut out = format!(
        "## secure-scan: {}\n\n- old: {}\n- new: {}\n",
        diff.outcome.sentence(),
        code(&side(&diff.old), 600),
        code(&side(&diff.new), 600)
    );
    for (name, changes) in diff.groups() {
        if !changes.is_empty() {
            let _ = writeln!(out, "\n### {name}\n");
        }
        for change in changes {
            if out.len() > MAX_BYTES - 4000 {
                out.push_str("- **more were cut for length**; the JSON form has all\n");
                break;
            }
            let _ = writeln!(
                out,
                "- **{}** {} {}: was {}, is {}",
                change.severity,
                code(&change.id, 80),
                prose(&change.headline, 200),
                change.was(),
                change.is()
            );
            for (sign, items) in [('+', &change.appeared), ('-', &change.vanished)] {
                for item in items.iter().take(5) {
                    let _ = writeln!(out, "    - {}", code(&format!("{sign} {item}"), 200));
                }
            }
        }
    }
    for (name, turns) in diff.turns() {
        if !turns.is_empty() {
            let _ = writeln!(out, "\n### {name}\n");
        }
        for turn in turns.iter().take(30) {
            let line = format!("{}: {} -> {}", turn.name, turn.old, turn.new);
            let _ = writeln!(out, "- {}", code(&line, 300));
        }
    }
    out
}

/// JSON.
pub fn json(diff: &Diff) -> String {
    let mut text = escape::json(&serde_json::to_string_pretty(diff).unwrap_or_default());
    text.push('\n');
    text
}
