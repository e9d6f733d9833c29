//! `secure-scan report`: other forms of a saved report, and what changed between two.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use secure_scan::{
    Document, diff,
    reports::{Format, document},
};

use crate::{
    output::{self, Color},
    problem::{NOT_DONE, Problem},
    sink::{Output, Sinks},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Convert a saved JSON report to other formats
    ///
    /// The exit code is 0 if all formats were written, whatever the report says.
    Convert(ConvertArgs),
    /// Show what changed between two saved JSON reports
    ///
    /// The exit code is 0 if there are no new findings, 1 if there are, and 3 if there are none but the new
    /// report covers less than the old one.
    Diff(DiffArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Report that a scan wrote with -o json=FILE; - for standard input
    file: PathBuf,
    /// Report format, to standard output or to a file; may be repeated
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "terminal")]
    output: Vec<Output>,
    /// Also show the checks that passed, and the evidence of every control
    #[arg(short, long)]
    verbose: bool,
    /// No effect
    #[arg(short, long = "quiet")]
    _quiet: bool,
    /// Colours in the terminal report
    #[arg(long, value_enum, default_value_t)]
    color: Color,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Earlier report
    old: PathBuf,
    /// Later report, which is compared with the earlier one
    new: PathBuf,
    /// Format of the comparison, to standard output or to a file; may be repeated: terminal, json, markdown
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "terminal")]
    output: Vec<Output>,
}

pub(crate) fn run(command: ReportCommand) -> Result<u8, Problem> {
    match command {
        ReportCommand::Convert(args) => {
            let document = read(&args.file)?;
            let sinks = Sinks::open(&args.output)?;
            let view = document.view();
            sinks.check(view.packages.is_some(), view.image_digest.is_some())?;
            sinks.write(&document, args.verbose, output::coloured(args.color))?;
            Ok(0)
        }
        ReportCommand::Diff(args) => {
            let (old, new) = (read(&args.old)?, read(&args.new)?);
            let diff = diff::compare(&old.view(), &new.view());
            let text = |format| match format {
                Format::Terminal => Some(diff::text(&diff)),
                Format::Json => Some(diff::json(&diff)),
                Format::Markdown => Some(diff::markdown(&diff)),
                _ => None,
            };
            Sinks::open(&args.output)?.write_with(
                text,
                "a comparison",
                "terminal, json or markdown",
            )?;
            Ok(match diff.outcome {
                diff::Outcome::NoNewFindings => 0,
                diff::Outcome::NewFindings => 1,
                // An outcome of a later version counts like a report that covers less.
                _ => NOT_DONE,
            })
        }
    }
}

/// What to do about a file that is not a report.
const SAVED: &str = "name a file that was written with -o json=FILE";

/// Reads a report that may be hostile, in bounded memory; an error names its place.
fn read(file: &Path) -> Result<Document, Problem> {
    let name = file.display();
    let input: io::Result<Box<dyn io::Read>> = if file == Path::new("-") {
        Ok(Box::new(io::stdin().lock()))
    } else {
        fs::File::open(file).map(|file| Box::new(file) as Box<dyn io::Read>)
    };
    let limit = document::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = input.and_then(|input| input.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| Problem::usage(format!("cannot read {name}: {error}"), SAVED))?;
    Document::parse(&bytes).map_err(|error| {
        let hint = match error {
            document::ReadError::UnknownSchema(_) => error.hint(),
            _ => SAVED,
        };
        Problem::usage(format!("{name}: {error}"), hint)
    })
}
