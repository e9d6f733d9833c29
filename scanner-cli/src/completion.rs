//! Completion of a command line: commands, options and values, and names that exist in the cluster.
//!
//! One engine answers every shell, and kubectl. The scripts of the shells ask it by a hidden command, never by a variable of the
//! environment: with such a variable set, a scan would end well and do nothing.

mod cluster;
mod line;
mod values;

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    fs::File,
    process::ExitCode,
};

use clap::{Args, Command, ValueEnum};
use clap_complete::{CompletionCandidate, engine};
use nix::unistd::dup2_stdin;
use secure_scan::escape::visible;

use crate::{output, problem::Problem};
use line::Line;

/// kubectl's directive: only these candidates, and no files beside them.
const NO_FILES: &str = ":4";

/// Longest help and longest value of a candidate, in characters.
const HELP: usize = 100;
const VALUE: usize = 4096;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

/// The question that a shell's completion script asks.
#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    #[arg(value_enum)]
    shell: Shell,
    /// Which word is completed; the name of the program is the first, 0
    index: usize,
    /// The words
    #[arg(last = true)]
    words: Vec<OsString>,
}

/// Prints the script that a shell reads.
pub(crate) fn script(args: &CompletionsArgs) -> Result<u8, Problem> {
    let text = match args.shell {
        Shell::Bash => include_str!("completion/secure-scan.bash"),
        Shell::Zsh => include_str!("completion/secure-scan.zsh"),
        Shell::Fish => include_str!("completion/secure-scan.fish"),
    };
    output::print(text).map(|()| 0)
}

/// Answers the script of a shell. If anything goes wrong, there are no candidates.
pub(crate) fn answer(args: CompleteArgs, command: Command) -> Result<u8, Problem> {
    let mut text = String::new();
    for candidate in candidates(command, args.words, args.index) {
        let (value, help) = parts(&candidate);
        let _ = match (args.shell, help) {
            (Shell::Bash, _) | (Shell::Fish, None) => writeln!(text, "{value}"),
            (Shell::Zsh, None) => writeln!(text, "{}", value.replace(':', "\\:")),
            (Shell::Zsh, Some(help)) => writeln!(text, "{}:{help}", value.replace(':', "\\:")),
            (Shell::Fish, Some(help)) => writeln!(text, "{value}\t{help}"),
        };
    }
    output::print_form(&text).map(|()| 0)
}

/// Answers kubectl, which runs `kubectl_complete-secure_scan` with the words after the name of the plugin.
pub(crate) fn answer_kubectl(command: Command) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let index = words.len().saturating_sub(1);
    let mut text = String::new();
    if index > 0 {
        for candidate in candidates(command, words, index) {
            let (value, help) = parts(&candidate);
            // kubectl's scripts may hand a value to the shell as it is.
            if !value.chars().all(is_harmless) {
                continue;
            }
            let help = help.map(|help| format!("\t{help}")).unwrap_or_default();
            let _ = writeln!(text, "{value}{help}");
        }
    }
    let _ = writeln!(text, "{NO_FILES}");
    ExitCode::from(output::print_form(&text).map_or(crate::problem::NOT_DONE, |()| 0))
}

/// Whether a shell takes it as it is.
fn is_harmless(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:@=+,%".contains(c)
}

/// The candidates for the word at `index`.
fn candidates(command: Command, words: Vec<OsString>, index: usize) -> Vec<CompletionCandidate> {
    // A credential plugin must find no terminal, so that it does not prompt in a line that is being edited.
    if let Ok(nothing) = File::open("/dev/null") {
        let _ = dup2_stdin(nothing);
    }
    let line = Line::keep(&command, words);
    let mut command = values::completed(command);
    let words = line.words().to_vec();
    let folder = std::env::current_dir().ok();
    let typed = words.get(index).cloned().unwrap_or_default();
    let found = engine::complete(&mut command, words, index, folder.as_deref());
    let mut found = found.unwrap_or_default();
    let is_option = |text: &OsStr| text.as_encoded_bytes().starts_with(b"-");
    // Without a typed hyphen, options are offered only if nothing else is.
    if !is_option(&typed) && found.iter().any(|one| !is_option(one.get_value())) {
        found.retain(|one| !is_option(one.get_value()));
    }
    found
}

/// Value and help, each on one line, without control characters.
fn parts(candidate: &CompletionCandidate) -> (String, Option<String>) {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let help = help.lines().next().unwrap_or_default();
    let help = (!help.is_empty()).then(|| visible(help, HELP));
    (visible(&value, VALUE), help)
}
