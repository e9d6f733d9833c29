//! Writes: reports to standard output or files, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use scanner_core::{
    ScanPlan,
    escape::{self, visible},
};
use scanner_report::{Format, text};

use crate::{NOT_DONE, Problem, args::Color};

/// Tells a problem and what to do next. Does not fail: with standard error closed nobody listens.
pub(crate) fn complain(message: &str, hint: Option<&str>) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "error: {}", visible(message, 2000));
    if let Some(hint) = hint {
        let _ = writeln!(err, "hint: {}", visible(hint, 1000));
    }
}

/// Tells something on standard error.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Writes text to standard output; the reader may have gone.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem {
            code: NOT_DONE,
            message: format!("cannot write to standard output: {error}"),
            hint: None,
        }),
        _ => Ok(()),
    }
}

/// The form of a plan, if it has one.
pub(crate) fn plan(plan: &ScanPlan, format: Format) -> Option<String> {
    match format {
        Format::Terminal => Some(text::plan(plan, io::stdout().is_terminal())),
        Format::Json => {
            let mut text = escape::json(&serde_json::to_string_pretty(plan).unwrap_or_default());
            text.push('\n');
            Some(text)
        }
        _ => None,
    }
}

/// Whether to colour what goes to standard output.
pub(crate) fn coloured(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_in_json_holds_nothing_that_acts_on_a_terminal() {
        let report = include_str!("../../tests/consumers/report.json");
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        let mut made: ScanPlan = serde_json::from_value(report["plan"].clone()).unwrap();
        made.target.image = "web\u{9b}2J\u{202e}".into();
        let text = plan(&made, Format::Json).unwrap();
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text}");
        let read: ScanPlan = serde_json::from_str(&text).unwrap();
        assert_eq!(read, made);
    }
}
