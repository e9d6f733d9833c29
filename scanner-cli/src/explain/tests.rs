use clap::Parser as _;
use secure_scan::{ScanPlan, serde_json::Value};

use super::*;
use crate::cli::{Cli, Command};

fn args(more: &[&str]) -> ExplainArgs {
    let all = [&["secure-scan", "explain", "web-0"], more].concat();
    match Cli::try_parse_from(all).map(|cli| cli.command) {
        Ok(Command::Explain(args)) => args,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn the_docs_have_what_each_strategy_sees_and_needs() {
    let docs = include_str!("../../../docs/choosing.md");
    let docs: Vec<&str> = docs.split_whitespace().collect();
    let docs = docs.join(" ");
    for way in Way::ALL {
        let row = format!("| `{}` | {} | {} |", way.name(), way.sees(), way.needs());
        assert!(docs.contains(&row), "{row}");
    }
}

#[test]
fn a_command_of_a_level_can_be_called() {
    let report = include_str!("../../../tests/consumers/report.json");
    let report: Value = serde_json::from_str(report).unwrap();
    let plan: ScanPlan = serde_json::from_value(report["plan"].clone()).unwrap();
    let target = plan.target;
    for (first, next, start) in [
        (Way::Container, Some(Way::Image), "secure-scan scan "),
        (Way::Container, None, "secure-scan container "),
        (Way::Distroless, None, "secure-scan distroless "),
        (Way::Sidecar, None, "secure-scan sidecar "),
        (Way::Image, None, "secure-scan sidecar "),
    ] {
        for more in [
            &[][..],
            &[
                "--identity-namespace",
                "scans",
                "--context",
                "a b'c",
                "--probe-image",
                "r.example/probe:1",
            ],
        ] {
            let args = args(more);
            let line = words(&args, &target, true, (first, next));
            let line = shlex::try_join(line.iter().map(String::as_str)).unwrap();
            assert!(line.starts_with(start), "{line}");
            assert_eq!(line.contains(" --inert"), first == Way::Image, "{line}");
            let wanted = if more.is_empty() {
                "NAMESPACE"
            } else {
                "scans"
            };
            assert!(
                line.contains(&format!("--identity-namespace {wanted}")),
                "{line}"
            );
            // A placeholder is not a valid name of a namespace.
            let line = line
                .replace("NAMESPACE", "scans")
                .replace(" IMAGE", " image");
            let parsed = Cli::try_parse_from(shlex::split(&line).unwrap());
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }
}
