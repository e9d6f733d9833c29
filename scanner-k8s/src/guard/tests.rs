//! The rendered guard, and the limits.

use scanner_core::plan::PlannedCommand;

use super::*;
use crate::{
    names::{GUARD_MARK, GUARD_NAME},
    plan::limits::{ANY_ID, may_add, may_run, may_run_anything, may_run_in_own},
};
use scanner_core::{Target, target::Namespace};
use serde_json::Value;

fn target() -> Target {
    serde_json::from_value(serde_json::json!({
        "namespace": "shop", "pod": "web", "pod_uid": "u", "container": "app", "container_id": "containerd://c",
        "image": "i", "image_id": "d", "node": "n", "restarts": 0,
    }))
    .unwrap()
}

fn command(container: &str, argv: &[&str]) -> PlannedCommand {
    PlannedCommand::new(
        container,
        argv.iter().map(ToString::to_string).collect(),
        String::new(),
        0,
    )
}

#[test]
fn no_two_commands_have_the_same_limit() {
    let commands = [
        command("app", &["/bin/sh", "-s"]),
        command("app", &["/bin/sh -s"]),
        command("app", &["/bin/sh/-s"]),
        command("app", &["/bin", "sh", "-s"]),
        command("app/~1bin~1sh", &["-s"]),
        command("app", &["~1bin~1sh", "-s"]),
        command("app", &["/bin/sh", "-s", ""]),
        command("app", &[]),
        command("app", &[""]),
        command("", &["app", "/bin/sh", "-s"]),
    ];
    let names: std::collections::BTreeSet<String> = commands
        .iter()
        .map(|c| may_run(&target(), c).resource_names[0].clone())
        .collect();
    assert_eq!(names.len(), commands.len());
    assert!(names.contains("/web/app/~1bin~1sh/-s"));
}

#[test]
fn the_limit_of_a_probe_names_all_that_may_differ() {
    let spec = serde_json::json!({
        "name": "p", "image": "r/i@sha256:1", "targetContainerName": "app", "command": ["/x", "wait"],
        "securityContext": {"runAsUser": 0, "runAsGroup": 5, "capabilities": {"drop": ["ALL"], "add": ["A", "B"]}},
    });
    assert_eq!(
        may_add(&target(), &spec).resource_names[0],
        "/web/p/r~1i@sha256:1/app/0/5/ALL/A,B/~1x/wait"
    );
}

#[test]
fn a_container_id_is_any_only_where_the_plan_says_so() {
    let own = may_run_in_own(&target(), &command("c", &["/p", "collect", ANY_ID]));
    assert_eq!(
        own.resource_names[0],
        "/web/c/~1p/collect/~any-container-id"
    );
    // A word that only looks like it is a different word.
    let spelt = may_run(
        &target(),
        &command("c", &["/p", "collect", "~any-container-id"]),
    );
    assert_ne!(own.resource_names, spelt.resource_names);
    assert_eq!(may_run_anything(&target()).resource_names[0], "/web/app");
    assert_eq!(may_run_anything(&target()).verbs, ["run-anything"]);
}

#[test]
fn what_is_rendered_is_whole_fails_closed_and_denies() {
    let labels = [("team".to_owned(), "a".to_owned())];
    let text = render("g", &labels, &[]);
    assert!(!text.contains('@'), "{text}");
    let objects = status::parse(&text).unwrap();
    let names = |kind: &str| -> Vec<String> {
        let of_kind = objects.iter().filter(|o| o["kind"] == kind);
        of_kind
            .map(|o| o["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let parts = ["g", "g-identities", "g-objects", "g-probes"];
    assert_eq!(names("ValidatingAdmissionPolicy"), parts);
    assert_eq!(names("ValidatingAdmissionPolicyBinding"), parts);
    assert_eq!(names("ClusterRole"), ["g-limits", "g-operators"]);
    assert_eq!(objects.len(), 10);
    for object in &objects {
        match object["kind"].as_str() {
            Some("ValidatingAdmissionPolicy") => {
                assert_eq!(object["spec"]["failurePolicy"], "Fail");
                for one in object["spec"]["validations"].as_array().unwrap() {
                    assert!(one["message"].as_str().unwrap().starts_with(GUARD_MARK));
                    assert_eq!(one["reason"], "Forbidden");
                }
            }
            Some("ValidatingAdmissionPolicyBinding") => {
                assert_eq!(object["spec"]["policyName"], object["metadata"]["name"]);
                assert_eq!(object["spec"]["validationActions"][0], "Deny");
                let matched = &object["spec"]["matchResources"]["namespaceSelector"];
                assert_eq!(matched["matchLabels"]["team"], "a");
            }
            _ => {}
        }
    }
}

#[test]
fn no_role_of_tenants_gets_the_verb_that_changes_what_belongs_to_a_scan() {
    let objects = status::parse(&render("g", &[], &[])).unwrap();
    for role in objects.iter().filter(|o| o["kind"] == "ClusterRole") {
        let labels = role["metadata"]["labels"].as_object().unwrap();
        let aggregated = labels.keys().any(|key| key.contains("aggregate-to"));
        let manages = role["rules"].to_string().contains("manage");
        assert_ne!(aggregated, manages, "{role}");
    }
}

#[test]
fn namespaces_of_identities_are_covered_whatever_the_bindings_select() {
    let homes: Vec<Namespace> = ["scans", "more-scans"].map(|n| n.parse().unwrap()).to_vec();
    let labels = [("team".to_owned(), "a".to_owned())];
    let text = render("g", &labels, &homes);
    assert!(!text.contains('@'), "{text}");
    let objects = status::parse(&text).unwrap();
    assert_eq!(objects.len(), 14);
    let kind = "ValidatingAdmissionPolicyBinding";
    let of = |end: &str| {
        let bindings = objects.iter().filter(|o| o["kind"] == kind);
        let named = bindings.filter(|o| o["metadata"]["name"].as_str().unwrap().ends_with(end));
        named.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("-home").len(), 4);
    for binding in of("-home") {
        let selected =
            &binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(selected["key"], "kubernetes.io/metadata.name");
        assert_eq!(selected["operator"], "In");
        assert_eq!(
            selected["values"],
            serde_json::json!(["scans", "more-scans"])
        );
        let name = binding["metadata"]["name"].as_str().unwrap();
        assert_eq!(
            binding["spec"]["policyName"],
            name.strip_suffix("-home").unwrap()
        );
    }
    let list = r#"[request.namespace] + ["scans","more-scans"]"#;
    assert_eq!(
        text.matches(list).count(),
        2,
        "exec in a pod of its own, and its binding"
    );
    let selector = serde_json::json!({"matchLabels": {"team": "a"}});
    assert_eq!(objects, status::expected("g", &selector, &homes));
}

#[test]
fn the_chart_is_what_is_rendered() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/charts/secure-scan-guard/templates/guard.yaml"
    );
    if std::env::var_os("UPDATE_CHART").is_some() {
        std::fs::write(path, chart_template()).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap();
    assert_eq!(file, chart_template(), "run with UPDATE_CHART=1");
    let (start, end) = ("{{- if .Values.identityNamespaces }}\n", "{{- end }}\n");
    let plain = file
        .replace("{{ .Values.name }}", GUARD_NAME)
        .replace("\n    {{- with .Values.namespaceSelector }}\n    namespaceSelector:\n      {{- toYaml . | nindent 6 }}\n    {{- else }} {}\n    {{- end }}", " {}");
    let (mut without, mut with) = (String::new(), String::new());
    for (index, piece) in plain.split(start).enumerate() {
        let (block, rest) = if index == 0 {
            ("", piece)
        } else {
            piece.split_once(end).unwrap()
        };
        without.push_str(rest);
        with.push_str(block);
        with.push_str(rest);
    }
    let list = "{{ .Values.identityNamespaces | toJson }}";
    assert_eq!(without.replace(list, "[]"), render(GUARD_NAME, &[], &[]));
    let homes = ["scans".parse().unwrap()];
    assert_eq!(
        with.replace(list, r#"["scans"]"#),
        render(GUARD_NAME, &[], &homes)
    );
}

#[test]
fn a_change_of_a_policy_is_seen() {
    let rendered =
        serde_json::json!({"a": {"b": [1, 2]}, "matchConstraints": {"resourceRules": [{"x": 1}]}});
    let mut server = rendered.clone();
    server["matchConstraints"]["matchPolicy"] = "Equivalent".into();
    server["matchConstraints"]["resourceRules"][0]["scope"] = "*".into();
    assert_eq!(status::difference(&rendered, &server, "spec"), None);
    server["a"]["b"][1] = 3.into();
    assert_eq!(
        status::difference(&rendered, &server, "spec").as_deref(),
        Some("spec.a.b[1]")
    );
    let mut server = rendered.clone();
    server["matchConstraints"]["namespaceSelector"] =
        serde_json::json!({"matchLabels": {"a": "b"}});
    assert!(status::difference(&rendered, &server, "spec").is_some());
    let mut server = rendered.clone();
    server["paramKind"] = serde_json::json!({});
    assert!(status::difference(&rendered, &server, "spec").is_some());
}

#[test]
fn a_binding_of_other_namespaces_is_no_current_one() {
    let selector = serde_json::json!({"matchLabels": {"team": "a"}});
    let binding = |selector: &Value| {
        let all = status::expected("g", selector, &[]);
        let kind = "ValidatingAdmissionPolicyBinding";
        let all = all.into_iter().filter(|o| o["kind"] == kind);
        all.map(|o| o["spec"].clone()).collect::<Vec<_>>()
    };
    let none = serde_json::json!({"matchLabels": {"team": "nobody"}});
    let everywhere = Value::Null;
    let place = "spec.matchResources.namespaceSelector";
    for (wanted, found) in [
        (&everywhere, &none),
        (&selector, &none),
        (&selector, &everywhere),
    ] {
        for (wanted, found) in binding(wanted).iter().zip(&binding(found)) {
            let differs = status::difference(wanted, found, "spec").unwrap();
            assert!(differs.starts_with(place), "{differs}");
        }
        let of = |selector: &Value, other: &Value| GuardStatus {
            parts: binding(selector)
                .iter()
                .zip(&binding(other))
                .map(|(a, b)| GuardPart {
                    what: String::new(),
                    state: status::difference(a, b, "spec")
                        .map_or(PartState::Current, PartState::Differs),
                })
                .collect(),
            selectors: vec![],
        };
        assert!(!of(wanted, found).holds() && of(wanted, found).covers_others());
        assert!(of(wanted, wanted).holds() && !of(wanted, wanted).covers_others());
    }
    let rendered = status::parse(&render("g", &[("team".into(), "a".into())], &[])).unwrap();
    assert_eq!(rendered, status::expected("g", &selector, &[]));
}
