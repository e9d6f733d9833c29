//! `secure-scan controls`: what surrounds a scan.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use secure_scan::{Policy, SHIPPED_CONTROLS, ShippedControl, profiles::policy::Level};
use serde_json::json;

use crate::{output, problem::Problem};

#[derive(Debug, Args)]
pub(crate) struct ControlsArgs {
    /// Format of the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A list for people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(crate) fn run(args: &ControlsArgs) -> Result<u8, Problem> {
    let levels = levels()?;
    let text = match args.format {
        Format::Text => text(&levels),
        Format::Json => json_of(&levels),
    };
    output::print(&text).map(|()| 0)
}

/// Each level and what it requires.
fn levels() -> Result<Vec<(&'static str, Policy)>, Problem> {
    let all = [Level::Baseline, Level::Hardened, Level::Strict];
    let load = |level: Level| {
        let policy = Policy::shipped(level);
        let policy = policy.map_err(|error| Problem::usage(error.to_string(), ""))?;
        Ok((level.name(), policy))
    };
    all.into_iter().map(load).collect()
}

/// The levels that require it.
fn requiring(control: ShippedControl, levels: &[(&'static str, Policy)]) -> Vec<&'static str> {
    let requires = |policy: &Policy| {
        // A scan that starts no pod does not have this control, and does not need it.
        let isolated = control.id == "network" && policy.require_isolation;
        isolated || policy.require_controls.contains(control.id)
    };
    let levels = levels.iter().filter(|(_, policy)| requires(policy));
    levels.map(|(name, _)| *name).collect()
}

fn text(levels: &[(&'static str, Policy)]) -> String {
    let mut text = String::new();
    for control in SHIPPED_CONTROLS {
        let required = match requiring(control, levels).join(", ") {
            none if none.is_empty() => "no level".into(),
            some => some,
        };
        let _ = writeln!(
            text,
            "{}\n  proves:       {}\n  present in:   {}\n  required by:  {required}",
            control.id, control.proves, control.scans
        );
    }
    text.push_str(
        "\nA policy requires controls with require_controls. A report says of each what was seen.\n",
    );
    text
}

fn json_of(levels: &[(&'static str, Policy)]) -> String {
    let controls = SHIPPED_CONTROLS.map(|control| {
        json!({
            "id": control.id,
            "proves": control.proves,
            "present_in": control.scans,
            "required_by": requiring(control, levels),
        })
    });
    format!("{:#}\n", json!({ "controls": controls }))
}
