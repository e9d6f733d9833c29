//! What a request to the API server means.

use http::{Method, Uri};
use scanner_core::audit::{Call, Identity};

/// What a request means, as the API server's `RequestInfo` reads it.
pub(super) fn describe(method: &Method, uri: &Uri) -> Call {
    let parts: Vec<&str> = uri.path().split('/').filter(|p| !p.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _version, rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        other => ("", other),
    };
    let (namespace, rest) = match rest {
        // `namespaces/NAME` alone, or with its own subresource, is the namespace itself.
        ["namespaces", name, rest @ ..]
            if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) =>
        {
            (Some(*name), rest)
        }
        ["namespaces", name, ..] => (Some(*name), rest),
        other => (None, other),
    };
    let mut resource = rest.first().copied().unwrap_or_default().to_owned();
    let name = rest.get(1).copied();
    if let Some(subresource) = rest.get(2) {
        resource = format!("{resource}/{subresource}");
    }
    if !group.is_empty() {
        resource = format!("{resource}.{group}");
    }
    let query = uri.query().unwrap_or_default();
    let watches = query
        .split('&')
        .any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1"));
    let verb = match *method {
        Method::GET | Method::HEAD if watches => "watch",
        Method::GET | Method::HEAD if name.is_none() => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if name.is_none() => "deletecollection",
        Method::DELETE => "delete",
        _ => "other",
    };
    Call {
        id: String::new(),
        identity: Identity::Operator,
        verb: verb.into(),
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        uri: uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        payload: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_the_server_reads_them() {
        for (method, uri, verb, resource, namespace, name) in [
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods/web",
                "get",
                "pods",
                "shop",
                "web",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods/web/exec?command=sh",
                "get",
                "pods/exec",
                "shop",
                "web",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods?&labelSelector=a",
                "list",
                "pods",
                "shop",
                "",
            ),
            (
                Method::GET,
                "/apis/batch/v1/namespaces/n/jobs?&watch=true",
                "watch",
                "jobs.batch",
                "n",
                "",
            ),
            (
                Method::POST,
                "/api/v1/namespaces/n/serviceaccounts/s/token?",
                "create",
                "serviceaccounts/token",
                "n",
                "s",
            ),
            (
                Method::DELETE,
                "/apis/rbac.authorization.k8s.io/v1/namespaces/n/roles/r?",
                "delete",
                "roles.rbac.authorization.k8s.io",
                "n",
                "r",
            ),
            (
                Method::PATCH,
                "/api/v1/namespaces/n/pods/p/ephemeralcontainers?",
                "patch",
                "pods/ephemeralcontainers",
                "n",
                "p",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/n",
                "get",
                "namespaces",
                "n",
                "n",
            ),
            (
                Method::GET,
                "/apis/batch/v1/jobs?&labelSelector=x",
                "list",
                "jobs.batch",
                "",
                "",
            ),
            (
                Method::POST,
                "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews?",
                "create",
                "selfsubjectrulesreviews.authorization.k8s.io",
                "",
                "",
            ),
        ] {
            let call = describe(&method, &uri.parse().unwrap());
            assert_eq!(call.verb, verb, "{uri}");
            assert_eq!(call.resource, resource, "{uri}");
            assert_eq!(call.namespace.unwrap_or_default(), namespace, "{uri}");
            assert_eq!(call.name.unwrap_or_default(), name, "{uri}");
            assert_eq!(call.uri, uri);
        }
    }
}
