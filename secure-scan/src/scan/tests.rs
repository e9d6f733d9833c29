//! Tests of what a template asks of a scan.

use scanner_core::{
    engine::Evaluation,
    finding::{CheckResult, EngineRef, Findings},
    inventory::{Inventory, InventoryRequest},
    target::PodSelection,
};
use scanner_k8s::scan::PrepareErrorKind;
use scanner_policy::{Level, Policy, Thresholds};

use super::*;

/// One check that fails.
struct Fails(&'static str);

impl ScanEngine for Fails {
    fn reference(&self) -> EngineRef {
        EngineRef::new(self.0, "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        let check = CheckResult::new("a", "A", Severity::Low);
        Findings::new(self.reference(), vec![check.fail(Vec::new())])
    }
}

fn template() -> Scan {
    Scan::template().engine(Fails("acme"))
}

fn request(scan: &Scan) -> ScanRequest {
    let target = TargetSelector::pod("shop", "web-0");
    scan.request(&target, "default")
        .unwrap_or_else(|error| unreachable!("{error}"))
}

fn policy(text: &str) -> Policy {
    let text = format!("name: own\nversion: '1'\ntitle: T\n{text}");
    Policy::parse(&text, "own.yaml", Some(Level::Baseline)).unwrap()
}

#[test]
fn a_policy_that_requires_isolation_requires_it_of_every_program() {
    let sidecar = template().strategy(strategy::sidecar("probe"));
    for (text, required) in [("require_isolation: true\n", true), ("", false)] {
        let asked = request(&sidecar.clone().policy(policy(text)));
        let Strategy::Sidecar(options) = asked.strategy else {
            unreachable!("another strategy");
        };
        assert_eq!(options.require_isolation, required, "{text:?}");
    }
    let own = strategy::sidecar("probe").require_isolation(true);
    let Strategy::Sidecar(options) = request(&template().strategy(own).policy(policy(""))).strategy
    else {
        unreachable!("another strategy");
    };
    assert!(options.require_isolation, "what a program requires stays");
}

#[test]
fn a_lease_is_never_moved_in_silence() {
    let seconds = |lease| request(&template().lease(lease)).lease_seconds;
    assert_eq!(seconds(Duration::from_secs(90)), 90);
    assert_eq!(seconds(Duration::from_millis(90_001)), 91);
    // These leases are out of bounds, so that prepare refuses them.
    assert_eq!(seconds(Duration::ZERO), 0);
    assert_eq!(seconds(Duration::MAX), u32::MAX);
}

#[test]
fn an_idle_timeout_is_passed_on_and_there_is_none_by_default() {
    assert_eq!(request(&template()).limits.idle_timeout, None);
    let time = Duration::from_millis(1500);
    let asked = request(&template().idle_timeout(time));
    assert_eq!(asked.limits.idle_timeout, Some(time));
    assert_eq!(
        request(&template().idle_timeout(None)).limits.idle_timeout,
        None
    );
}

#[test]
fn what_cannot_be_is_an_error_of_prepare() {
    let target = TargetSelector::pod("shop", "Web 0");
    let error = template().request(&target, "default").err();
    let kind = error.map(|error| error.kind());
    assert_eq!(kind, Some(PrepareErrorKind::Usage));
    let target = TargetSelector::pod("shop", "web-0");
    let error = Scan::template().request(&target, "default").err();
    assert!(matches!(error, Some(PrepareError::NoEngine)));
}

#[test]
fn thresholds_and_waivers_of_a_policy_are_those_of_the_first_engine() {
    let lax = Thresholds::inline("failed.total.max: 5").unwrap();
    let policy = ScanPolicy::from(policy("")).thresholds("inline", lax);
    let asked = request(&template().engine(Fails("other")).policy(policy));
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let found: Vec<Findings> = asked
        .engines
        .iter()
        .map(|engine| engine.evaluate(&Inventory::default(), &today))
        .collect();
    assert_eq!(found[0].engine.name, "acme");
    assert!(found[0].thresholds.is_some() && found[1].thresholds.is_none());
}

#[test]
fn a_severity_that_a_program_names_takes_the_place_of_the_policys() {
    let with = template().policy(policy("fail_on: medium\n"));
    assert_eq!(request(&with).threshold, Severity::Medium);
    assert_eq!(
        request(&with.threshold(Severity::Info)).threshold,
        Severity::Info
    );
    assert_eq!(request(&template()).threshold, Severity::High);
    let of_level = template().policy(policy(""));
    assert_eq!(request(&of_level).threshold, Severity::High);
}

#[test]
fn a_template_is_kept_for_many_targets() {
    let template = template();
    for name in ["web-0", "web-1"] {
        let target = TargetSelector::pod("shop", name).in_default_namespace();
        let asked = template.request(&target, "own").unwrap();
        assert_eq!(asked.target.namespace.as_str(), "own");
        assert!(matches!(asked.target.pod, PodSelection::Name(pod) if pod.as_str() == name));
    }
}
