//! `secure-scan profile`, and finding the profile that a scan uses.

mod options;

use std::fs;

use clap::Subcommand;
use secure_scan::{
    Profile, ProfileError, Remedy, ScanEngine as _,
    core::similar::similar,
    escape::visible,
    inventory::Section,
    profiles::{
        profile::{Options, ResolveError, Source, UnknownProfile},
        recording::Recording,
        testing::TestFile,
    },
};

use crate::{
    files::{MAX_BYTES, read_beside, read_named, read_some},
    output,
    problem::Problem,
    remedy::remedy_words,
};

pub(crate) use options::{ProfileOptions, save};

/// Most bytes that are read of a recording.
const MAX_RECORDING: u64 = 256 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the shipped profiles
    List,
    /// Print a shipped profile, to read it or as a start for your own
    Show {
        /// Name of a shipped profile
        name: String,
    },
    /// Check whether a profile can be used; each error has file, line and what was expected
    Check {
        /// File of the profile
        file: String,
    },
    /// Explain what a profile or one of its checks collects and why, and how to fix what it finds
    Explain {
        /// Shipped profile or file
        profile: String,
        /// Id of a check [default: all]
        check: Option<String>,
    },
    /// Test a profile on the inventories in a file, with the expected status of each check; exit code 1 if one
    /// differs
    Test {
        /// File of tests
        file: String,
    },
    /// Print the JSON Schema of profiles, for editors
    Schema,
}

pub(crate) fn run(command: ProfileCommand) -> Result<u8, Problem> {
    let text = match command {
        ProfileCommand::List => {
            let mut lines = Vec::new();
            for name in Profile::SHIPPED {
                let profile = load(name)?;
                let count = profile.ids().count();
                let title = profile.reference().title;
                lines.push(format!("{name}  {count} checks  {title}\n"));
            }
            lines.concat()
        }
        ProfileCommand::Show { name } => {
            Source::shipped(&name)
                .map_err(|error| unknown(&error))?
                .text
        }
        ProfileCommand::Check { file } => {
            let profile = check(source(&file)?)?;
            format!("{file}: {} checks, no errors\n", profile.ids().count())
        }
        ProfileCommand::Explain { profile, check } => {
            let compiled = load(&profile)?;
            compiled.explain(check.as_deref()).ok_or_else(|| {
                let check = check.unwrap_or_default();
                let meant = similar(&check, compiled.ids());
                let all = format!("list them: secure-scan profile explain {profile}");
                Problem::usage(
                    format!("profile {profile} has no check {check:?}"),
                    remedy_words(&Remedy::did_you_mean(&meant, Remedy::advice(all))),
                )
            })?
        }
        ProfileCommand::Test { file } => return test(&file),
        ProfileCommand::Schema => Profile::json_schema(),
    };
    output::print(&text).map(|()| 0)
}

fn test(file: &str) -> Result<u8, Problem> {
    let hint = "the format is described in docs/profiles.md";
    let wrong = |message: String| Problem::usage(message, hint);
    let text = read_some(
        file,
        "the tests",
        MAX_BYTES,
        "name a readable file of tests; the format is described in docs/profiles.md",
    )?;
    let tests = TestFile::parse(&text, file).map_err(|error| wrong(error.to_string()))?;
    let beside = resolve(&tests.profile, file).map_err(|error| wrong(error.to_string()))?;
    let profile = compile(beside, &tests.options())?;
    let recording = match &tests.recording {
        None => None,
        Some(name) => {
            let hint = "name a file that --save-inventory wrote, in the folder of the tests";
            let found = read_beside(name, file, MAX_RECORDING);
            let (path, text) = found
                .map_err(|error| Problem::usage(format!("{file}: the recording: {error}"), hint))?;
            Some(Recording::parse(&text).map_err(|e| wrong(format!("{path}: {e}")))?)
        }
    };
    let outcomes = tests.run(&profile, recording.as_ref());
    let outcomes = outcomes.map_err(|e| wrong(format!("{file}: {e}")))?;
    let mut text = String::new();
    for outcome in &outcomes {
        let word = if outcome.wrong.is_empty() {
            "ok"
        } else {
            "DIFFERS"
        };
        text.push_str(&line(&format!("{word}  {}", outcome.case)));
        for wrong in &outcome.wrong {
            text.push_str(&line(&format!("    {wrong}")));
        }
    }
    let failed = outcomes.iter().filter(|o| !o.wrong.is_empty()).count();
    text.push_str(&line(&format!("{} cases, {failed} differ", outcomes.len())));
    output::print(&text)?;
    Ok(u8::from(failed > 0))
}

fn line(text: &str) -> String {
    format!("{}\n", visible(text, 2000))
}

/// The shipped profile of that name, or the file, without any options.
pub(crate) fn load(name: &str) -> Result<Profile, Problem> {
    load_with(name, &ProfileOptions::default())
}

/// Whether a scan with it collects that section.
pub(crate) fn collects(profile: &Profile, section: Section) -> bool {
    profile.request().sections.contains(&section)
}

/// The same with the options of a scan.
pub(crate) fn load_with(name: &str, options: &ProfileOptions) -> Result<Profile, Problem> {
    let is_file = name.contains(['/', '.']) || fs::metadata(name).is_ok();
    let source = match Source::shipped(name) {
        Ok(shipped) => shipped,
        Err(_) if is_file => source(name)?,
        Err(error) => return Err(unknown(&error)),
    };
    load_source(source, options)
}

/// The same for a text that was read.
pub(crate) fn load_source(source: Source, options: &ProfileOptions) -> Result<Profile, Problem> {
    compile(source, &options.resolved())
}

fn compile(source: Source, options: &Options) -> Result<Profile, Problem> {
    let profile = Profile::compile(source, &resolve, options);
    let profile = profile.map_err(|error| refused(&[error]))?;
    warn(&profile);
    Ok(profile)
}

/// The same without options; reports everything that is wrong.
fn check(source: Source) -> Result<Profile, Problem> {
    let options = ProfileOptions::default().resolved();
    let profile = Profile::check(source, &resolve, &options);
    let profile = profile.map_err(|errors| refused(&errors))?;
    warn(&profile);
    Ok(profile)
}

fn warn(profile: &Profile) {
    for warning in profile.warnings() {
        output::note(&format!("warning: {}", warning.0));
    }
}

/// What a profile extends: a shipped one, or a file beside it.
fn resolve(name: &str, from: &str) -> Result<Source, ResolveError> {
    if let Ok(shipped) = Source::shipped(name) {
        return Ok(shipped);
    }
    let (file, text) = read_beside(name, from, MAX_BYTES).map_err(ResolveError::new)?;
    Ok(Source::new(file, text))
}

/// Shows each error once: with its place, or alone where it is of the whole.
fn refused(errors: &[ProfileError]) -> Problem {
    let mut whole = Vec::new();
    for error in errors {
        if !output::excerpt(error) {
            whole.push(error.to_string());
        }
    }
    let file = errors.first().map_or("", |error| &error.file);
    let message = match (errors.len(), whole.as_slice()) {
        (_, [only]) => only.clone(),
        (1, _) => format!("profile {file} cannot be used"),
        (count, _) => format!("profile {file} cannot be used: {count} errors"),
    };
    let asked = errors.iter().any(|error| error.asked);
    Problem::usage(
        message,
        if asked {
            format!("list them: secure-scan profile explain {file}")
        } else {
            "correct the profile; for a working one: secure-scan profile show container-baseline"
                .into()
        },
    )
}

fn source(file: &str) -> Result<Source, Problem> {
    Ok(Source::new(file, read(file)?))
}

fn read(file: &str) -> Result<String, Problem> {
    let hint = "name a readable file, or a shipped one: secure-scan profile list";
    read_named(file, "the profile", hint)
}

fn unknown(error: &UnknownProfile) -> Problem {
    let hint = "see: secure-scan profile list; or name the path of a file";
    Problem::usage(error.to_string(), hint)
}
