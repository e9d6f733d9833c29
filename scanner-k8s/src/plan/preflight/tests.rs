//! Which rights a scan needs and the operator does not have.

use super::*;

/// [`of_the_target`] for a target of any name.
const TARGET: [(&str, &str, &[&str]); 1] = [("", "pods", &["get"])];

fn rule(group: &str, resource: &str, verbs: &[&str], name: Option<&str>) -> ResourceRule {
    ResourceRule {
        api_groups: Some(vec![group.into()]),
        resources: Some(vec![resource.into()]),
        resource_names: name.map(|n| vec![n.into()]),
        verbs: verbs.iter().map(ToString::to_string).collect(),
    }
}

fn target() -> Target {
    serde_json::from_value(serde_json::json!({
        "namespace": "shop", "pod": "web", "pod_uid": "1", "container": "app", "container_id": "c",
        "image": "i", "image_id": "j", "restarts": 0, "started_at": "", "node": "n",
    }))
    .unwrap()
}

/// Everything that a scan of `web` needs in one namespace, and that its identity gets.
fn enough() -> Vec<ResourceRule> {
    let all = TARGET.iter().chain(&HERE).chain(&FOR_THE_IDENTITY);
    let mut rules: Vec<ResourceRule> = all
        .map(|(group, resource, verbs)| rule(group, resource, verbs, None))
        .collect();
    rules.push(rule("", "pods/exec", &["create", "get"], Some("web")));
    rules
}

fn missing(rules: &[ResourceRule], more: &[Need]) -> Vec<String> {
    let here = Allowed {
        rules: rules.to_vec(),
        incomplete: false,
        asked: false,
    };
    let target = target();
    let needed = Needed {
        target: &target,
        identity_namespace: None,
        more,
        optional: &[],
        rules: &[crate::plan::manifest::exec_rule("web")],
    };
    require(&here, None, &needed)
        .err()
        .and_then(|mut e| e.missing.remove("shop"))
        .unwrap_or_default()
}

#[test]
fn an_administrator_may_do_everything() {
    assert!(missing(&[rule("*", "*", &["*"], None)], &[]).is_empty());
    assert!(missing(&enough(), &[]).is_empty());
}

#[test]
fn what_a_named_rule_allows_is_not_allowed_for_any_object() {
    let mut allowed = Allowed {
        rules: vec![rule("", "pods", &["list"], Some("one"))],
        incomplete: false,
        asked: false,
    };
    assert_eq!(allowed.may("", "pods", "list"), Some(false));
    allowed.incomplete = true;
    assert_eq!(allowed.may("", "pods", "list"), None);
    allowed.rules.push(rule("", "pods", &["*"], None));
    assert_eq!(allowed.may("", "pods", "list"), Some(true));
}

#[test]
fn a_missing_verb_is_named() {
    let mut rules = enough();
    for job in rules
        .iter_mut()
        .filter(|r| r.resources == Some(vec!["jobs".into()]))
    {
        job.verbs = vec!["create".into(), "list".into(), "watch".into()];
    }
    assert_eq!(missing(&rules, &[]), ["delete on jobs.batch"]);
    let mut rules = enough();
    let secrets = rules
        .iter_mut()
        .find(|r| r.resources == Some(vec!["secrets".into()]));
    secrets.unwrap().resource_names = Some(vec!["one".into()]);
    assert_eq!(
        missing(&rules, &[]),
        ["create, delete, list, watch on secrets"]
    );
}

#[test]
fn a_strategy_can_need_more_and_only_the_target_may_be_named() {
    let more = [Need::new("", "pods", &["create"])];
    let mut rules = enough();
    rules[0] = rule("", "pods", &["get", "create"], Some("web"));
    assert!(missing(&rules, &[]).is_empty());
    assert_eq!(missing(&rules, &more), ["create on pods"]);
    let mut other = rules.clone();
    other[0] = rule("", "pods", &["get", "create"], Some("other"));
    assert_eq!(missing(&other, &[]), ["get on pods"]);
    // The scan's own pod has another name, also where the same is done with it as with the target.
    let own = [Need::new("", "pods", &["get"])];
    assert_eq!(missing(&rules, &own), ["get on pods"]);
    let target = [Need::new("", "pods", &["watch", "get"]).of_target()];
    rules[0] = rule("", "pods", &["get", "watch"], Some("web"));
    assert!(missing(&rules, &target).is_empty());
    // The watch of the identity's pods selects by their account.
    for pods in rules.iter_mut().filter(|r| r.verbs == ["list", "watch"]) {
        pods.verbs = vec!["list".into()];
    }
    assert_eq!(missing(&rules, &target), ["watch on pods"]);
}

#[test]
fn what_the_identity_gets_the_operator_must_have_or_be_free_to_give() {
    let exec = |rules: &mut Vec<ResourceRule>, verbs: &[&str], name: Option<&str>| {
        rules.pop();
        rules.push(rule("", "pods/exec", verbs, name));
    };
    for (verbs, name) in [
        (&["create"][..], None),
        (&["get"], None),
        (&["create", "get"], Some("other")),
    ] {
        let mut rules = enough();
        exec(&mut rules, verbs, name);
        let missing = missing(&rules, &[]);
        assert_eq!(missing.len(), 1, "{verbs:?} {name:?}");
        assert!(missing[0].contains("pods/exec"), "{missing:?}");
    }
    let mut rules = enough();
    exec(&mut rules, &["*"], None);
    assert!(missing(&rules, &[]).is_empty());
    let mut rules = enough();
    rules.pop();
    rules.push(rule("", "*/exec", &["create", "get"], None));
    assert!(missing(&rules, &[]).is_empty());
    rules.pop();
    rules.push(rule(RBAC, "roles", &["escalate"], None));
    assert_eq!(
        missing(&rules, &[]).len(),
        1,
        "the binding would be refused"
    );
    rules.push(rule(RBAC, "roles", &["bind"], None));
    assert!(missing(&rules, &[]).is_empty());
}

#[test]
fn an_identity_apart_needs_its_rights_where_it_lives() {
    let of = |all: &[(&str, &str, &[&str])]| {
        let rules = all.iter();
        let rules = rules.map(|(group, resource, verbs)| rule(group, resource, verbs, None));
        Allowed {
            rules: rules.collect(),
            incomplete: false,
            asked: false,
        }
    };
    let (mut here, there) = (of(&HERE), of(&FOR_THE_IDENTITY));
    here.rules.push(rule("", "pods", &["get"], Some("web")));
    here.rules
        .push(rule("", "pods/exec", &["create", "get"], None));
    let (target, namespace) = (target(), "scans".parse().unwrap());
    let needed = Needed {
        target: &target,
        identity_namespace: Some(&namespace),
        more: &[],
        optional: &[],
        rules: &[crate::plan::manifest::exec_rule("web")],
    };
    assert_eq!(require(&here, Some(&there), &needed), Ok(()));
    let token = "create on serviceaccounts/token";
    let refused = require(&here, Some(&Allowed::default()), &needed).unwrap_err();
    assert_eq!(refused.missing.keys().collect::<Vec<_>>(), ["scans"]);
    assert!(refused.missing["scans"].contains(&token.into()));
    let neither = require(&Allowed::default(), Some(&Allowed::default()), &needed).unwrap_err();
    let words = neither.to_string();
    for words_of_each in [
        "create, delete, list on roles.rbac.authorization.k8s.io, in namespace shop",
        &format!("{token}, in namespace scans"),
    ] {
        assert!(words.contains(words_of_each), "{words}");
    }
}
