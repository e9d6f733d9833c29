//! The pods that a selector or a workload names. Reads only, with the operator's own rights.

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::LabelSelector};
use kube::{
    api::{DynamicObject, ListParams},
    core::Selector,
};
use scanner_core::{target::WorkloadName, workload::WorkloadKind};

use super::{
    error::ResolveError,
    existing::{namespace_exists, no_workload, resource},
    owner::{Sets, controller, replica_sets},
    replica::Found,
};
use crate::api::{
    call::{CallError, CallErrorKind, call},
    client::OperatorClient,
};

/// Most pods that are read at once. If there are more, those that run are read, up to this number.
const READ: u32 = 100;

/// The pods that the selector matches, at least one.
pub(super) async fn labelled(
    operator: &OperatorClient,
    namespace: &str,
    selector: &str,
) -> Result<Found, ResolveError> {
    let listed = list(operator, namespace, selector).await;
    let (pods, cut) = listed.map_err(|error| unreadable(selector, error))?;
    if pods.is_empty() {
        namespace_exists(operator, namespace).await?;
        return Err(ResolveError::NoMatch(namespace.into(), selector.into()));
    }
    // Pods of one set have one owner.
    let sets = if replica_sets(&pods).len() > 1 {
        Sets::ask(operator, namespace, &pods).await?
    } else {
        Sets::default()
    };
    Ok(Found {
        what: format!("label selector {selector:?}"),
        namespace: namespace.to_owned(),
        pods,
        sets,
        cut,
    })
}

/// The pods that belong to the workload, at least one.
pub(super) async fn owned(
    operator: &OperatorClient,
    namespace: &str,
    kind: WorkloadKind,
    name: &WorkloadName,
) -> Result<Found, ResolveError> {
    let api = operator.dynamic(Some(namespace), &resource(kind));
    let what = format!("get {kind} {name} in namespace {namespace}");
    let found = match call(what, api.get(name.as_str())).await {
        Ok(found) => found,
        Err(error) if error.kind() == CallErrorKind::NotFound => {
            return Err(no_workload(operator, namespace, kind, name.as_str()).await);
        }
        Err(error) => return Err(error.into()),
    };
    let uid = found.metadata.uid.clone();
    let uid = uid.ok_or(ResolveError::Malformed("a workload without a UID"))?;
    let selector = selector_of(kind, &found)
        .ok_or(ResolveError::Malformed("a workload without a selector"))?;
    let (pods, cut) = list(operator, namespace, &selector).await?;
    let sets = match kind {
        WorkloadKind::Deployment => Sets::ask(operator, namespace, &pods).await?,
        _ => Sets::default(),
    };
    let looked_at = pods.len();
    // Anybody may set labels: a pod that has them all may still belong to another workload, or to none.
    let ours = |pod: &Pod| {
        let owner = match kind {
            WorkloadKind::Deployment => sets.workload(pod),
            _ => controller(pod),
        };
        owner.is_some_and(|owner| owner.is(kind, name, &uid))
    };
    let pods: Vec<Pod> = pods.into_iter().filter(ours).collect();
    let cut = cut || sets.cut;
    if pods.is_empty() {
        return Err(ResolveError::NoReplica {
            namespace: namespace.to_owned(),
            what: format!("{kind} {name}"),
            among: cut.then_some(looked_at),
        });
    }
    Ok(Found {
        what: format!("{kind} {name}"),
        namespace: namespace.to_owned(),
        pods,
        sets,
        cut,
    })
}

/// The selector of a workload as the list call takes it; one that is empty would match every pod of the namespace.
fn selector_of(kind: WorkloadKind, found: &DynamicObject) -> Option<String> {
    let selector = found.data.pointer("/spec/selector")?.clone();
    let selector: LabelSelector = if kind == WorkloadKind::ReplicationController {
        serde_json::from_value(serde_json::json!({"matchLabels": selector})).ok()?
    } else {
        serde_json::from_value(selector).ok()?
    };
    let text = Selector::try_from(selector).ok()?.to_string();
    (!text.is_empty()).then_some(text)
}

/// The pods that the selector matches, and whether there are more. Where there are many, only those that run.
async fn list(
    operator: &OperatorClient,
    namespace: &str,
    selector: &str,
) -> Result<(Vec<Pod>, bool), CallError> {
    let api = operator.api::<Pod>(namespace);
    let what = || format!("list pods in namespace {namespace}");
    let params = ListParams::default().labels(selector).limit(READ);
    let first = call(what(), api.list(&params)).await?;
    if !goes_on(first.metadata.continue_.as_ref()) {
        return Ok((first.items, false));
    }
    let running = call(what(), api.list(&params.fields("status.phase=Running"))).await?;
    if running.items.is_empty() {
        return Ok((first.items, true));
    }
    Ok((running.items, true))
}

fn goes_on(token: Option<&String>) -> bool {
    token.is_some_and(|token| !token.is_empty())
}

/// The server refuses a selector that it cannot read with 400.
fn unreadable(selector: &str, error: CallError) -> ResolveError {
    match error.code() {
        Some(400) => ResolveError::Selector(selector.to_owned(), error.answer()),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn selector(kind: WorkloadKind, selector: &Value) -> Option<String> {
        let object = json!({"metadata": {"name": "x"}, "spec": {"selector": selector}});
        selector_of(kind, &serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_selector_is_that_of_the_workload_and_never_empty() {
        let labels = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
        ]});
        let text = selector(WorkloadKind::Deployment, &labels).unwrap();
        for part in ["app=web", "tier in (a,b)", "!old"] {
            assert!(text.replace(", ", ",").contains(part), "{text}");
        }
        let map = json!({"app": "web"});
        let of_controller = selector(WorkloadKind::ReplicationController, &map);
        assert_eq!(of_controller.as_deref(), Some("app=web"));
        for empty in [json!({}), Value::Null, json!("x")] {
            assert_eq!(selector(WorkloadKind::Job, &empty), None, "{empty}");
        }
    }
}
