//! Writes: reports to standard output or files, everything else to standard error.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
};

use scanner_core::{
    ScanPlan, ScanReport,
    escape::visible,
    report::{
        LocalReport,
        text::{self, Style},
    },
};

use crate::{
    NOT_DONE, Problem,
    args::{Color, Format, LocalArgs, Output, ScanArgs},
};

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

/// Writes the report in every form that was asked for.
pub(crate) fn report(report: &ScanReport, args: &ScanArgs) -> Result<(), Problem> {
    for output in &args.output {
        let style = Style {
            colour: output.file.is_none() && coloured(args.color),
            verbose: args.verbose,
        };
        let text = match output.format {
            Format::Terminal => text::render(report, style),
            Format::Json => json(serde_json::to_string_pretty(report)),
        };
        deliver(output, &text)?;
    }
    Ok(())
}

/// Writes the report of a scan of this machine in every form that was asked for.
pub(crate) fn local(report: &LocalReport, args: &LocalArgs) -> Result<(), Problem> {
    for output in &args.output {
        let style = Style {
            colour: output.file.is_none() && coloured(args.color),
            verbose: args.verbose,
        };
        let text = match output.format {
            Format::Terminal => text::local(report, style),
            Format::Json => json(serde_json::to_string_pretty(report)),
        };
        deliver(output, &text)?;
    }
    Ok(())
}

/// Writes the plan in every form that was asked for.
pub(crate) fn plan(plan: &ScanPlan, args: &ScanArgs) -> Result<(), Problem> {
    for output in &args.output {
        let text = match output.format {
            Format::Terminal => text::plan(plan),
            Format::Json => json(serde_json::to_string_pretty(plan)),
        };
        deliver(output, &text)?;
    }
    Ok(())
}

fn json(written: serde_json::Result<String>) -> String {
    let mut text = written.unwrap_or_default();
    text.push('\n');
    text
}

fn deliver(output: &Output, text: &str) -> Result<(), Problem> {
    let Some(file) = &output.file else {
        return print(text);
    };
    fs::write(file, text).map_err(|error| Problem {
        code: NOT_DONE,
        message: format!("cannot write the report to {}: {error}", file.display()),
        hint: Some("name a file that can be written".into()),
    })
}

fn coloured(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}
