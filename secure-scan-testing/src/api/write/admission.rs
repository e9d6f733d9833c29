//! Admission: webhooks, and the rule that nobody may give rights that they do not have.

use serde_json::{Value, json};

use super::names::name;
use crate::{
    FakeCluster,
    api::{answer::Refusal, asked::Asked},
    rbac::{self, Attributes, Rule},
    state::State,
    store::Key,
};

/// Runs the admission webhooks.
pub(super) fn admit(
    cluster: &FakeCluster,
    asked: &Asked,
    object: &mut Value,
) -> Result<(), Refusal> {
    let hooks = cluster.state().hooks.clone();
    object["kind"] = json!(asked.kind.kind);
    object["apiVersion"] = json!(asked.kind.api_version());
    for hook in hooks {
        hook(&asked.user.name, object).map_err(|why| {
            let why =
                format!("admission webhook \"fake.webhook.example\" denied the request: {why}");
            Refusal::new(403, why)
        })?;
    }
    Ok(())
}

/// Refuses somebody who gives rights that they do not have, unless they may `escalate` or `bind`.
pub(super) fn escalates(state: &State, asked: &Asked, object: &Value) -> Result<(), Refusal> {
    let (verb, group) = match asked.kind.kind.as_str() {
        "Role" | "ClusterRole" => ("escalate", "roles"),
        "RoleBinding" | "ClusterRoleBinding" => ("bind", "roles"),
        _ => return Ok(()),
    };
    let namespace = &asked.info.namespace;
    let reference = object["roleRef"]["name"].as_str().unwrap_or_default();
    let of_cluster = object["roleRef"]["kind"] == "ClusterRole" || asked.kind.kind == "ClusterRole";
    let resource = if of_cluster { "clusterroles" } else { group };
    let wanted = Attributes {
        verb,
        group: "rbac.authorization.k8s.io",
        resource,
        namespace,
        name: if verb == "bind" {
            reference
        } else {
            asked.info.name.as_str()
        },
        url: "",
    };
    if rbac::allowed(&state.store, &asked.user, &wanted) {
        return Ok(());
    }
    let key = Key {
        group: "rbac.authorization.k8s.io".into(),
        plural: resource.into(),
        namespace: if of_cluster {
            String::new()
        } else {
            namespace.clone()
        },
        name: reference.to_owned(),
    };
    let role = if verb == "bind" {
        state.store.get(&key).map(|role| (**role).clone())
    } else {
        Some(object.clone())
    };
    let Some(role) = role else {
        return Err(Refusal::new(
            404,
            format!("{resource}.rbac.authorization.k8s.io {reference:?} not found"),
        ));
    };
    let rules = role["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .map(Rule::read);
    let has = rbac::rules(&state.store, &asked.user, namespace);
    let lacking = rbac::not_held(&has, &rules.collect::<Vec<_>>());
    if lacking.is_empty() {
        return Ok(());
    }
    let lacking: Vec<String> = lacking.iter().map(ToString::to_string).collect();
    let why = format!(
        "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{}",
        asked.user.name,
        asked.user.groups,
        lacking.join("\n")
    );
    Err(Refusal::forbidden(&asked.kind, &name(object), &why))
}

/// Gives a pod without pull secrets those of its account, as admission does.
pub(super) fn pull_secrets(state: &State, pod: &mut Value, namespace: &str) {
    let none = |secrets: &Value| secrets.as_array().is_none_or(Vec::is_empty);
    let account = pod["spec"]["serviceAccountName"].as_str();
    let kind = state.kinds.of_name("serviceaccounts");
    let account = kind.and_then(|kind| {
        let key = Key::new(&kind, namespace, account.unwrap_or_default());
        state.store.get(&key)
    });
    if let Some(account) = account
        && none(&pod["spec"]["imagePullSecrets"])
        && !none(&account["imagePullSecrets"])
    {
        pod["spec"]["imagePullSecrets"] = account["imagePullSecrets"].clone();
    }
}
