//! Who may do what: by the roles and bindings of the store, and by the rights that Kubernetes gives to everyone.

mod rule;

use serde_json::Value;

use crate::{
    identity::User,
    store::{Key, Store},
};
pub(crate) use rule::{Attributes, Rule};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Every rule that `user` has in `namespace`; an empty one is the whole cluster.
pub(crate) fn rules(store: &Store, user: &User, namespace: &str) -> Vec<Rule> {
    let mut all = Rule::of_everyone();
    let given = user.rules.iter();
    let given = given.filter(|(place, _)| place.as_ref().is_none_or(|place| place == namespace));
    all.extend(given.map(|(_, rule)| rule.clone()));
    let cluster = store.of(GROUP, "clusterrolebindings", None);
    let local = store.of(GROUP, "rolebindings", Some(namespace));
    let local = local.filter(|_| !namespace.is_empty());
    for (key, binding) in cluster.chain(local) {
        let subjects = binding["subjects"].as_array().into_iter().flatten();
        if subjects
            .clone()
            .any(|subject| is_subject(subject, user, &key.namespace))
        {
            all.extend(of_role(store, &binding["roleRef"], &key.namespace));
        }
    }
    all
}

fn is_subject(subject: &Value, user: &User, namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str().unwrap_or_default() {
        "User" => user.name == name,
        "Group" => user.groups.iter().any(|group| group == name),
        "ServiceAccount" => {
            let place = subject["namespace"].as_str().unwrap_or(namespace);
            user.name == format!("system:serviceaccount:{place}:{name}")
        }
        _ => false,
    }
}

fn of_role(store: &Store, reference: &Value, namespace: &str) -> Vec<Rule> {
    let of_cluster = reference["kind"] == "ClusterRole";
    let key = Key {
        group: GROUP.into(),
        plural: if of_cluster { "clusterroles" } else { "roles" }.into(),
        namespace: if of_cluster {
            String::new()
        } else {
            namespace.into()
        },
        name: reference["name"].as_str().unwrap_or_default().into(),
    };
    let role = store.get(&key);
    let rules = role.and_then(|role| role["rules"].as_array());
    rules.into_iter().flatten().map(Rule::read).collect()
}

/// Whether `user` may do that.
pub(crate) fn allowed(store: &Store, user: &User, wanted: &Attributes<'_>) -> bool {
    let all = rules(store, user, wanted.namespace);
    let unlisted = store.unlisted.iter().flatten();
    all.iter().chain(unlisted).any(|rule| rule.allows(wanted))
}

/// The rules of `wanted` that `has` does not cover, compared as before a role is granted.
pub(crate) fn not_held(has: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut lacking = Vec::new();
    for rule in wanted {
        let names = if rule.names.is_empty() {
            vec![String::new()]
        } else {
            rule.names.clone()
        };
        let mut held = true;
        for (group, resource) in rule
            .groups
            .iter()
            .flat_map(|g| rule.resources.iter().map(move |r| (g, r)))
        {
            for (verb, name) in rule
                .verbs
                .iter()
                .flat_map(|v| names.iter().map(move |n| (v, n)))
            {
                let one = Attributes {
                    verb,
                    group,
                    resource,
                    name,
                    ..Attributes::default()
                };
                held &= has.iter().any(|rule| rule.allows(&one));
            }
        }
        if !held {
            lacking.push(rule.clone());
        }
    }
    lacking
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn may(rule: &Value, verb: &str, resource: &str, name: &str) -> bool {
        Rule::read(rule).allows(&Attributes {
            verb,
            resource,
            name,
            ..Attributes::default()
        })
    }

    #[test]
    fn names_and_subresources_are_what_they_are() {
        let exec = json!({"apiGroups": [""], "resources": ["pods/exec"], "resourceNames": ["a"], "verbs": ["get", "create"]});
        assert!(may(&exec, "create", "pods/exec", "a"));
        assert!(!may(&exec, "create", "pods/exec", "b") && !may(&exec, "get", "pods", "a"));
        assert!(
            !may(&exec, "create", "pods/exec", ""),
            "a list of names is not for requests without one"
        );
        let sub = json!({"apiGroups": ["*"], "resources": ["*/exec"], "verbs": ["*"]});
        assert!(may(&sub, "get", "pods/exec", "b") && !may(&sub, "get", "pods/log", "b"));
    }

    #[test]
    fn nobody_gives_what_he_does_not_have() {
        let rule = |names: &[&str]| {
            Rule::read(
                &json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": names, "verbs": ["get"]}),
            )
        };
        assert!(not_held(&[rule(&[])], &[rule(&["a"])]).is_empty());
        assert_eq!(not_held(&[rule(&["a"])], &[rule(&[])]).len(), 1);
        assert!(not_held(&Rule::all(), &[rule(&[])]).is_empty());
    }
}
