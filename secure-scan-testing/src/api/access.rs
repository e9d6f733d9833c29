//! Whether a caller may do what they ask for, and discovery.

use serde_json::json;

use super::{answer::Refusal, reply::Reply, request::Info};
use crate::{
    FakeCluster,
    identity::User,
    rbac::{self, Attributes},
    store::selector::Selection,
};

/// Refuses what the caller may not do.
pub(super) fn authorize(
    cluster: &FakeCluster,
    info: &Info,
    user: &User,
    selection: Option<&Selection>,
) -> Result<(), Refusal> {
    let resource = info.resource();
    let named = selection.and_then(Selection::name);
    let name = named.filter(|_| info.name.is_empty()).unwrap_or(&info.name);
    let state = cluster.state();
    let may = |verb: &str| {
        let wanted = Attributes {
            verb,
            group: &info.group,
            resource: &resource,
            namespace: &info.namespace,
            name,
            url: "",
        };
        rbac::allowed(&state.store, user, &wanted)
    };
    // From Kubernetes 1.35, an exec by WebSocket needs the verb of a POST too.
    let verbs = if info.subresource == "exec" {
        vec![info.verb.as_str(), "create"]
    } else {
        vec![info.verb.as_str()]
    };
    let Some(verb) = verbs.into_iter().find(|verb| !may(verb)) else {
        return Ok(());
    };
    let place = if info.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", info.namespace)
    };
    let dot = if info.group.is_empty() { "" } else { "." };
    let of = format!("{}{dot}{}", info.plural, info.group);
    let what = if info.name.is_empty() {
        of
    } else {
        format!("{of} {:?}", info.name)
    };
    Err(Refusal::new(
        403,
        format!(
            "{what} is forbidden: User {:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
            user.name, info.group
        ),
    ))
}

/// Answers requests that are not for a resource.
pub(super) fn discovery(cluster: &FakeCluster, info: &Info, user: &User) -> Result<Reply, Refusal> {
    let state = cluster.state();
    let wanted = Attributes {
        verb: &info.verb,
        url: &info.path,
        ..Attributes::default()
    };
    if !rbac::allowed(&state.store, user, &wanted) {
        let message = format!(
            "forbidden: User {:?} cannot {} path {:?}",
            user.name, info.verb, info.path
        );
        return Err(Refusal::new(403, message));
    }
    let parts: Vec<&str> = info
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let found = match parts.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-11-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
        })),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] => Some(
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        ["apis"] => Some(state.kinds.groups()),
        ["api", version] => state.kinds.discovery("", version),
        ["apis", group, version] => state.kinds.discovery(group, version),
        _ => None,
    };
    let found = found
        .ok_or_else(|| Refusal::new(404, "the server could not find the requested resource"))?;
    Ok(Reply::Json(200, found))
}
