//! An explanation for a reader.

use std::fmt::Write as _;

use secure_scan::{
    escape::visible,
    explain::{Explanation, Guard, LevelExplained, StrategyExplained},
    gate::{GateDecision, GateResult},
    guard::GUARD_NAME,
};

use crate::remedy::remedy_words;

/// Longest text in a line: a command that is cut cannot be called.
const MOST: usize = 4000;

/// The whole text; `command` has the command of each level.
pub(super) fn of(
    explained: &Explanation,
    command: impl Fn(&LevelExplained) -> Option<String>,
) -> String {
    let mut out = format!(
        "How {} can be scanned (nothing was written)\n",
        explained.target
    );
    for choice in &explained.target_choice {
        line(&mut out, "chosen", choice);
    }
    for strategy in &explained.strategies {
        of_strategy(&mut out, strategy);
    }
    out.push_str("\nWho else could act as the identity of a scan\n");
    for who in &explained.identity {
        let _ = writeln!(out, "  - {}", visible(who, MOST));
    }
    if explained.identity.is_empty() {
        out.push_str("  not known\n");
    }
    out.push_str("\nAdmission guard\n");
    let guard = match &explained.guard {
        Guard::Installed => "installed, for all namespaces".to_owned(),
        Guard::NotFound => {
            format!(
                "none is named {GUARD_NAME}; guards of other names were not looked for: secure-scan guard status --name NAME"
            )
        }
        Guard::Unknown { reason } => format!("not known: {}", visible(reason, MOST)),
        _ => {
            "differs from what this version renders for all namespaces; see: secure-scan guard status"
                .to_owned()
        }
    };
    let _ = writeln!(out, "  {guard}");
    for level in &explained.levels {
        of_level(&mut out, level, command(level));
    }
    out
}

fn line(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {name:<10}{}", visible(value, MOST));
}

fn of_strategy(out: &mut String, strategy: &StrategyExplained) {
    let _ = writeln!(out, "\nStrategy {}", strategy.strategy);
    line(out, "sees", strategy.sees);
    if let Some(why) = &strategy.not_possible {
        line(out, "not here", why);
        if let Some(remedy) = &strategy.remedy {
            line(out, "hint", &remedy_words(remedy));
        }
        return;
    }
    for other in &strategy.not_scanned {
        line(out, "not seen", other);
    }
    for difference in &strategy.differences {
        line(out, "differs", difference);
    }
    line(out, "needs", strategy.needs);
    for right in &strategy.missing_rights {
        line(out, "missing", &format!("you may not: {right}"));
    }
    if let Some(evidence) = &strategy.evidence {
        line(out, "evidence", &evidence.sentence());
    }
    let levels = strategy.evidence_accepted_by.iter();
    let levels: Vec<&str> = levels.map(|level| level.name()).collect();
    line(
        out,
        "accepted",
        &format!("this evidence, at level {}", levels.join(", ")),
    );
    if strategy.leaves.is_empty() {
        line(out, "leaves", "nothing");
    }
    for what in &strategy.leaves {
        line(out, "leaves", what);
    }
    let controls = strategy.controls.iter();
    let controls: Vec<&str> = controls.map(|control| control.id.as_str()).collect();
    line(out, "planned", &format!("controls {}", controls.join(", ")));
    for absent in &strategy.absent_controls {
        line(out, "without", &format!("{}: {}", absent.id, absent.why));
    }
}

fn of_level(out: &mut String, level: &LevelExplained, command: Option<String>) {
    let _ = writeln!(out, "\nLevel {}", level.level.name());
    if let Some(why) = &level.not_possible {
        line(out, "not here", why);
    }
    for gate in &level.refused_by {
        line(out, "refused", &refusal(gate));
    }
    if let (Some(strategy), true) = (level.strategy, level.is_possible()) {
        line(out, "strategy", strategy.name());
        if let Some(reason) = &level.reason {
            line(out, "", reason);
        }
    }
    if let Some(next) = level.fallback {
        line(out, "no shell", next.name());
    }
    if let Some(why) = &level.fallback_not_possible {
        line(out, "no shell", why);
    }
    if level.needs_identity_namespace {
        line(
            out,
            "needs",
            "a namespace for the identity, in which the owners of the target have no rights",
        );
    }
    for right in &level.missing_rights {
        line(out, "missing", &format!("you may not: {right}"));
    }
    if let Some(command) = command {
        line(out, "command", &command);
    }
}

fn refusal(gate: &GateResult) -> String {
    match &gate.decision {
        GateDecision::Abort { reason } => format!("by gate {}: {reason}", gate.id),
        _ => format!("by gate {}", gate.id),
    }
}
