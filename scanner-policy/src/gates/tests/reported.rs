//! What a policy reports beside its decisions: its name, its requirements, and long lists.

use scanner_core::escape::visible;

use super::*;

#[test]
fn a_policy_is_named_with_its_version() {
    let gates = gates(Action::Warn);
    let named = format!("{} {}", gates.policy.name, gates.policy.version);
    assert_eq!(gates.reference(), named);
    assert!(named.starts_with("strict "), "{named}");
}

#[test]
fn each_fact_is_asked_for_by_its_own_gate() {
    for gate in [
        GateId::SiblingImages,
        GateId::ExposedService,
        GateId::NetworkPolicy,
    ] {
        let mut gates = gates(Action::Allow);
        gates.policy.gates.insert(gate, Action::Warn);
        let needs = gates.needs();
        assert_eq!(
            (needs.siblings, needs.services, needs.network_policies),
            (
                gate == GateId::SiblingImages,
                gate == GateId::ExposedService,
                gate == GateId::NetworkPolicy
            )
        );
    }
}

#[test]
fn every_required_control_is_passed_on() {
    let mut gates = gates(Action::Allow);
    gates.policy.require_controls = ["lease".to_owned(), "token".to_owned()].into();
    gates.policy.require_isolation = false;
    assert_eq!(gates.required_controls(), ["lease", "token"]);
}

#[test]
fn capabilities_that_the_policy_does_not_list_itself_are_not_reported_as_unused() {
    let (facts, _) = good();
    let mut gates = gates(Action::Abort);
    gates.policy.own_capabilities = false;
    assert_eq!(gates.unused(&facts), Vec::<String>::new());
}

#[test]
fn a_long_list_is_cut_and_says_how_much_is_not_shown() {
    let items: Vec<String> = (0..12).map(|n| format!("i{n}")).collect();
    assert_eq!(list(&items[..2]), "i0, i1");
    assert!(!list(&items[..10]).contains("more"));
    assert!(list(&items).ends_with("i9 and 2 more"), "{}", list(&items));
    assert_eq!(list(&["a\u{1b}[2J"]), visible("a\u{1b}[2J", 100));
}

#[test]
fn what_is_wrong_under_every_policy_aborts_even_where_it_is_allowed() {
    for action in [Action::Allow, Action::Warn, Action::Abort] {
        let decision = decide(action, Seen::Wrong("forged".into()));
        assert_eq!(
            decision,
            GateDecision::Abort {
                reason: "forged".into()
            }
        );
    }
}
