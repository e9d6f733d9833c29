//! Reads a file of options, and checks it against the commands of the program.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command, error::ErrorKind};
use secure_scan::core::similar::similar;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    keys::{self, Kind},
    locate::Choice,
};
use crate::{files, problem::Problem};

/// Most bytes that are read of a file.
const MAX_BYTES: u64 = 1 << 16;

/// One option, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Command that it is for, such as `["guard", "test"]`; empty for all that have the option.
    pub(crate) command: Vec<String>,
    /// Long name of the option.
    pub(crate) option: String,
    /// Its values; `["true"]` or `["false"]` of an option without a value.
    pub(crate) values: Vec<String>,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A file of options that can be used.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) entries: Vec<Entry>,
}

impl File {
    /// Reads the file that was chosen, if there is one.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on what is not TOML, and on a key or a value that no command takes.
    pub(crate) fn read(choice: &Choice, program: &Command) -> Result<Option<Self>, Problem> {
        choice.check()?;
        let Some(path) = choice.file() else {
            return Ok(None);
        };
        let name = path.display().to_string();
        let hint = "name a readable file, or give --no-config; its format: docs/config.md";
        let what = "the options of";
        let text = files::read_some(&name, what, MAX_BYTES + 1, hint)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Problem::usage(
                format!("{name}: a file of options has at most {MAX_BYTES} bytes"),
                hint,
            ));
        }
        Self::parse(path, &text, program).map(Some)
    }

    fn parse(path: &Path, text: &str, program: &Command) -> Result<Self, Problem> {
        let mut program = program.clone();
        program.build();
        let mut reader = Reader {
            path,
            text,
            program: &program,
            entries: Vec::new(),
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            reader.wrong(&at, error.message())
        })?;
        reader.table(table.get_ref(), &program, &[])?;
        Ok(Self {
            path: path.to_owned(),
            entries: reader.entries,
        })
    }

    /// The entries for a command, of which those in its own table replace the others.
    pub(crate) fn of<'f>(&'f self, path: &[String], command: &Command) -> Vec<&'f Entry> {
        let own = |entry: &&Entry| entry.command == path;
        let shared = |entry: &&Entry| {
            let taken = argument(command, &entry.option).is_some();
            let mut replacing = self.entries.iter().filter(own);
            let replaced = replacing.any(|own| own.option == entry.option);
            entry.command.is_empty() && taken && !replaced
        };
        let shared = self.entries.iter().filter(shared);
        shared.chain(self.entries.iter().filter(own)).collect()
    }
}

/// The option of a command with that long name, if a user may give it.
pub(super) fn argument<'c>(command: &'c Command, option: &str) -> Option<&'c Arg> {
    let mut all = command.get_arguments();
    all.find(|arg| arg.get_long() == Some(option) && !arg.is_hide_set())
}

/// Whether an option takes no value.
pub(super) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    program: &'a Command,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn table(
        &mut self,
        table: &DeTable<'_>,
        command: &Command,
        path: &[String],
    ) -> Result<(), Problem> {
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), key.span());
            let below = command.find_subcommand(name);
            let below = below.filter(|c| !c.is_hide_set() && !keys::WITHOUT.contains(&name));
            match (value.get_ref(), below) {
                (DeValue::Table(table), Some(below)) => {
                    let path = [path, &[name.to_owned()]].concat();
                    self.table(table, below, &path)?;
                }
                (DeValue::Table(_), None) => {
                    let what = format!("there is no command {name:?}");
                    return Err(self.unknown(&at, &what, name, command));
                }
                // Some commands, such as policy, have the name of an option.
                (_, Some(_)) if !keys::kind(name).may_be_in_a_file() => {
                    let what =
                        format!("{name} is a command: expected a table, [{name}], of its options");
                    return Err(self.wrong(&at, &what));
                }
                _ => self.option(name, &at, value, command, path)?,
            }
        }
        Ok(())
    }

    fn option(
        &mut self,
        name: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
        command: &Command,
        path: &[String],
    ) -> Result<(), Problem> {
        let mut takers = Vec::new();
        if path.is_empty() {
            commands(self.program, &[], &mut takers);
        } else {
            takers.push((path.to_vec(), command));
        }
        takers.retain(|(_, command)| argument(command, name).is_some());
        let Some((_, first)) = takers.first() else {
            let what = match path {
                [] => format!("there is no option {name:?}"),
                path => format!("{} has no option {name:?}", path.join(" ")),
            };
            return Err(self.unknown(at, &what, name, command));
        };
        match keys::kind(name) {
            Kind::Secret => {
                let what = format!(
                    "{name} names something secret and cannot be in a file of options: give --{name} each time"
                );
                return Err(self.wrong(at, &what));
            }
            Kind::OneRun => {
                let what = format!(
                    "{name} belongs to one target or one run and cannot be in a file of options: give --{name} each time"
                );
                return Err(self.wrong(at, &what));
            }
            Kind::OfOne if path.is_empty() => {
                let of: Vec<String> = takers.iter().map(|(path, _)| path.join(".")).collect();
                let what = format!(
                    "{name} means something different for each command: put it into the table of one: [{}]",
                    of.join("], [")
                );
                return Err(self.wrong(at, &what));
            }
            Kind::OfOne | Kind::Shared => {}
        }
        let Some(arg) = argument(first, name) else {
            return Ok(());
        };
        let values = self.values(name, arg, value)?;
        if !is_switch(arg) {
            for (path, _) in &takers {
                self.taken(path, name, &values, &value.span())?;
            }
        }
        let (line, column) = place(self.text, at.start);
        self.entries.push(Entry {
            command: path.to_vec(),
            option: name.to_owned(),
            values,
            line,
            column,
        });
        Ok(())
    }

    /// The values of an option, as they would be typed.
    fn values(
        &self,
        name: &str,
        arg: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<String>, Problem> {
        let at = value.span();
        if is_switch(arg) {
            return match value.get_ref() {
                DeValue::Boolean(on) => Ok(vec![on.to_string()]),
                other => Err(self.wrong_type(&at, name, "true or false", other)),
            };
        }
        let one = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
            _ => None,
        };
        let many = matches!(arg.get_action(), ArgAction::Append);
        match value.get_ref() {
            DeValue::Array(items) if many => items
                .iter()
                .map(|item| {
                    let wrong =
                        || self.wrong_type(&item.span(), name, "text or a number", item.get_ref());
                    one(item.get_ref()).ok_or_else(wrong)
                })
                .collect(),
            other => {
                let expected = if many {
                    "text, a number or a list of them"
                } else {
                    "text or a number"
                };
                let wrong = || self.wrong_type(&at, name, expected, other);
                Ok(vec![one(other).ok_or_else(wrong)?])
            }
        }
    }

    /// Lets the parser of the option itself decide about the values.
    fn taken(
        &self,
        path: &[String],
        name: &str,
        values: &[String],
        at: &Range<usize>,
    ) -> Result<(), Problem> {
        let words = values.iter().map(|value| format!("--{name}={value}"));
        let line = ["secure-scan".to_owned()].into_iter();
        let line = line.chain(path.iter().cloned()).chain(words);
        let Err(error) = self.program.clone().try_get_matches_from(line) else {
            return Ok(());
        };
        let about_values = matches!(
            error.kind(),
            ErrorKind::InvalidValue
                | ErrorKind::ValueValidation
                | ErrorKind::TooManyValues
                | ErrorKind::TooFewValues
                | ErrorKind::WrongNumberOfValues
                | ErrorKind::NoEquals
        );
        if !about_values {
            return Ok(());
        }
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        // What follows the first paragraph is about a command line.
        let text = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        Err(self.wrong(at, &words.join(" ")))
    }

    fn wrong_type(
        &self,
        at: &Range<usize>,
        name: &str,
        expected: &str,
        value: &DeValue<'_>,
    ) -> Problem {
        let got = value.type_str();
        self.wrong(
            at,
            &format!("{name}: expected {expected}, not a value of type {got}"),
        )
    }

    /// An unknown key, with the one that was probably meant.
    fn unknown(&self, at: &Range<usize>, what: &str, name: &str, command: &Command) -> Problem {
        let mut known = Vec::new();
        let root = std::ptr::eq(command, self.program);
        let mut all = Vec::new();
        if root {
            commands(self.program, &[], &mut all);
        } else {
            all.push((Vec::new(), command));
        }
        for (_, command) in all {
            let longs = command.get_arguments().filter(|arg| !arg.is_hide_set());
            let longs = longs.filter_map(|arg| arg.get_long());
            known.extend(longs.filter(|long| match keys::kind(long) {
                Kind::Shared => true,
                Kind::OfOne => !root,
                Kind::Secret | Kind::OneRun => false,
            }));
        }
        let below = command.get_subcommands().map(Command::get_name);
        known.extend(below.filter(|name| !keys::WITHOUT.contains(name)));
        known.sort_unstable();
        known.dedup();
        let meant = similar(name, known);
        if meant.is_empty() {
            return self.wrong(at, what);
        }
        self.wrong(at, &format!("{what}; did you mean {}?", meant.join(" or ")))
    }

    fn wrong(&self, at: &Range<usize>, what: &str) -> Problem {
        let (line, column) = place(self.text, at.start);
        Problem::usage(
            format!("{}:{line}:{column}: {what}", self.path.display()),
            "correct the file (docs/config.md), or give --no-config",
        )
    }
}

/// Every command that is run, with the words that name it.
pub(super) fn commands<'c>(
    command: &'c Command,
    path: &[String],
    found: &mut Vec<(Vec<String>, &'c Command)>,
) {
    for below in command.get_subcommands() {
        let name = below.get_name();
        if below.is_hide_set() || keys::WITHOUT.contains(&name) {
            continue;
        }
        let path = [path, &[name.to_owned()]].concat();
        if below.has_subcommands() {
            commands(below, &path, found);
        } else {
            found.push((path, below));
        }
    }
}

/// Line and column of a byte, from one, in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default();
    (line, column.chars().count() + 1)
}

#[cfg(test)]
mod tests;
