//! Whether the guard that the cluster has is the one that this version renders.

use kube::api::Request;
use scanner_core::target::Namespace;
use serde_json::Value;

use super::render::{HOME, render};
use crate::api::{
    call::{CallError, CallErrorKind, call},
    client::OperatorClient,
};

/// Where a binding says which namespaces it covers.
const SELECTOR: &str = "spec.matchResources.namespaceSelector";

/// One object of the guard and how the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardPart {
    /// Kind and name.
    pub what: String,
    /// How the cluster has it.
    pub state: PartState,
}

/// How the cluster has one object of the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// As rendered.
    Current,
    /// Not at all.
    Missing,
    /// Changed, at this field.
    Differs(String),
}

/// The guard as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardStatus {
    /// Every object of it.
    pub parts: Vec<GuardPart>,
    /// Namespaces that the bindings are limited to, where they are.
    pub selectors: Vec<Value>,
}

impl GuardStatus {
    /// Whether every part is there as rendered: policies that fail closed, bound with `Deny` in the
    /// namespaces that are meant.
    pub fn holds(&self) -> bool {
        self.parts.iter().all(|p| p.state == PartState::Current)
    }

    /// Whether the only thing wrong is that the bindings select other namespaces than intended.
    pub fn covers_others(&self) -> bool {
        let mut wrong = self.parts.iter().map(|p| &p.state);
        !self.holds()
            && wrong.all(|state| match state {
                PartState::Current => true,
                PartState::Missing => false,
                PartState::Differs(place) => place.starts_with(SELECTOR),
            })
    }

    /// Reads the guard called `name` as the operator; `selector` is the `namespaceSelector` that its
    /// bindings shall have, null for all namespaces, and `homes` are the namespaces of identities that it was rendered for.
    ///
    /// # Errors
    ///
    /// Fails when the server does not allow reading it.
    pub async fn read(
        operator: &OperatorClient,
        name: &str,
        selector: &Value,
        homes: &[Namespace],
    ) -> Result<Self, CallError> {
        let (mut parts, mut selectors) = (Vec::new(), Vec::new());
        for object in expected(name, selector, homes) {
            let kind = object["kind"].as_str().unwrap_or_default();
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let (path, field) = match kind {
                "ValidatingAdmissionPolicy" => (
                    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
                    "spec",
                ),
                "ValidatingAdmissionPolicyBinding" => (
                    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
                    "spec",
                ),
                _ => ("/apis/rbac.authorization.k8s.io/v1/clusterroles", "rules"),
            };
            let get = async {
                let request = Request::new(path).get(name, &kube::api::GetParams::default());
                let request = request.map_err(kube::Error::BuildRequest)?;
                operator.request::<Value>(request).await
            };
            let state = match call(format!("get {kind} {name}"), get).await {
                // An older server does not know admission policies.
                Err(error)
                    if matches!(
                        error.kind(),
                        CallErrorKind::NotFound | CallErrorKind::NotServed
                    ) =>
                {
                    PartState::Missing
                }
                Err(error) => return Err(error),
                Ok(found) => {
                    let selector = &found["spec"]["matchResources"]["namespaceSelector"];
                    if !is_home(&object) && selector.as_object().is_some_and(|s| !s.is_empty()) {
                        selectors.push(selector.clone());
                    }
                    match difference(&object[field], &found[field], field) {
                        None => PartState::Current,
                        Some(place) => PartState::Differs(place),
                    }
                }
            };
            parts.push(GuardPart {
                what: format!("{kind} {name}"),
                state,
            });
        }
        Ok(Self { parts, selectors })
    }
}

/// The objects that the cluster shall have.
pub(super) fn expected(name: &str, selector: &Value, homes: &[Namespace]) -> Vec<Value> {
    let mut all = parse(&render(name, &[], homes)).unwrap_or_default();
    if selector.as_object().is_some_and(|s| !s.is_empty()) {
        let kind = "ValidatingAdmissionPolicyBinding";
        let covering = all.iter_mut().filter(|o| o["kind"] == kind && !is_home(o));
        for binding in covering {
            binding["spec"]["matchResources"]["namespaceSelector"] = selector.clone();
        }
    }
    all
}

/// Whether it is a binding in the namespaces of identities.
fn is_home(object: &Value) -> bool {
    object["metadata"]["name"]
        .as_str()
        .is_some_and(|name| name.ends_with(HOME))
}

/// The objects of a rendered guard.
pub(super) fn parse(text: &str) -> Option<Vec<Value>> {
    let documents = text.split("\n---\n");
    documents.map(|d| serde_saphyr::from_str(d).ok()).collect()
}

/// Where `found` differs from what was rendered; defaults that the server fills in do not count.
pub(super) fn difference(rendered: &Value, found: &Value, place: &str) -> Option<String> {
    match (rendered, found) {
        (Value::Object(wanted), Value::Object(has)) => {
            let extra = has
                .iter()
                .find(|(key, value)| !wanted.contains_key(key.as_str()) && !filled_in(key, value));
            if let Some((key, _)) = extra {
                return Some(format!("{place}.{key}"));
            }
            wanted.iter().find_map(|(key, value)| {
                let found = has.get(key).unwrap_or(&Value::Null);
                difference(value, found, &format!("{place}.{key}"))
            })
        }
        (Value::Array(wanted), Value::Array(has)) if wanted.len() == has.len() => {
            let pairs = wanted.iter().zip(has).enumerate();
            pairs
                .into_iter()
                .find_map(|(i, (a, b))| difference(a, b, &format!("{place}[{i}]")))
        }
        _ => (rendered != found).then(|| place.to_owned()),
    }
}

fn filled_in(key: &str, value: &Value) -> bool {
    match key {
        "matchPolicy" => value == "Equivalent",
        "scope" => value == "*",
        "namespaceSelector" | "objectSelector" => {
            value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
        }
        _ => false,
    }
}
