//! Tests of gates: for each, facts that it is content with and facts that it objects to.

use scanner_core::{
    Target,
    gate::{Known, Limit, NetworkPolicyFact, ServiceFact, Siblings},
    inventory::{Collected, PodFacts},
};

use super::*;
use crate::Level;

mod reported;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A pod with which every gate is content but for the signature.
fn good() -> (GateFacts, ScanPlan) {
    let image = format!("ghcr.io/acme/web:1@{A}");
    let mut facts = GateFacts {
        running_uid: Some(1000),
        siblings: Known::Known(Siblings::default()),
        services: Known::Known(vec![]),
        network_policies: Known::Known(vec![NetworkPolicyFact {
            name: "deny".into(),
            ingress: Limit::Limits,
            egress: Limit::Limits,
        }]),
        ..GateFacts::default()
    };
    facts.pod = Collected::Complete {
        data: PodFacts {
            image: image.clone(),
            seccomp_profile: "RuntimeDefault".into(),
            ..PodFacts::default()
        },
    };
    let plan = ScanPlan {
        differences: vec![],
        evidence: Some(EvidenceSource::independent("nothing of it runs")),
        not_scanned: vec![],
        target_choice: vec![],
        connection: vec![],
        missing_rights: vec![],
        scan_id: "abcd1234".parse().unwrap(),
        target: Target {
            form: TargetForm::Container,
            namespace: "shop".parse().unwrap(),
            pod: "web-0".parse().unwrap(),
            pod_uid: "uid".into(),
            container: "web".parse().unwrap(),
            container_id: "containerd://1".into(),
            image,
            image_id: format!("ghcr.io/acme/web@{A}"),
            node: "node".into(),
            restarts: 0,
        },
        image_of: None,
        strategy: "container".into(),
        reason: None,
        profile: "p 1".into(),
        policy: None,
        gates: vec![],
        lease_seconds: 60,
        identity_namespace: None,
        object_metadata: scanner_core::ObjectMetadata::default(),
        objects: vec![],
        rules: vec![],
        commands: vec![],
        controls: vec![],
        fallback: None,
    };
    (facts, plan)
}

/// The facts of the pod, to change them.
fn pod(facts: &mut GateFacts) -> &mut PodFacts {
    match &mut facts.pod {
        Collected::Complete { data } => data,
        other => unreachable!("{other:?}"),
    }
}

fn gates(action: Action) -> PolicyGates {
    let mut policy = Policy::shipped(Level::Strict).unwrap();
    policy.require_controls.clear();
    policy.registries = Some(vec!["ghcr.io/acme".into()]);
    for gate in GateId::ALL {
        policy.gates.insert(*gate, action);
    }
    PolicyGates {
        policy,
        signature: None,
    }
}

fn decision(gate: GateId, action: Action, facts: &GateFacts, plan: &ScanPlan) -> GateDecision {
    let results = gates(action).decide(facts, plan);
    let found = results.into_iter().find(|r| r.id == gate.name());
    found.unwrap().decision
}

type Change = fn(&mut GateFacts, &mut ScanPlan);

/// Every gate but the signature with facts that it objects to.
const OBJECTIONS: &[(GateId, Change)] = &[
    (GateId::TargetPinned, |_, p| p.target.container_id.clear()),
    (GateId::TargetPinned, |_, p| p.target.pod_uid.clear()),
    (GateId::SpecDigest, |_, p| {
        p.target.image_id = format!("ghcr.io/acme/web@{B}");
    }),
    (GateId::SpecDigest, |_, p| {
        p.target.image_id = "ghcr.io/acme/web:1".into();
    }),
    (GateId::SiblingImages, |f, _| {
        f.siblings = Known::Known(Siblings {
            owner: Some("ReplicaSet web".into()),
            images: vec![("web-1".into(), format!("ghcr.io/acme/web@{B}"))],
            more: false,
        });
    }),
    (GateId::SiblingImages, |f, _| {
        f.siblings = Known::Known(Siblings {
            owner: Some("ReplicaSet web".into()),
            images: vec![],
            more: true,
        });
    }),
    (GateId::SiblingImages, |f, _| {
        f.siblings = Known::Unknown("may not list".into());
    }),
    (GateId::Privileged, |f, _| {
        pod(f).privileged = true;
    }),
    (GateId::HostPid, |f, _| {
        pod(f).host_pid = true;
    }),
    (GateId::HostIpc, |f, _| {
        pod(f).host_ipc = true;
    }),
    (GateId::HostNetwork, |f, _| {
        pod(f).host_network = true;
    }),
    (GateId::HostPath, |f, _| {
        pod(f).host_paths = vec!["/".into()];
    }),
    (GateId::AddedCapabilities, |f, _| {
        pod(f).added_capabilities = vec!["NET_BIND_SERVICE".into(), "SYS_ADMIN".into()];
    }),
    (GateId::PrivilegeEscalation, |f, _| {
        pod(f).allow_privilege_escalation = true;
    }),
    (GateId::RunsAsRoot, |f, _| {
        f.running_uid = Some(0);
    }),
    (GateId::RunsAsRoot, |f, _| {
        f.running_uid = None;
        f.run_as_user = Some(0);
    }),
    (GateId::RunsAsRoot, |f, _| {
        f.running_uid = None;
    }),
    (GateId::ProcMount, |f, _| {
        f.proc_mount = "Unmasked".into();
    }),
    (GateId::Seccomp, |f, _| pod(f).seccomp_profile.clear()),
    (GateId::Seccomp, |f, _| {
        pod(f).seccomp_profile = "Unconfined".into();
    }),
    (GateId::Apparmor, |f, _| {
        f.apparmor = "Unconfined".into();
    }),
    (GateId::ImageRegistry, |f, _| {
        pod(f).image = "ghcr.io/acme-evil/web:1".into();
    }),
    (GateId::ImageRegistry, |f, _| {
        pod(f).image = "ghcr.io.evil.com/acme/web:1".into();
    }),
    (GateId::ImageRegistry, |f, _| {
        pod(f).image = "acme/web:1".into();
    }),
    (GateId::ImageRegistry, |f, _| {
        pod(f).image = "UPPER CASE".into();
    }),
    (GateId::ImageDigest, |f, _| {
        pod(f).image = "ghcr.io/acme/web:1".into();
    }),
    (GateId::ImageTagLatest, |f, _| {
        pod(f).image = "ghcr.io/acme/web".into();
    }),
    (GateId::ImageTagLatest, |f, _| {
        pod(f).image = "ghcr.io/acme/web:latest".into();
    }),
    (GateId::ImageSignature, |_, _| ()),
    (GateId::HostPorts, |f, _| {
        pod(f).host_ports = vec![80];
    }),
    (GateId::EvidenceIndependent, |_, plan| {
        plan.evidence = Some(EvidenceSource::dependent("its own shell answers"));
    }),
    (GateId::ExposedService, |f, _| {
        f.services = Known::Known(vec![ServiceFact {
            name: "web".into(),
            kind: "NodePort".into(),
            external_ips: false,
        }]);
    }),
    (GateId::ExposedService, |f, _| {
        f.services = Known::Known(vec![ServiceFact {
            name: "web".into(),
            kind: "ClusterIP".into(),
            external_ips: true,
        }]);
    }),
    (GateId::ExposedService, |f, _| {
        f.services = Known::Unknown("may not list".into());
    }),
    (GateId::NetworkPolicy, |f, _| {
        f.network_policies = Known::Known(vec![]);
    }),
    (GateId::NetworkPolicy, |f, _| {
        f.network_policies = Known::Known(vec![NetworkPolicyFact {
            name: "in".into(),
            ingress: Limit::Limits,
            egress: Limit::None,
        }]);
    }),
    (GateId::NetworkPolicy, |f, _| {
        // Policies add up: one that allows all undoes the other.
        let policy = |name: &str, egress| NetworkPolicyFact {
            name: name.into(),
            ingress: Limit::Limits,
            egress,
        };
        let both = vec![policy("deny", Limit::Limits), policy("allow", Limit::Open)];
        f.network_policies = Known::Known(both);
    }),
    (GateId::NetworkPolicy, |f, _| {
        f.network_policies = Known::Unknown("no".into());
    }),
];

#[test]
fn every_gate_is_content_with_a_good_pod() {
    let (facts, plan) = good();
    for result in gates(Action::Abort).decide(&facts, &plan) {
        let content = matches!(result.decision, GateDecision::Allow { .. });
        assert_eq!(content, result.id != "image-signature", "{result:?}");
    }
}

#[test]
fn a_pod_that_is_not_known_is_not_a_good_pod() {
    let (facts, plan) = good();
    let unknown = GateFacts {
        pod: GateFacts::default().pod,
        ..facts
    };
    for result in gates(Action::Abort).decide(&unknown, &plan) {
        let allowed = matches!(result.decision, GateDecision::Allow { .. });
        let elsewhere = [
            "target-pinned",
            "spec-digest",
            "sibling-images",
            "evidence-independent",
            "exposed-service",
            "network-policy",
            "required-controls",
        ];
        assert_eq!(
            allowed,
            elsewhere.contains(&result.id.as_str()),
            "{result:?}"
        );
    }
    assert_eq!(gates(Action::Abort).unused(&unknown), Vec::<String>::new());
}

#[test]
fn every_gate_objects_as_the_policy_says() {
    for gate in GateId::ALL {
        assert!(OBJECTIONS.iter().any(|(g, _)| g == gate), "{}", gate.name());
    }
    for (gate, change) in OBJECTIONS {
        let (mut facts, mut plan) = good();
        change(&mut facts, &mut plan);
        let name = gate.name();
        let allow = decision(*gate, Action::Allow, &facts, &plan);
        assert!(
            matches!(allow, GateDecision::Allow { evidence } if evidence.contains("policy allows")),
            "{name}"
        );
        let warn = decision(*gate, Action::Warn, &facts, &plan);
        assert!(matches!(warn, GateDecision::Warn { .. }), "{name}");
        let abort = decision(*gate, Action::Abort, &facts, &plan);
        assert!(matches!(abort, GateDecision::Abort { .. }), "{name}");
    }
}

#[test]
fn the_default_refuses_no_ordinary_pod() {
    let (mut facts, mut plan) = good();
    pod(&mut facts).image = "nginx:1.27".into();
    plan.target.image = "nginx:1.27".into();
    pod(&mut facts).seccomp_profile.clear();
    pod(&mut facts).allow_privilege_escalation = true;
    facts.running_uid = Some(0);
    facts.siblings = Known::Unknown("you may not list pods".into());
    let mut policy = Policy::shipped(Level::Hardened).unwrap();
    policy.require_controls.clear();
    let gates = PolicyGates {
        policy,
        signature: None,
    };
    let results = gates.decide(&facts, &plan);
    let aborts = results
        .iter()
        .filter(|r| matches!(r.decision, GateDecision::Abort { .. }));
    assert_eq!(aborts.count(), 0, "{results:?}");
}

#[test]
fn a_digest_that_differs_is_never_called_another_image() {
    let seen = integrity::spec_digest(&format!("web@{A}"), &format!("web@{B}"));
    let Seen::Objection(text) = seen else {
        unreachable!("{seen:?}");
    };
    assert!(
        text.contains("index") && text.contains("does not show another image"),
        "{text}"
    );
}

#[test]
fn registries_are_those_of_docker() {
    for (image, allowed, expected) in [
        ("nginx", "docker.io", true),
        ("nginx", "docker.io/library", true),
        ("nginx", "docker.io/library/nginx", true),
        ("nginx", "docker.io/lib", false),
        ("acme/web:1", "docker.io/acme", true),
        ("localhost:5000/web", "localhost:5000", true),
        ("localhost:5000/web", "localhost", false),
        ("ghcr.io/acme/web", "ghcr.io/acme/", true),
        ("ghcr.io/acme/web", "ghcr.io/acm", false),
        ("docker.io.evil.com/nginx", "docker.io", false),
        ("", "docker.io", false),
    ] {
        assert_eq!(
            image::comes_from(image, allowed),
            expected,
            "{image} {allowed}"
        );
    }
    let none = image::registry("nginx", Some(&[]));
    assert!(
        matches!(none, Seen::Objection(_)),
        "an empty list allows nothing"
    );
}

#[test]
fn a_required_control_that_the_scan_does_not_have_aborts() {
    let (facts, plan) = good();
    let mut gates = gates(Action::Allow);
    gates.policy.require_controls = ["admission-guard".to_owned()].into();
    let results = gates.decide(&facts, &plan);
    let last = results.last().unwrap();
    assert!(
        matches!(&last.decision, GateDecision::Abort { reason } if reason.contains("admission-guard")),
        "{last:?}"
    );
}

#[test]
fn isolation_is_required_where_there_is_something_to_isolate() {
    let (facts, plan) = good();
    let mut gates = gates(Action::Allow);
    gates.policy.require_isolation = false;
    assert!(!gates.required_controls().contains(&"network".to_owned()));
    gates.policy.require_isolation = true;
    assert!(gates.required_controls().contains(&"network".to_owned()));
    // This scan starts no pod, and is not refused without that control.
    let results = gates.decide(&facts, &plan);
    assert!(matches!(
        results.last().unwrap().decision,
        GateDecision::Allow { .. }
    ));
}

#[test]
fn allowances_that_match_nothing_are_reported() {
    let (mut facts, _) = good();
    pod(&mut facts).host_paths = vec!["/etc/localtime".into()];
    let mut gates = gates(Action::Abort);
    gates.policy.registries = Some(vec!["ghcr.io".into(), "quay.io".into()]);
    gates.policy.allow_host_paths = vec!["/etc/localtime".into(), "/srv".into()];
    gates.policy.own_capabilities = true;
    assert_eq!(
        gates.unused(&facts),
        [
            "registries: quay.io",
            "allow_capabilities: NET_BIND_SERVICE",
            "allow_host_paths: /srv"
        ]
    );
}

#[test]
fn nothing_is_asked_that_the_policy_allows_anyway() {
    assert_eq!(gates(Action::Allow).needs(), Needs::default());
    let all = gates(Action::Warn).needs();
    assert!(all.siblings && all.services && all.network_policies);
}

#[test]
fn an_image_that_runs_nowhere_is_gated_by_where_it_comes_from_alone() {
    let (facts, mut plan) = good();
    plan.target.form = TargetForm::Image;
    let gates = PolicyGates {
        policy: Policy::shipped(Level::Strict).unwrap(),
        signature: None,
    };
    let ids: Vec<String> = gates
        .decide(&facts, &plan)
        .into_iter()
        .map(|g| g.id)
        .collect();
    assert!(ids.contains(&"image-digest".to_owned()), "{ids:?}");
    assert!(!ids.contains(&"privileged".to_owned()), "{ids:?}");
}

#[test]
fn an_image_that_runs_nowhere_needs_no_pin_but_every_other_control() {
    let refused = |form: TargetForm, wanted: &str| {
        let (facts, mut plan) = good();
        plan.target.form = form;
        let mut gates = gates(Action::Allow);
        gates.policy.require_controls = [wanted.to_owned()].into();
        let results = gates.decide(&facts, &plan);
        let found = results.into_iter().find(|r| r.id == "required-controls");
        matches!(found.unwrap().decision, GateDecision::Abort { .. })
    };
    assert!(!refused(TargetForm::Image, "target-pin"));
    assert!(refused(TargetForm::Image, "lease"));
    assert!(refused(TargetForm::Container, "target-pin"));
}
