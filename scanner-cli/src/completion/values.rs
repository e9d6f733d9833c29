//! Which values an option or argument may have, for all commands by its name.

use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, engine::ValueCompleter as _,
};
use secure_scan::{Profile, finding::Severity, profiles::policy::LEVELS, reports::Format};

use super::cluster;

/// `command` with completers for the values of its arguments, and for those of all commands below it.
pub(super) fn completed(command: Command) -> Command {
    // The container of a manifest is in no cluster.
    let live = command.get_name() != "inject";
    let command = command.mut_args(|arg| with_completer(arg, live));
    command.mut_subcommands(completed)
}

fn with_completer(arg: Arg, live: bool) -> Arg {
    match arg.get_id().as_str() {
        "namespace" | "identity_namespace" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, cluster::namespaces())
        })),
        "pod" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, cluster::pods())
        })),
        "container" if live => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, cluster::containers())
        })),
        "profile" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            named_or_file(typed, Profile::SHIPPED.iter().copied())
        })),
        "policy" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            named_or_file(typed, LEVELS.iter().map(|(name, _)| *name))
        })),
        "level" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, LEVELS.iter().map(|(name, _)| *name))
        })),
        "fail_on" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, Severity::WORST_FIRST.iter().map(|s| s.name()))
        })),
        "output" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            beginning(typed, Format::ALL.iter().map(|format| format.name()))
        })),
        _ => arg,
    }
}

/// Of these names, those that begin as it was typed.
fn beginning<S: AsRef<str>>(
    typed: &OsStr,
    names: impl IntoIterator<Item = S>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let names = names.into_iter();
    let names = names.filter(|name| name.as_ref().starts_with(&*typed));
    names
        .map(|name| CompletionCandidate::new(name.as_ref()))
        .collect()
}

/// The same, and files.
fn named_or_file<'a>(
    typed: &OsStr,
    names: impl Iterator<Item = &'a str>,
) -> Vec<CompletionCandidate> {
    let mut all = beginning(typed, names);
    all.extend(PathCompleter::file().complete(typed));
    all
}
