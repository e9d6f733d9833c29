//! Reviews of who one is and what one may do, and tokens of service accounts.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    answer::Refusal,
    asked::{Asked, stored},
    reply::Reply,
    request::Info,
};
use crate::{
    FakeCluster,
    clock::stamp,
    defaults,
    identity::{AUDIENCE, User, Wanted},
    kinds::Kind,
    rbac::{self, Attributes},
    store::Key,
};

/// Shortest lifetime of a token in seconds, which is also the default.
const SHORTEST: i64 = 600;
const USUAL: i64 = 3600;

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";

/// Kinds that are requested but not stored.
const VIRTUAL: [(&str, &str, &str); 5] = [
    (AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    (AUTHENTICATION, "tokenreviews", "TokenReview"),
    (
        AUTHORIZATION,
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
    ),
    (
        AUTHORIZATION,
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
    ),
    (AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
];

/// The kind of a review.
pub(super) fn kind(info: &Info) -> Option<Arc<Kind>> {
    let mut all = VIRTUAL.iter();
    let (group, plural, kind) =
        all.find(|(group, plural, _)| info.group == *group && info.plural == *plural)?;
    Some(Arc::new(Kind {
        group: (*group).into(),
        version: "v1".into(),
        plural: (*plural).into(),
        kind: (*kind).into(),
        namespaced: false,
    }))
}

pub(super) fn review(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let spec = &asked.body["spec"];
    let status = match asked.kind.kind.as_str() {
        "SelfSubjectReview" => json!({"userInfo": info(&asked.user)}),
        "SelfSubjectRulesReview" => {
            let namespace = spec["namespace"].as_str().unwrap_or_default();
            if namespace.is_empty() {
                return Err(Refusal::bad_request("no namespace on request"));
            }
            let state = cluster.state();
            let of_account = asked.user.name.starts_with("system:serviceaccount:");
            let incomplete = state.lists_no_rights && !of_account;
            let all = if incomplete {
                Vec::new()
            } else {
                rbac::rules(&state.store, &asked.user, namespace)
            };
            let listed = |urls: bool| {
                let rules = all.iter().filter(|rule| rule.urls.is_empty() != urls);
                rules.map(rbac::Rule::listed).collect::<Vec<_>>()
            };
            json!({"resourceRules": listed(false), "nonResourceRules": listed(true), "incomplete": incomplete || state.store.unlisted.is_some()})
        }
        "SelfSubjectAccessReview" => access(cluster, &asked.user, spec),
        "SubjectAccessReview" => {
            let groups = spec["groups"].as_array().into_iter().flatten();
            let user = User {
                groups: groups
                    .filter_map(|g| g.as_str().map(str::to_owned))
                    .collect(),
                ..User::operator(spec["user"].as_str().unwrap_or_default(), Vec::new())
            };
            access(cluster, &user, spec)
        }
        _ => token_review(cluster, spec),
    };
    let mut answer = asked.body.clone();
    answer["kind"] = json!(asked.kind.kind);
    answer["apiVersion"] = json!(asked.kind.api_version());
    answer["metadata"]["creationTimestamp"] = Value::Null;
    answer["status"] = status;
    Ok(Reply::Json(201, answer))
}

fn info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if let Some(credential) = &user.credential {
        info["extra"] = json!({"authentication.kubernetes.io/credential-id": [credential]});
    }
    info
}

fn access(cluster: &FakeCluster, user: &User, spec: &Value) -> Value {
    let of = &spec["resourceAttributes"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (resource, sub) = (text(&of["resource"]), text(&of["subresource"]));
    let resource = if sub.is_empty() {
        resource
    } else {
        format!("{resource}/{sub}")
    };
    let (group, namespace, name) = (
        text(&of["group"]),
        text(&of["namespace"]),
        text(&of["name"]),
    );
    let url = text(&spec["nonResourceAttributes"]["path"]);
    let verb = if url.is_empty() {
        text(&of["verb"])
    } else {
        text(&spec["nonResourceAttributes"]["verb"])
    };
    let wanted = Attributes {
        verb: &verb,
        group: &group,
        resource: &resource,
        namespace: &namespace,
        name: &name,
        url: &url,
    };
    json!({"allowed": rbac::allowed(&cluster.state().store, user, &wanted)})
}

fn token_review(cluster: &FakeCluster, spec: &Value) -> Value {
    let mut state = cluster.state();
    let state = &mut *state;
    let header = format!("Bearer {}", spec["token"].as_str().unwrap_or_default());
    let now = state.clock.now();
    match state
        .identities
        .authenticate(Some(&header), &state.store, now)
    {
        Some(user) => json!({"authenticated": true, "user": info(&user), "audiences": [AUDIENCE]}),
        None => {
            json!({"user": {}, "error": "[invalid bearer token, service account token has been invalidated]"})
        }
    }
}

/// `TokenRequest`.
pub(super) fn token(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let account = stored(cluster, asked)?;
    let (kind, name) = (&asked.kind, &asked.info.name);
    let request = Kind {
        group: AUTHENTICATION.into(),
        version: "v1".into(),
        plural: "tokenrequests".into(),
        kind: "TokenRequest".into(),
        ..defaults::no_kind()
    };
    if account["metadata"]["deletionTimestamp"].is_string() {
        return Err(Refusal::not_found(kind, name));
    }
    let spec = &asked.body["spec"];
    let seconds = spec["expirationSeconds"].as_i64().unwrap_or(USUAL);
    if seconds < SHORTEST {
        let why = format!(
            "spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        );
        return Err(Refusal::invalid(&request, "", &why));
    }
    let audiences = spec["audiences"].as_array().into_iter().flatten();
    let mut audiences: Vec<String> = audiences
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    if audiences.is_empty() {
        audiences.push(AUDIENCE.into());
    }
    let mut state = cluster.state();
    let state = &mut *state;
    let reference = &spec["boundObjectRef"];
    let bound = if reference.is_object() {
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let (bound_kind, bound_name, uid) = (text("kind"), text("name"), text("uid"));
        let found = match bound_kind.as_str() {
            "Secret" | "Pod" => state.kinds.of_name(&bound_kind),
            _ => None,
        };
        let Some(found) = found else {
            let message =
                format!("cannot bind token for serviceaccount to unsupported object {bound_kind}");
            return Err(Refusal::bad_request(message));
        };
        let key = Key::new(&found, &asked.info.namespace, &bound_name);
        let Some(object) = state.store.get(&key) else {
            return Err(Refusal::not_found(&found, &bound_name));
        };
        let has = object["metadata"]["uid"].as_str().unwrap_or_default();
        if !uid.is_empty() && uid != has {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(Refusal::conflict(&found, &bound_name, &why));
        }
        Some((bound_kind, bound_name, has.to_owned()))
    } else {
        None
    };
    let wanted = Wanted {
        audiences: audiences.clone(),
        seconds,
        bound,
    };
    let (token, expires) = state.identities.issue(&account, &wanted, state.clock.now());
    let mut answer = asked.body.clone();
    answer["kind"] = json!("TokenRequest");
    answer["apiVersion"] = json!("authentication.k8s.io/v1");
    answer["metadata"] = json!({"name": name, "namespace": asked.info.namespace, "creationTimestamp": state.clock.stamp()});
    answer["spec"]["audiences"] = json!(audiences);
    answer["spec"]["expirationSeconds"] = json!(seconds);
    answer["status"] = json!({"token": token, "expirationTimestamp": stamp(expires)});
    Ok(Reply::Json(201, answer))
}
