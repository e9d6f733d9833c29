//! Which options of a file go into a command line: those that neither a flag nor an environment variable sets.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::{
    entries::{Entry, File, argument, is_switch},
    keys,
    locate::Choice,
};
use crate::problem::Problem;

/// A command line with the options of a file.
pub(crate) struct Merged {
    /// The words; the name of the program is the first.
    pub(crate) words: Vec<OsString>,
    /// The file, if one was read.
    pub(crate) file: Option<File>,
    /// The options of the file that are among the words.
    pub(crate) entries: Vec<Entry>,
}

impl Merged {
    /// What the file added, for a reader; nothing where it added nothing.
    pub(crate) fn note(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        let named = |entry: &Entry| format!("{} (line {})", entry.option, entry.line);
        let all: Vec<String> = self.entries.iter().map(named).collect();
        (!all.is_empty())
            .then(|| format!("options from {}: {}", file.path.display(), all.join(", ")))
    }
}

/// Adds the options of the chosen file to a command line.
///
/// # Errors
///
/// Fails where that file cannot be read or used. A command line that is wrong by itself stays as it is.
pub(crate) fn merge(program: &Command, words: Vec<OsString>) -> Result<Merged, Problem> {
    let as_typed = |words| Merged {
        words,
        file: None,
        entries: Vec::new(),
    };
    let scout = program.clone().ignore_errors(true);
    let Ok(matches) = scout.try_get_matches_from(&words) else {
        return Ok(as_typed(words));
    };
    let (path, end) = command_words(program, &words);
    let none = path
        .first()
        .is_none_or(|name| keys::WITHOUT.contains(&name.as_str()));
    if none {
        return Ok(as_typed(words));
    }
    let Some(file) = File::read(&Choice::of(&matches), program)? else {
        return Ok(as_typed(words));
    };
    let (entries, added) = added(program, &path, &matches, &file);
    let mut words = words;
    words.splice(end..end, added);
    Ok(Merged {
        words,
        entries,
        file: Some(file),
    })
}

/// Which entries of the file apply to this command line, and the words for them.
pub(super) fn added(
    program: &Command,
    path: &[String],
    matches: &ArgMatches,
    file: &File,
) -> (Vec<Entry>, Vec<OsString>) {
    let mut built = program.clone();
    built.build();
    let Some((command, matches)) = below(&built, matches, path) else {
        return (Vec::new(), Vec::new());
    };
    let given = |arg: &Arg| {
        let source = matches.value_source(arg.get_id().as_str());
        matches!(
            source,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    // Flags take precedence, including flags that conflict with an option of the file.
    let may_stand = |entry: &&&Entry| {
        let arg = argument(command, &entry.option);
        arg.is_some_and(|arg| {
            let mut others = command.get_arguments().filter(|other| given(other));
            !given(arg) && !others.any(|other| conflict(command, arg, other))
        })
    };
    let said = file.of(path, command);
    let said: Vec<&Entry> = said.iter().filter(may_stand).copied().collect();
    let mut entries = Vec::new();
    let mut words = Vec::new();
    for entry in &said {
        let Some(arg) = argument(command, &entry.option) else {
            continue;
        };
        if !has_effect(&entry.option, command, matches, &said, &given) {
            continue;
        }
        entries.push((*entry).clone());
        for value in &entry.values {
            match (is_switch(arg), value.as_str()) {
                (true, "true") => words.push(format!("--{}", entry.option).into()),
                (true, _) => {}
                (false, value) => words.push(format!("--{}={value}", entry.option).into()),
            }
        }
    }
    (entries, words)
}

/// Whether an option of the file has an effect in this command line, beside the other options of the file (`said`).
fn has_effect(
    option: &str,
    command: &Command,
    matches: &ArgMatches,
    said: &[&Entry],
    given: &dyn Fn(&Arg) -> bool,
) -> bool {
    let needs = keys::needs(option).iter();
    let mut needs = needs
        .filter_map(|needs| Some((needs, argument(command, needs.option())?)))
        .peekable();
    if needs.peek().is_none() {
        return true;
    }
    needs.any(|(needs, arg)| match needs {
        keys::Needs::Value(_, value) => {
            let values = matches.get_raw(arg.get_id().as_str());
            values.is_some_and(|mut values| values.any(|one| one == *value))
        }
        keys::Needs::Switch(switch) => {
            let mut on = said.iter().filter(|entry| entry.values == ["true"]);
            given(arg)
                || on.any(|entry| entry.option == *switch)
                    && has_effect(switch, command, matches, said, given)
        }
    })
}

fn conflict(command: &Command, one: &Arg, other: &Arg) -> bool {
    let of = |one: &Arg, other: &Arg| {
        let conflicts = command.get_arg_conflicts_with(one);
        conflicts.iter().any(|arg| arg.get_id() == other.get_id())
    };
    of(one, other) || of(other, one)
}

/// The command of those words, and what was matched for it.
pub(super) fn below<'c, 'm>(
    program: &'c Command,
    matches: &'m ArgMatches,
    path: &[String],
) -> Option<(&'c Command, &'m ArgMatches)> {
    let (mut command, mut matches) = (program, matches);
    for name in path {
        command = command.find_subcommand(name)?;
        matches = matches.subcommand_matches(name)?;
    }
    Some((command, matches))
}

/// The words that name the command, and where the words after them begin.
fn command_words(program: &Command, words: &[OsString]) -> (Vec<String>, usize) {
    let (mut command, mut path, mut end) = (program, Vec::new(), 1);
    let mut at = 1;
    while let Some(word) = words.get(at) {
        at += 1;
        if word == "--config" {
            // Its value.
            at += 1;
        } else if !is_option(word) {
            let Some(below) = command.find_subcommand(word) else {
                break;
            };
            (command, end) = (below, at);
            path.push(below.get_name().to_owned());
        }
    }
    (path, end.min(words.len()))
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}
