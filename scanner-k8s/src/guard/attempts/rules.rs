//! The rights of a trial's identity: it may do everything, so that only the guard can refuse.

use scanner_core::{Target, plan::PlannedRule, target::Namespace};

/// Rules of the Role in the target's namespace, for the identity `account` of namespace `home`.
pub(in crate::guard) fn rules(
    target: &Target,
    home: &Namespace,
    account: &str,
) -> Vec<PlannedRule> {
    let rule = |resources: &[&str], name: Option<&str>, verbs: &[&str]| {
        PlannedRule::of(
            vec![String::new()],
            resources.iter().map(ToString::to_string).collect(),
            name.into_iter().map(str::to_owned).collect(),
            verbs.iter().map(ToString::to_string).collect(),
        )
    };
    let pod = Some(target.pod.as_str());
    let ways = ["pods/exec", "pods/attach", "pods/portforward"];
    let every = ["create", "get", "update", "patch", "delete"];
    let mut all = vec![
        rule(&ways, pod, &["create", "get"]),
        rule(&["pods/proxy", "services/proxy"], Some(account), &every),
        rule(&["pods/ephemeralcontainers"], pod, &["patch", "update"]),
        rule(&["pods"], pod, &["patch", "delete"]),
        rule(&["pods/eviction"], pod, &["create"]),
        rule(&["pods", "configmaps", "secrets"], None, &["create"]),
    ];
    // A Role says nothing of another namespace.
    if *home == target.namespace {
        all.push(rule(&["serviceaccounts/token"], Some(account), &["create"]));
    }
    all
}
