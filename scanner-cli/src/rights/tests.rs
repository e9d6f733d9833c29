use clap::Parser as _;
use secure_scan::{PrepareError, plan::Fallback};

use super::*;

#[test]
fn the_hint_of_a_missing_right_is_the_command_for_that_very_scan() {
    let report = include_str!("../../../tests/consumers/report.json");
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let mut plan: ScanPlan = serde_json::from_value(report["plan"].clone()).unwrap();
    let namespace = plan.target.namespace.clone();
    plan.identity_namespace = None;
    for (strategy, meant) in [
        ("container", "container"),
        ("distroless", "distroless"),
        ("sidecar", "sidecar"),
        ("sidecar-inert", "sidecar"),
        ("image", "image"),
        ("attached", "attached"),
        ("acme", "container"),
    ] {
        plan.strategy = strategy.into();
        let hint = command(&plan, Kind::Alone, None);
        let wanted = format!("secure-scan rights --strategy {meant} -n {namespace}");
        assert_eq!(hint, wanted);
        let parsed = crate::cli::Cli::try_parse_from(hint.split(' '));
        assert!(parsed.is_ok(), "{hint}: {parsed:?}");
    }
    assert!(command(&plan, Kind::Drift, None).contains("--strategy drift "));
    let completed = command(&plan, Kind::Completed, None);
    assert!(completed.ends_with(" --complete-from-image"), "{completed}");
    assert!(crate::cli::Cli::try_parse_from(completed.split(' ')).is_ok());
    let other = "helpers".parse().unwrap();
    let both = command(&plan, Kind::Completed, Some(&other));
    assert!(both.ends_with(" --complete-from-image --helper-namespace helpers"));
    assert!(crate::cli::Cli::try_parse_from(both.split(' ')).is_ok());
    plan.identity_namespace = Some("scans".parse().unwrap());
    assert!(command(&plan, Kind::Alone, None).ends_with(" --identity-namespace scans"));
    plan.fallback = Some(Box::new(Fallback {
        when: String::new(),
        plan: Some(plan.clone()),
        not_possible: None,
        remedy: None,
    }));
    assert!(command(&plan, Kind::Alone, None).contains("--strategy scan "));
}

#[test]
fn a_refused_scan_names_the_command_that_prints_its_rights() {
    let report = include_str!("../../../tests/consumers/report.json");
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let plan: ScanPlan = serde_json::from_value(report["plan"].clone()).unwrap();
    let hint = |plans: &[ScanPlan]| {
        let refused = crate::dry_run::forbidden(PrepareError::Lease(1), plans, Kind::Alone);
        refused.hint.unwrap_or_default()
    };
    let all = command(&plan, Kind::Alone, None);
    let words = hint(std::slice::from_ref(&plan));
    assert!(
        words.ends_with(&format!("; see all that you need: {all}")),
        "{words}"
    );
    assert!(!hint(&[]).contains("see all"));
}

fn needed_by(arguments: &str) -> Result<Vec<RightsIn>, Problem> {
    let words = format!("secure-scan rights -n shop {arguments}");
    let parsed = crate::cli::Cli::try_parse_from(words.split(' '));
    let parsed = parsed.map_err(|error| Problem::usage(error.to_string(), ""))?;
    let crate::cli::Command::Rights(args) = parsed.command else {
        unreachable!("rights");
    };
    let strategies = args.strategy.strategies(!args.no_try_image);
    needed(&args, &Apart::of(&args)?, strategies, "shop")
}

#[test]
fn each_namespace_of_a_completed_scan_has_its_role_and_no_more() {
    let makes_pods = |needed: &RightsIn| {
        let mut rules = needed.rights.rules.iter();
        rules.any(|rule| {
            rule.resources.contains(&"pods".to_owned()) && rule.verbs.contains(&"create".to_owned())
        })
    };
    let seen = |arguments: &str| {
        let all = needed_by(arguments).unwrap();
        let all = all.iter().map(|needed| {
            let place = needed.namespace.clone();
            (place, needed.role, makes_pods(needed))
        });
        all.collect::<Vec<_>>()
    };
    let of = |namespace: &str, role, pods| (namespace.to_owned(), role, pods);
    let (own, identity) = ("secure-scan-operator", "secure-scan-identity-operator");
    let helper = of("helpers", "secure-scan-helper-operator", true);
    let completed = "--complete-from-image";
    let elsewhere = "--complete-from-image --helper-namespace helpers";
    assert_eq!(seen(completed), [of("shop", own, true)]);
    assert_eq!(seen(elsewhere), [of("shop", own, false), helper.clone()]);
    assert_eq!(
        seen(&format!("{elsewhere} --identity-namespace ids")),
        [of("shop", own, false), of("ids", identity, false), helper]
    );
    let of_drift = seen("--strategy drift --helper-namespace helpers --no-try-image");
    assert_eq!(of_drift.len(), 2, "{of_drift:?}");
    assert_eq!(seen("--strategy drift").len(), 1);
    // The namespace of the targets counts as none.
    let same = seen(&format!("{completed} --helper-namespace shop"));
    assert_eq!(same, [of("shop", own, true)]);
    let both = needed_by(&format!("{elsewhere} --identity-namespace helpers"));
    assert!(both.unwrap_err().message.contains("helper namespace"));
}
