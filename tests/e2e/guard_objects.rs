//! What belongs to a scan under the admission guard: a tenant tries to change it, and the cluster's controllers must.

mod attacks;

use hyper::Method;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use scanner_tests::{TestNamespace, eventually, guarded::Guarded, lab_only, shell::run_in};
use serde_json::{Value, json};

use attacks::{Attack, NAME, attacks, template};

/// A request as somebody, and the server's answer: `done`, or its message.
async fn says(
    site: &TestNamespace,
    user: Option<&str>,
    method: Method,
    path: &str,
    body: &Value,
) -> String {
    let kind = match (method.as_str(), body.is_array()) {
        ("PATCH", true) => "application/json-patch+json",
        ("PATCH", false) if path.contains("ephemeralcontainers") => {
            "application/strategic-merge-patch+json"
        }
        ("PATCH", false) => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", kind);
    if let Some(user) = user {
        request = request
            .header("Impersonate-User", user)
            .header("Impersonate-Group", "system:authenticated");
    }
    let body = if body.is_null() {
        vec![]
    } else {
        body.to_string().into_bytes()
    };
    let request = request.body(body).expect("request");
    match site.client.request_text(request).await {
        Ok(_) => "done".into(),
        Err(error) => error.to_string(),
    }
}

async fn make(site: &TestNamespace, path: &str, object: &Value) -> Value {
    let request = hyper::Request::post(path)
        .header("Content-Type", "application/json")
        .body(object.to_string().into_bytes())
        .expect("request");
    site.client.request(request).await.expect("it is made")
}

/// A user who may do everything in the namespace but what the guard's own group says.
async fn tenant(site: &TestNamespace, namespace: &str) {
    site.bind(namespace, "tenant", "admin").await;
    let groups = ["", "apps", "batch", "networking.k8s.io", "policy"];
    let role = json!({
        "metadata": {"name": "tenant"},
        "rules": [
            {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["*"]},
        ],
    });
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    make(site, &format!("{rbac}/roles"), &role).await;
    let binding = json!({
        "metadata": {"name": "tenant-all"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}],
    });
    make(site, &format!("{rbac}/rolebindings"), &binding).await;
    // The authorizer learns of it a moment later: the role is the tenant's own, and takes nothing else.
    eventually("the tenant's rights", async || {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs?dryRun=All");
        let job = json!({"metadata": {"name": "own"}, "spec": {"template": template()}});
        (says(site, Some("tenant"), Method::POST, &path, &job).await == "done").then_some(())
    })
    .await;
}

/// The objects of a scan, and a pod: the lease ends after that many seconds.
async fn objects(site: &TestNamespace, seconds: u32) {
    let namespace = &site.namespace;
    let labels = json!({"secure-scan.io/scan": "deadbeef01"});
    let lease = json!({
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "parallelism": 0, "activeDeadlineSeconds": seconds, "ttlSecondsAfterFinished": 0, "template": template(),
        },
    });
    let lease = make(
        site,
        &format!("/apis/batch/v1/namespaces/{namespace}/jobs"),
        &lease,
    )
    .await;
    let owned = json!({
        "name": NAME, "labels": labels,
        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": NAME, "uid": lease["metadata"]["uid"]}],
    });
    let core = format!("/api/v1/namespaces/{namespace}");
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let policies = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies");
    let exec = json!({"apiGroups": [""], "resources": ["pods/exec"], "resourceNames": ["web"], "verbs": ["get", "create"]});
    for (path, object) in [
        (
            format!("{core}/serviceaccounts"),
            json!({"automountServiceAccountToken": false}),
        ),
        (format!("{core}/secrets"), json!({"type": "Opaque"})),
        (format!("{rbac}/roles"), json!({"rules": [exec]})),
        (
            format!("{rbac}/rolebindings"),
            json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
            }),
        ),
        (
            policies,
            json!({"spec": {"podSelector": {}, "policyTypes": ["Egress"]}}),
        ),
        (
            format!("{core}/pods"),
            json!({"spec": {
                "automountServiceAccountToken": false, "activeDeadlineSeconds": 60, "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "registry.invalid/none:1"}],
            }}),
        ),
    ] {
        let mut object = object;
        object["metadata"] = owned.clone();
        make(site, &path, &object).await;
    }
}

#[tokio::test]
async fn a_tenant_changes_nothing_of_a_scan_and_the_controllers_remove_all_of_it() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardmine").await;
    let namespace = site.namespace.clone();
    tenant(&site, &namespace).await;
    let guard = Guarded::install(&site).await;
    // Long enough for every attack.
    objects(&site, 600).await;
    let mut said = Vec::new();
    for Attack {
        what,
        method,
        path,
        body,
        words,
    } in attacks(&namespace)
    {
        let answer = says(&site, Some("tenant"), method, &path, &body).await;
        said.push((what, words, answer));
    }
    let core = format!("/api/v1/namespaces/{namespace}");
    // What is the tenant's own, and a pod of a scan, which its node and an eviction must be able to delete.
    let mut own = Vec::new();
    for (method, path, body) in [
        (
            Method::POST,
            format!("{core}/secrets"),
            json!({"metadata": {"name": "own"}}),
        ),
        (
            Method::PATCH,
            format!("{core}/secrets/own"),
            json!({"data": {"a": "Yg=="}}),
        ),
        (Method::DELETE, format!("{core}/secrets/own"), Value::Null),
        (Method::DELETE, format!("{core}/pods/{NAME}"), Value::Null),
    ] {
        let answer = says(&site, Some("tenant"), method, &path, &body).await;
        own.push((path, answer));
    }
    // A target's own containers are their owners', whatever became of the pod.
    for way in ["exec?command=sh&container=app", "portforward", "proxy/"] {
        let path = format!("{core}/pods/web/{way}");
        let answer = says(&site, Some("tenant"), Method::POST, &path, &Value::Null).await;
        assert!(!answer.contains("secure-scan guard"), "{path}: {answer}");
    }
    // The Job controller, the collector of ended Jobs and the garbage collector do the rest once the lease is over.
    let lease = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{NAME}");
    let over = json!({"spec": {"activeDeadlineSeconds": 1}});
    assert_eq!(
        says(&site, None, Method::PATCH, &lease, &over).await,
        "done"
    );
    site.nothing_left(120).await;
    guard.remove(&site).await;
    for (what, words, answer) in said {
        assert!(
            answer.contains("secure-scan guard: ") && answer.contains(words),
            "{what}: {answer}"
        );
    }
    for (path, answer) in own {
        assert_eq!(answer, "done", "{path}");
    }
    site.remove().await;
}

#[tokio::test]
async fn a_namespace_is_deleted_with_what_belongs_to_a_scan() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardgone").await;
    let guard = Guarded::install(&site).await;
    objects(&site, 600).await;
    let path = format!("/api/v1/namespaces/{}", site.namespace);
    let deleted = says(&site, None, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(deleted, "done");
    eventually("the end of the namespace", async || {
        let namespaces = Api::<Namespace>::all(site.client.clone());
        let found = namespaces
            .get_opt(&site.namespace)
            .await
            .expect("the server");
        found.is_none().then_some(())
    })
    .await;
    guard.remove(&site).await;
}

#[tokio::test]
async fn identities_live_only_in_the_namespaces_that_the_guard_was_given() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardsite").await;
    let home = TestNamespace::new("guardhome").await;
    let (here, there) = (site.namespace.clone(), home.namespace.clone());
    tenant(&site, &there).await;
    let guard = Guarded::install_with(&site, &[&there]).await;
    let core = format!("/api/v1/namespaces/{there}");
    let account = json!({"metadata": {"name": NAME}, "automountServiceAccountToken": false});
    make(&site, &format!("{core}/serviceaccounts"), &account).await;
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{here}");
    let planned = "/web/web/~1secure-scan-guard-test";
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods/exec"], "resourceNames": ["web"], "verbs": ["get", "create"]},
        {"apiGroups": ["guard.secure-scan.io"], "resources": ["commands"], "resourceNames": [planned], "verbs": ["run"]},
    ]);
    make(
        &site,
        &format!("{rbac}/roles"),
        &json!({"metadata": {"name": NAME}, "rules": rules}),
    )
    .await;
    let binding = |namespace: &str| {
        json!({
            "metadata": {"name": NAME},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
        })
    };
    let bindings = format!("{rbac}/rolebindings");
    let foreign = says(&site, None, Method::POST, &bindings, &binding("default")).await;
    let ours = says(&site, None, Method::POST, &bindings, &binding(&there)).await;
    // The guard limits it by the Role of the target's namespace, whatever namespace it lives in.
    let user = format!("system:serviceaccount:{there}:{NAME}");
    let exec = |command: &str| {
        let pod = format!("/api/v1/namespaces/{here}/pods/web/exec");
        format!("{pod}?container=web&stdout=true&command={command}")
    };
    eventually("the identity's rights", async || {
        let path = exec("%2Fsecure-scan-guard-test");
        let said = says(&site, Some(&user), Method::POST, &path, &Value::Null).await;
        said.to_lowercase().contains("upgrade").then_some(())
    })
    .await;
    let other = says(
        &site,
        Some(&user),
        Method::POST,
        &exec("%2Fbin%2Fsh"),
        &Value::Null,
    )
    .await;
    let mut taken = Vec::new();
    let thefts = [
        "a token of the identity",
        "a Secret that is filled with a token",
        "a pod as the identity",
    ];
    for Attack {
        what,
        method,
        path,
        body,
        words,
    } in attacks(&there)
    {
        if thefts.contains(&what) {
            taken.push((
                what,
                words,
                says(&site, Some("tenant"), method, &path, &body).await,
            ));
        }
    }
    guard.remove(&site).await;
    assert!(foreign.contains("bound to its own Role"), "{foreign}");
    assert_eq!(ours, "done");
    assert!(other.contains("were not planned by the scan"), "{other}");
    assert_eq!(taken.len(), thefts.len());
    for (what, words, answer) in taken {
        assert!(
            answer.contains("secure-scan guard: ") && answer.contains(words),
            "{what}: {answer}"
        );
    }
    tokio::join!(site.remove(), home.remove());
}

#[tokio::test]
async fn the_guard_refuses_an_exec_that_is_upgraded_before_it_starts() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardup").await;
    let guard = Guarded::install(&site).await;
    // Guarded gave it the right to exec, and no limits.
    let user = format!(
        "system:serviceaccount:{}:secure-scan-0000000000",
        site.namespace
    );
    let mut said = Vec::new();
    for (method, upgrade, header, protocol) in [
        (
            "POST",
            "SPDY/3.1",
            "X-Stream-Protocol-Version",
            "v4.channel.k8s.io",
        ),
        (
            "POST",
            "websocket",
            "Sec-WebSocket-Protocol",
            "v5.channel.k8s.io",
        ),
    ] {
        for query in [
            "command=touch&command=/tmp/stolen",
            "container=web&container=web&command=touch&command=/tmp/stolen&tty=true",
            "%63ommand=touch&command=/tmp/stolen",
        ] {
            let uri = format!(
                "/api/v1/namespaces/{}/pods/web/exec?stdout=true&{query}",
                site.namespace
            );
            let request = hyper::Request::builder()
                .method(method)
                .uri(uri)
                .header("Impersonate-User", &user)
                .header("Connection", "Upgrade")
                .header("Upgrade", upgrade)
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
                .header(header, protocol)
                .body(vec![])
                .expect("request");
            let answer = site.client.request_text(request).await;
            said.push((
                upgrade,
                query,
                answer.map_or_else(|error| error.to_string(), |_| "done".into()),
            ));
        }
    }
    let target = site.target("web").await;
    let look = [
        "/bin/sh",
        "-c",
        "test -e /tmp/stolen && echo yes || echo no",
    ];
    let ran = run_in(&site.client, &target, &look, b"")
        .await
        .expect("a look");
    guard.remove(&site).await;
    for (upgrade, query, answer) in said {
        assert!(
            answer.contains("secure-scan guard: "),
            "{upgrade} {query}: {answer}"
        );
    }
    assert_eq!(String::from_utf8_lossy(&ran).trim(), "no");
    site.remove().await;
}
