//! Output: reports go to standard output or files, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use secure_scan::{
    Document, ProfileError, ScanPlan, Verdict,
    core::FailureKind,
    escape::{self, visible},
    reports::{Format, text},
};
use terminal_size::terminal_size_of;

use crate::{
    problem::{NOT_DONE, Problem, USAGE},
    remedy::remedy_words,
};

/// When the terminal report has colours.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// If standard output is a terminal, `NO_COLOR` is not set and `TERM` is not dumb
    #[default]
    Auto,
    /// Also in a file or a pipe
    Always,
    /// Without colours
    Never,
}

/// Prints an error and what to do next. Does not fail: with standard error closed nobody listens.
pub(crate) fn print_error(problem: &Problem) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "error: {}", visible(&problem.message, 2000));
    if let Some(hint) = &problem.hint {
        let _ = writeln!(err, "hint: {}", visible(hint, 1000));
    }
}

/// Prints what else went wrong, if something worse decides the exit code.
pub(crate) fn print_errors(done: &Result<(), Problem>) {
    if let Err(problem) = done {
        print_error(problem);
    }
}

/// Prints everything that went wrong after a scan; the exit code is the worst of these and of the verdict.
pub(crate) fn worst_exit_code(verdict: Verdict, after: &[Result<(), Problem>]) -> u8 {
    after.iter().for_each(print_errors);
    let problems = after.iter().filter_map(|done| done.as_ref().err());
    let codes = problems.map(|problem| problem.code);
    codes.fold(verdict.exit_code(), u8::max)
}

/// The exit code of a scan, where `worst` is that of its verdict and of what came after: a namespace that does not exist is an
/// error of the arguments, also where only the scan finds it out.
pub(crate) fn scan_exit_code(document: &Document, worst: u8) -> u8 {
    let failure = document.view().failure.map(|failure| &failure.kind);
    match failure {
        Some(FailureKind::NoNamespace) if worst == NOT_DONE => USAGE,
        _ => worst,
    }
}

/// Prints a line on standard error; text of others in it is escaped.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape::lines(message));
}

/// Says how to read what a scan could not read, if that matters for its result.
pub(crate) fn completions(document: &Document) {
    let view = document.view();
    if view.not_read() > 0 || view.verdict == Verdict::Incomplete {
        for remedy in view.completions() {
            note(&format!("hint: {}", remedy_words(&remedy)));
        }
    }
}

/// Prints what is wrong in a profile, which is escaped and may have colours.
pub(crate) fn excerpt(error: &ProfileError) -> bool {
    let mut err = io::stderr().lock();
    let excerpt = error.excerpt(err.is_terminal() && may_colour());
    let _ = if excerpt.is_empty() {
        Ok(())
    } else {
        writeln!(err, "{excerpt}\n")
    };
    !excerpt.is_empty()
}

/// Writes text to standard output; text of others in it is escaped.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    print_form(&escape::lines(text))
}

/// Writes a form of a report, or another document that has an escaping of its own, to standard output; the reader may
/// have gone.
pub(crate) fn print_form(text: &str) -> Result<(), Problem> {
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
        Format::Terminal => Some(text::plan(plan, width())),
        Format::Json => {
            let mut text = escape::json(&serde_json::to_string_pretty(plan).unwrap_or_default());
            text.push('\n');
            Some(text)
        }
        _ => None,
    }
}

/// Characters in a line of the terminal that standard output is; none where it is no terminal.
pub(crate) fn width() -> Option<usize> {
    let known = terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    // A terminal that does not report its width counts as one of the usual width.
    io::stdout().is_terminal().then(|| known.unwrap_or(80))
}

/// Whether to colour what goes to standard output.
pub(crate) fn coloured(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && may_colour(),
    }
}

/// Whether a terminal of this kind, and its user, want colours and lines that change.
pub(crate) fn may_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none() && !is_dumb()
}

/// Whether the terminal can do nothing but print.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
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
