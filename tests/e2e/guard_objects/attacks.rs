//! What a tenant tries on the objects of a scan, and by which words the guard refuses each.

use hyper::Method;
use serde_json::{Value, json};

/// Name of the scan that is attacked.
pub(super) const NAME: &str = "secure-scan-deadbeef01";
const MINE: &str = "only those who may manage scans.guard.secure-scan.io can create, change or enter objects of a scan";
const SECRET: &str = "no Secret is filled";
const RUNS: &str = "no pod may run as a scan identity";
const PROBE: &str = "whoever adds it";

pub(super) fn template() -> Value {
    json!({"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.invalid/none:1"}],
    }})
}

/// An attempt of a tenant, and the words of the refusal.
pub(super) struct Attack {
    pub(super) what: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) words: &'static str,
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
pub(super) fn attacks(namespace: &str) -> Vec<Attack> {
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
    let into_target = |what, method, way: &str| {
        let path = format!(
            "{}/pods/web/{way}?command=sh&stdout=true&container={NAME}",
            core(namespace)
        );
        attack(what, method, &path, Value::Null, MINE)
    };
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
        into_target(
            "an exec into the scan's container of a target",
            Method::POST,
            "exec",
        ),
        into_target(
            "an attach to the scan's container of a target",
            Method::GET,
            "attach",
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
