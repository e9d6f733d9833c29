//! `secure-scan config`: the options of a command with their values, and the source of each value.

use std::{ffi::OsString, fmt::Write as _};

use clap::{ArgMatches, Args, Command, Subcommand, ValueEnum, parser::ValueSource};
use secure_scan::{core::similar::similar, escape::visible};
use serde_json::{Value, json};

use super::{
    entries::{Entry, File, argument},
    locate::{Choice, VARIABLE},
    merge,
};
use crate::{output, problem::Problem};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each option of a command with its value and where it came from
    ///
    /// A value comes from a flag, an environment variable, a line of the file, or is the program's own default.
    /// Without a command, it prints the options in the file.
    Show(ShowArgs),
    /// Print which file is read
    Path,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Command whose options are shown, such as `container` or `guard test` [default: show the options in the
    /// file]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Format of the list
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    /// Arguments of the command, after `--`, to show the values that it would then have
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Text,
    /// For programs
    Json,
}

/// One option and its value.
struct Shown {
    option: String,
    /// Its values; empty where it has none.
    values: Vec<String>,
    from: From,
}

enum From {
    Flag,
    Environment(String),
    File(Entry),
    Default,
}

/// Runs `config`; `matches` are those of the whole command line.
pub(crate) fn run(
    config: ConfigCommand,
    matches: &ArgMatches,
    program: &Command,
) -> Result<u8, Problem> {
    let choice = Choice::of(matches);
    match config {
        ConfigCommand::Path => path(&choice),
        ConfigCommand::Show(args) => {
            let file = File::read(&choice, program)?;
            let text = if args.command.is_empty() {
                whole(file.as_ref(), &choice, args.output)
            } else {
                command(&args, file.as_ref(), &choice, program)?
            };
            output::print(&text)?;
            Ok(0)
        }
    }
}

fn path(choice: &Choice) -> Result<u8, Problem> {
    let text = match choice {
        Choice::Named(file) | Choice::Own(file) => format!("{}\n", file.display()),
        Choice::None | Choice::Nowhere => String::new(),
    };
    output::print(&text)?;
    output::note(match choice {
        Choice::None => "no file is read, because of --no-config or an empty SECURE_SCAN_CONFIG",
        Choice::Nowhere => "no file is read: neither XDG_CONFIG_HOME nor HOME names a folder",
        Choice::Own(file) if !file.exists() => "there is no such file, so none is read",
        Choice::Named(file) if !file.exists() => "there is no such file: every command refuses it",
        Choice::Named(_) | Choice::Own(_) => return Ok(0),
    });
    Ok(0)
}

/// Which file was read, for a reader.
fn head(file: Option<&File>, choice: &Choice) -> String {
    match (file, choice) {
        (Some(file), _) => format!("file: {}\n", file.path.display()),
        (None, Choice::None) => {
            format!("file: none, because of --no-config or an empty {VARIABLE}\n")
        }
        (None, Choice::Own(path)) => format!("file: none; {} does not exist\n", path.display()),
        (None, _) => "file: none\n".to_owned(),
    }
}

/// Prints every option in the file.
fn whole(file: Option<&File>, choice: &Choice, form: Form) -> String {
    let entries = file.map_or(&[][..], |file| &file.entries);
    match form {
        Form::Json => {
            let one = |entry: &Entry| {
                json!({
                    "command": (!entry.command.is_empty()).then(|| entry.command.join(" ")),
                    "option": entry.option,
                    "values": entry.values,
                    "line": entry.line,
                    "column": entry.column,
                })
            };
            let entries: Vec<Value> = entries.iter().map(one).collect();
            document(file, &json!({ "entries": entries }))
        }
        Form::Text => {
            let rows = entries.iter().map(|entry| {
                let of = match entry.command.join(" ") {
                    all if all.is_empty() => "all commands".to_owned(),
                    one => one,
                };
                let place = format!("line {}, {of}", entry.line);
                [entry.option.clone(), entry.values.join(", "), place]
            });
            table(&head(file, choice), "FOR", rows.collect())
        }
    }
}

/// The options of one command.
fn command(
    args: &ShowArgs,
    file: Option<&File>,
    choice: &Choice,
    program: &Command,
) -> Result<String, Problem> {
    let name = args.command.join(" ");
    let words = ["secure-scan"].into_iter().map(OsString::from);
    let words = words.chain(args.command.iter().map(OsString::from));
    let words = words.chain(args.arguments.iter().cloned());
    let scout = program.clone().ignore_errors(true);
    let mut built = program.clone();
    built.build();
    let matches = scout.try_get_matches_from(words);
    let found = matches.as_ref().ok();
    let found = found.and_then(|matches| merge::below(&built, matches, &args.command));
    let (Ok(whole), Some((command, matches))) = (&matches, found) else {
        return Err(unknown(&name, program));
    };
    if command.has_subcommands() {
        return Err(unknown(&name, program));
    }
    let entries = file.map(|file| merge::added(program, &args.command, whole, file).0);
    let entries = entries.unwrap_or_default();
    let shown: Vec<Shown> = shown(command, matches, &entries);
    Ok(match args.output {
        Form::Json => {
            let options: Vec<Value> = shown.iter().map(|one| one.json(file)).collect();
            document(file, &json!({ "command": name, "options": options }))
        }
        Form::Text => {
            let rows = shown.iter().map(|one| {
                let value = match one.values.join(", ") {
                    none if none.is_empty() => "-".to_owned(),
                    some => some,
                };
                [one.option.clone(), value, one.from.words()]
            });
            table(&head(file, choice), "FROM", rows.collect())
        }
    })
}

fn unknown(name: &str, program: &Command) -> Problem {
    let example = "name one as it is typed, such as: secure-scan config show container; all: secure-scan --help";
    let hint = match similar(name, names(program, "")).first() {
        Some(meant) => format!("did you mean {meant}? If not, {example}"),
        None => example.to_owned(),
    };
    Problem::usage(
        format!("there is no command {name:?} that has options"),
        hint,
    )
}

/// The commands that have options, as they are typed.
fn names(program: &Command, above: &str) -> Vec<String> {
    let below = program.get_subcommands().flat_map(|command| {
        let name = format!("{above}{}", command.get_name());
        if command.has_subcommands() {
            names(command, &format!("{name} "))
        } else {
            vec![name]
        }
    });
    below.collect()
}

fn shown(command: &Command, matches: &ArgMatches, entries: &[Entry]) -> Vec<Shown> {
    let none = ["config", "help", "no-config", "version"];
    let longs = command.get_arguments().filter_map(|arg| arg.get_long());
    let mut longs: Vec<&str> = longs.filter(|long| !none.contains(long)).collect();
    longs.sort_unstable();
    let one = |long: &str| {
        let arg = argument(command, long)?;
        let id = arg.get_id().as_str();
        let of_file = entries.iter().find(|entry| entry.option == long);
        let values = matches.get_raw(id).into_iter().flatten();
        let values = values.map(|value| value.to_string_lossy().into_owned());
        let (values, from) = match (of_file, matches.value_source(id)) {
            (Some(entry), _) => (entry.values.clone(), From::File(entry.clone())),
            (None, Some(ValueSource::CommandLine)) => (values.collect(), From::Flag),
            (None, Some(ValueSource::EnvVariable)) => {
                let name = arg.get_env().unwrap_or_default().to_string_lossy();
                (values.collect(), From::Environment(name.into_owned()))
            }
            _ => (values.collect(), From::Default),
        };
        Some(Shown {
            option: long.to_owned(),
            values,
            from,
        })
    };
    longs.into_iter().filter_map(one).collect()
}

impl Shown {
    fn json(&self, file: Option<&File>) -> Value {
        let source = match &self.from {
            From::Flag => json!({ "kind": "flag" }),
            From::Environment(name) => json!({ "kind": "environment", "name": name }),
            From::File(entry) => json!({
                "kind": "file",
                "path": file.map(|file| file.path.display().to_string()),
                "line": entry.line,
                "column": entry.column,
            }),
            From::Default => json!({ "kind": "default" }),
        };
        json!({ "option": self.option, "values": self.values, "source": source })
    }
}

impl From {
    fn words(&self) -> String {
        match self {
            Self::Flag => "flag".into(),
            Self::Environment(name) => format!("environment {name}"),
            Self::File(entry) => format!("file, line {}", entry.line),
            Self::Default => "default".into(),
        }
    }
}

fn document(file: Option<&File>, rest: &Value) -> String {
    let mut all = json!({ "file": file.map(|file| file.path.display().to_string()) });
    if let (Some(all), Some(rest)) = (all.as_object_mut(), rest.as_object()) {
        all.extend(rest.clone());
    }
    format!("{all:#}\n")
}

/// Rows below each other, after `head`.
fn table(head: &str, last: &str, rows: Vec<[String; 3]>) -> String {
    let heading = ["OPTION", "VALUE", last].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(heading)
        .chain(rows)
        .map(|row| row.map(|cell| visible(&cell, 200)))
        .collect();
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let (first, second) = (wide(0), wide(1));
    let mut text = head.to_owned();
    if rows.len() == 1 {
        return text;
    }
    text.push('\n');
    for [option, value, from] in &rows {
        let _ = writeln!(text, "{option:<first$}  {value:<second$}  {from}");
    }
    text
}
