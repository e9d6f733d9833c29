//! `secure-scan policy`, and the parts of a policy that a scan uses: gates, thresholds, waivers.

mod signature;

use std::{fmt::Write as _, path::Path};

use clap::{Args, Subcommand};
use secure_scan::{
    FindingRules, Level, Policy, ProfileError, SHIPPED_CONTROLS, ScanPolicy, Thresholds, Waivers,
    core::similar::similar,
    escape::visible,
    finding::Severity,
    profiles::{
        policy::{Action, GateId, LEVELS, Signer},
        profile::Source,
    },
};
use signature::SignatureArgs;

use crate::{
    files::{read_for_policy, read_named},
    output,
    problem::Problem,
    profile::{self, ProfileOptions},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Shipped policy or file with gates, required controls, thresholds and waivers [default: hardened]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) policy: Option<String>,
    /// Level that the policy starts from: baseline, hardened or strict [default: the policy's own, or hardened]
    #[arg(long, value_parser = level)]
    pub(crate) level: Option<Level>,
    #[command(flatten)]
    pub(crate) findings: FindingArgs,
    #[command(flatten)]
    pub(crate) signature: SignatureArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FindingArgs {
    /// Waiver file in the format of InSpec; each waiver must have an expiration date and a justification
    #[arg(long, value_name = "FILE")]
    pub(crate) waivers: Option<String>,
    /// Thresholds in the format of the SAF CLI: a file, or inline such as '{failed.total.max: 0}'
    #[arg(long, value_name = "FILE|INLINE")]
    pub(crate) threshold: Option<String>,
    /// Lowest severity at which a failed check is a finding: info, low, medium, high or critical. Checks that
    /// fail below it are warnings [default: the policy's own, or high]
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// Fail the scan (exit code 3) unless everything that its checks ask for was read, as level strict does. Without it, exit
    /// code 0 is also that of a scan that passed with paths not read, which its line with the verdict counts. A drift scan
    /// always needs all files of both sides that may differ, with this option also the capabilities of programs, and never
    /// files on mounts
    #[arg(long)]
    pub(crate) require_complete: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the shipped policies
    List,
    /// Print a shipped policy, to read it or as a start for your own
    Show {
        /// Name of a shipped policy
        name: String,
    },
    /// Check whether a policy can be used; each error has file, line and what was expected
    Check {
        /// File of the policy
        file: String,
    },
    /// Explain what every gate checks, and what a policy does when it objects
    Explain {
        /// Shipped policy or file
        #[arg(default_value = "hardened")]
        policy: String,
    },
}

/// The parts of a policy that a scan uses.
pub(crate) struct Decided {
    /// The policy, with the values that arguments replace.
    pub(crate) policy: ScanPolicy,
    /// Profile that is taken when none is named.
    pub(crate) profile: Option<Source>,
}

/// The shipped profile that a policy names, or a file.
fn profile_of(policy: &str, name: &str) -> Result<Source, Problem> {
    if let Ok(shipped) = Source::shipped(name) {
        return Ok(shipped);
    }
    let (file, text) = read_for_policy(name, policy, "the profile")?;
    Ok(Source::new(file, text).named_by_a_file())
}

/// The waivers that a policy names.
fn waivers_of(policy: &str, name: &str) -> Result<Waivers, Problem> {
    let (file, text) = read_for_policy(name, policy, "the waivers")?;
    Waivers::parse(&text, &file).map_err(|error| {
        let place = match error.line {
            0 => String::new(),
            line => format!(" (line {line})"),
        };
        // The file may be anything that the author of the policy wants to have printed.
        Problem::usage(
            format!("{policy}: {name:?} is not a waiver file{place}; its text is not shown"),
            "to see what is wrong with it, pass it with --waivers",
        )
    })
}

fn level_names() -> impl Iterator<Item = &'static str> {
    LEVELS.iter().map(|(name, _)| *name)
}

fn level(text: &str) -> Result<Level, String> {
    match text {
        "baseline" => Ok(Level::Baseline),
        "hardened" => Ok(Level::Hardened),
        "strict" => Ok(Level::Strict),
        _ => Err(match similar(text, level_names()).first() {
            Some(meant) => format!("did you mean {meant}?"),
            None => "expected baseline, hardened or strict".into(),
        }),
    }
}

/// Reads everything that the arguments name.
pub(crate) fn decide(args: &PolicyArgs) -> Result<Decided, Problem> {
    let policy = load(args.policy.as_deref(), args.level)?;
    let file = args.policy.as_deref().unwrap_or_default();
    let signature = signature::read(&args.signature, &policy, file)?;
    let profile = policy.profile.as_ref().map(|name| profile_of(file, name));
    let profile = profile.transpose()?;
    let found = match (&args.findings.waivers, &policy.waivers) {
        (Some(given), _) => Some(waivers(given)?),
        (None, Some(name)) => Some(waivers_of(file, name)?),
        (None, None) => None,
    };
    let mut decided = ScanPolicy::new(policy).signature(signature);
    if let Some(found) = found {
        decided = decided.waivers(found);
    }
    if let Some(given) = &args.findings.threshold {
        let (source, thresholds) = thresholds(given)?;
        decided = decided.thresholds(source, thresholds);
    }
    if let Some(severity) = args.findings.fail_on {
        decided = decided.fail_on(severity);
    }
    if args.findings.require_complete {
        decided = decided.require_complete(true);
    }
    Ok(Decided {
        policy: decided,
        profile,
    })
}

/// The rules for findings where no policy is given.
pub(crate) fn finding_rules(args: &FindingArgs) -> Result<FindingRules, Problem> {
    let rules = FindingRules::default().with_fail_on(args.fail_on);
    let mut rules = rules.with_complete(args.require_complete);
    if let Some(file) = &args.waivers {
        rules = rules.with_waivers(waivers(file)?);
    }
    if let Some(given) = &args.threshold {
        let (source, thresholds) = thresholds(given)?;
        rules = rules.with_thresholds(source, thresholds);
    }
    Ok(rules)
}

fn waivers(file: &str) -> Result<Waivers, Problem> {
    let hint = "name a readable file of waivers; its format: docs/policy.md";
    let text = read_named(file, "the waivers", hint)?;
    Waivers::parse(&text, file).map_err(|error| {
        Problem::usage(
            error.to_string(),
            "correct the file; its format: docs/policy.md",
        )
    })
}

fn thresholds(given: &str) -> Result<(String, Thresholds), Problem> {
    let hint = "correct it; the format is that of saf validate threshold: docs/policy.md";
    if given.contains(':') && !Path::new(given).exists() {
        let inline = Thresholds::inline(given);
        let inline =
            inline.map_err(|error| Problem::usage(format!("--threshold: {error}"), hint))?;
        return Ok(("inline".into(), inline));
    }
    let text = read_named(
        given,
        "the thresholds",
        "name a readable file, or write them inline, as in '{failed.total.max: 0}'",
    )?;
    let parsed = Thresholds::parse(&text, given);
    let parsed = parsed.map_err(|error| Problem::usage(error.to_string(), hint))?;
    Ok((given.to_owned(), parsed))
}

/// The shipped policy of that name, or the file.
///
/// # Errors
///
/// Fails if there is none, or if it cannot be used.
pub(crate) fn named(name: &str) -> Result<Policy, Problem> {
    load(Some(name), None)
}

/// The shipped policy of that name, or the file; the level's own where none is named.
fn load(name: Option<&str>, from: Option<Level>) -> Result<Policy, Problem> {
    let wrong = |error: ProfileError| {
        Problem::usage(
            error.to_string(),
            "correct the policy; for a working one: secure-scan policy show hardened",
        )
    };
    let Some(name) = name else {
        return Policy::shipped(from.unwrap_or_default()).map_err(wrong);
    };
    match level(name) {
        Ok(shipped) if from.is_none_or(|l| l == shipped) => Policy::shipped(shipped).map_err(wrong),
        Ok(_) => Err(Problem::usage(
            format!("--policy {name} is a level of its own"),
            "give --policy or --level, or a policy file with --level",
        )),
        Err(_) if !name.contains(['/', '.']) && std::fs::metadata(name).is_err() => {
            Err(Problem::usage(
                format!("there is no policy {name:?}; shipped are: baseline, hardened, strict"),
                match similar(name, level_names()).first() {
                    Some(meant) => format!(
                        "did you mean {meant}? If not, name one of them, or the path of a file"
                    ),
                    None => "name one of them, or the path of a file".to_owned(),
                },
            ))
        }
        Err(_) => {
            let hint = "name a readable file, or a shipped one: secure-scan policy list";
            let text = read_named(name, "the policy", hint)?;
            let policy = Policy::parse(&text, name, from).map_err(wrong)?;
            // This program has no controls of its own.
            let known = SHIPPED_CONTROLS.map(|control| control.id);
            let only = policy.requires_only(&known, &text, name);
            only.map_err(|error| {
                Problem::usage(error.to_string(), "list the controls: secure-scan controls")
            })?;
            Ok(policy)
        }
    }
}

pub(crate) fn run(command: PolicyCommand) -> Result<u8, Problem> {
    let text = match command {
        PolicyCommand::List => {
            let mut text = String::new();
            for (name, _) in LEVELS {
                let policy = load(Some(name), None)?;
                let _ = writeln!(text, "{name:<9} {}", policy.title);
            }
            text
        }
        PolicyCommand::Show { name } => match LEVELS.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => (*text).to_owned(),
            None => {
                return Err(Problem::usage(
                    format!("there is no shipped policy {name:?}"),
                    match similar(&name, level_names()).first() {
                        Some(meant) => {
                            format!("did you mean {meant}? If not, see: secure-scan policy list")
                        }
                        None => "see: secure-scan policy list".to_owned(),
                    },
                ));
            }
        },
        PolicyCommand::Check { file } => {
            let policy = load(Some(&file), None)?;
            signature::check(&policy, &file)?;
            if let Some(name) = &policy.waivers {
                waivers_of(&file, name)?;
            }
            if let Some(name) = &policy.profile {
                profile::load_source(profile_of(&file, name)?, &ProfileOptions::default())?;
            }
            format!(
                "{file}: policy {} {}, no errors\n",
                shown(&policy.name),
                shown(&policy.version)
            )
        }
        PolicyCommand::Explain { policy } => explain(&load(Some(&policy), None)?),
    };
    output::print(&text).map(|()| 0)
}

/// Text of the author on one line, so that it forges no other, and as it may be shown.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible(&words.join(" "), 500)
}

fn explain(policy: &Policy) -> String {
    let mut text = format!(
        "Policy {} {}: {}\n",
        shown(&policy.name),
        shown(&policy.version),
        shown(&policy.title)
    );
    let mut group = "";
    for gate in GateId::ALL {
        if gate.group() != group {
            group = gate.group();
            let _ = writeln!(text, "\nGates: {group}");
        }
        let action = match policy.action(*gate) {
            Action::Allow => "allow",
            Action::Warn => "warn",
            Action::Abort => "abort",
        };
        let _ = writeln!(text, "  {action:<5}  {:<21}{}", gate.name(), gate.about());
    }
    let list = |items: Vec<&str>| {
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.into_iter().map(shown).collect::<Vec<_>>().join(", ")
        }
    };
    let strings = |items: &[String]| list(items.iter().map(String::as_str).collect());
    let registries = policy.registries.as_deref();
    let signer = match &policy.signature {
        None => "not said".into(),
        Some(Signer::Key(file)) => format!("the key of {}", shown(file)),
        Some(Signer::Keyless {
            trusted_root,
            certificate_identity,
            certificate_oidc_issuer,
        }) => format!(
            "{} ({}), by the authorities of {}",
            shown(certificate_identity),
            shown(certificate_oidc_issuer),
            shown(trusted_root)
        ),
    };
    let _ = writeln!(
        text,
        "\nRegistries: {}\nSigned by: {signer}\nAllowed capabilities: {}\nAllowed host paths: {}\nAllowed evidence: {}\nRequired controls: {}{}",
        registries.map_or("all".into(), strings),
        strings(&policy.allow_capabilities),
        strings(&policy.allow_host_paths),
        list(policy.allow_evidence.iter().map(String::as_str).collect()),
        list(policy.require_controls.iter().map(String::as_str).collect()),
        if policy.require_isolation {
            "; isolation of what a scan starts"
        } else {
            ""
        },
    );
    if policy.require_complete {
        text.push_str("A check passes only if everything that it asks for was read\n");
    }
    let _ = match (policy.thresholds.is_some(), policy.own_fail_on) {
        (true, false) => writeln!(text, "Thresholds decide which failed checks are findings"),
        (beside, _) => writeln!(
            text,
            "A failed check is a finding from: {}{}",
            policy.fail_on,
            if beside {
                "; thresholds must hold too"
            } else {
                ""
            }
        ),
    };
    text
}

#[cfg(test)]
mod tests;
