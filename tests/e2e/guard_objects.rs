//! What belongs to a scan under the admission guard: a tenant tries to change it, and the cluster's controllers must.

use hyper::Method;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use scanner_tests::{TestNamespace, eventually, guarded::Guarded, lab_only, shell::run_in};
use serde_json::{Value, json};

const NAME: &str = "secure-scan-deadbeef01";
const MINE: &str = "only those who may manage scans.guard.secure-scan.io can create, change or enter objects of a scan";
const SECRET: &str = "no Secret is filled";
const RUNS: &str = "no pod may run as a scan identity";
const PROBE: &str = "whoever adds it";

/// A request as somebody, and what the server says of it: `done`, or its words.
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

fn template() -> Value {
    json!({"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.invalid/none:1"}],
    }})
}

/// What a scan makes, and a pod: the lease ends after that many seconds.
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

/// What a tenant tries, and the words of the refusal.
struct Attack {
    what: &'static str,
    method: Method,
    path: String,
    body: Value,
    words: &'static str,
}

fn attack(
    what: &'static str,
    method: Method,
    path: &str,
    body: Value,
    words: &'static str,
) -> Attack {
    Attack {
        what,
        method,
        path: path.to_owned(),
        body,
        words,
    }
}

fn patch(what: &'static str, path: &str, body: Value) -> Attack {
    attack(what, Method::PATCH, path, body, MINE)
}

fn delete(what: &'static str, path: &str) -> Attack {
    attack(what, Method::DELETE, path, Value::Null, MINE)
}

const BY_LABEL: &str = "labelSelector=secure-scan.io/scan";

/// Every way in which a tenant disarms a lease, takes or enters what is a scan's, or is its identity.
fn attacks(namespace: &str) -> Vec<Attack> {
    let mut all = on_the_lease(namespace);
    all.extend(on_objects(namespace));
    all.extend(on_the_pod(namespace));
    all.extend(in_its_name(namespace));
    all.extend(as_its_identity(namespace));
    all.extend(as_its_probe(namespace));
    all
}

fn core(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}")
}

fn policies(namespace: &str) -> String {
    format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")
}

fn on_the_lease(namespace: &str) -> Vec<Attack> {
    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let job = format!("{jobs}/{NAME}");
    let orphan = json!({"propagationPolicy": "Orphan"});
    let spec = |what, spec: Value| patch(what, &job, json!({"spec": spec}));
    let all = format!("{jobs}?{BY_LABEL}");
    vec![
        attack(
            "delete the lease and leave what it owns",
            Method::DELETE,
            &job,
            orphan.clone(),
            MINE,
        ),
        attack(
            "delete every lease by label",
            Method::DELETE,
            &all,
            orphan,
            MINE,
        ),
        delete("delete the lease", &job),
        spec("another deadline", json!({"activeDeadlineSeconds": 3600})),
        spec(
            "no end after the deadline",
            json!({"ttlSecondsAfterFinished": null}),
        ),
        spec("suspend the lease", json!({"suspend": true})),
        patch(
            "another status",
            &format!("{job}/status"),
            json!({"status": {"active": 1}}),
        ),
        patch(
            "a finalizer on the lease",
            &job,
            json!({"metadata": {"finalizers": ["example.com/stay"]}}),
        ),
        patch(
            "the lease without its label",
            &job,
            json!([{"op": "remove", "path": "/metadata/labels"}]),
        ),
    ]
}

fn on_objects(namespace: &str) -> Vec<Attack> {
    let core = core(namespace);
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let (account, secret) = (
        format!("{core}/serviceaccounts/{NAME}"),
        format!("{core}/secrets/{NAME}"),
    );
    let (role, binding) = (
        format!("{rbac}/roles/{NAME}"),
        format!("{rbac}/rolebindings/{NAME}"),
    );
    let policy = format!("{}/{NAME}", policies(namespace));
    let unowned = || json!({"metadata": {"ownerReferences": null}});
    let elsewhere = json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}});
    vec![
        patch("an account without its owner", &account, unowned()),
        patch(
            "a mounted token",
            &account,
            json!({"automountServiceAccountToken": true}),
        ),
        delete("delete the account", &account),
        delete("delete the Secret", &secret),
        patch("a Secret without its owner", &secret, unowned()),
        delete(
            "delete every Secret by label",
            &format!("{core}/secrets?{BY_LABEL}"),
        ),
        patch("a Role of more", &role, json!({"rules": []})),
        delete("delete the Role", &role),
        patch("a binding for another", &binding, json!({"subjects": []})),
        patch("a binding without its owner", &binding, unowned()),
        delete("delete the binding", &binding),
        delete("delete the policy", &policy),
        patch("a policy for no pod", &policy, elsewhere),
    ]
}

fn on_the_pod(namespace: &str) -> Vec<Attack> {
    let pod = format!("{}/pods/{NAME}", core(namespace));
    let enter =
        |what, method, way: &str| attack(what, method, &format!("{pod}/{way}"), Value::Null, MINE);
    let added = format!("{pod}/ephemeralcontainers");
    vec![
        patch(
            "a pod without its owner",
            &pod,
            json!({"metadata": {"ownerReferences": null}}),
        ),
        patch(
            "a pod without its label",
            &pod,
            json!({"metadata": {"labels": null}}),
        ),
        patch(
            "a container in the scan's pod",
            &added,
            added_container("other", &json!({})),
        ),
        enter(
            "an exec into the scan's pod",
            Method::POST,
            "exec?command=sh",
        ),
        enter(
            "an attach to the scan's pod",
            Method::GET,
            "attach?stdout=true",
        ),
        enter("a proxy to the scan's pod", Method::GET, "proxy/"),
        enter(
            "a port forward to the scan's pod",
            Method::POST,
            "portforward",
        ),
    ]
}

fn in_its_name(namespace: &str) -> Vec<Attack> {
    let core = core(namespace);
    let make = |what, path: &str, object: Value| attack(what, Method::POST, path, object, MINE);
    let named = json!({"automountServiceAccountToken": false, "metadata": {"name": "secure-scan-deadbeef02"}});
    let labelled =
        json!({"metadata": {"name": "other", "labels": {"secure-scan.io/scan": "deadbeef01"}}});
    vec![
        make(
            "an object in a scan's name",
            &format!("{core}/serviceaccounts"),
            named,
        ),
        make(
            "an object with a scan's label",
            &format!("{core}/secrets"),
            labelled.clone(),
        ),
        make(
            "a policy with a scan's label",
            &policies(namespace),
            labelled,
        ),
    ]
}

fn as_its_identity(namespace: &str) -> Vec<Attack> {
    let core = core(namespace);
    let post = |what, kind: &str, object: Value, words| {
        attack(what, Method::POST, &format!("{core}/{kind}"), object, words)
    };
    let runs = |field: &str| {
        let mut pod = json!({"metadata": {"name": "stranger"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        pod["spec"][field] = NAME.into();
        pod
    };
    let filled = json!({
        "metadata": {"name": "innocent", "annotations": {"kubernetes.io/service-account.name": NAME}},
        "type": "kubernetes.io/service-account-token",
    });
    let bound = json!({"spec": {
        "audiences": [], "expirationSeconds": 600, "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": NAME},
    }});
    vec![
        post(
            "a token of the identity",
            &format!("serviceaccounts/{NAME}/token"),
            bound,
            MINE,
        ),
        post(
            "a Secret that is filled with a token",
            "secrets",
            filled,
            SECRET,
        ),
        post(
            "a pod as the identity",
            "pods",
            runs("serviceAccountName"),
            RUNS,
        ),
        post(
            "a pod as the identity by the old name",
            "pods",
            runs("serviceAccount"),
            RUNS,
        ),
    ]
}

fn as_its_probe(namespace: &str) -> Vec<Attack> {
    let path = format!("{}/pods/web/ephemeralcontainers", core(namespace));
    let probe = |what, more: Value| {
        attack(
            what,
            Method::PATCH,
            &path,
            added_container(NAME, &more),
            PROBE,
        )
    };
    vec![probe(
        "a privileged container in a probe's name",
        json!({"securityContext": {"privileged": true}}),
    )]
}

fn added_container(name: &str, more: &Value) -> Value {
    let mut one = json!({"name": name, "image": "registry.invalid/none:1"});
    for (key, value) in more.as_object().into_iter().flatten() {
        one[key] = value.clone();
    }
    json!({"spec": {"ephemeralContainers": [one]}})
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
    // Long enough for every attack, and short enough to wait for.
    objects(&site, 25).await;
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
    // The Job controller, the collector of ended Jobs and the garbage collector do the rest.
    site.nothing_left(60).await;
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
