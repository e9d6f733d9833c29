//! The admission guard in one namespace of a shared cluster.

use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::Request;
use serde_json::{Value, json};

use crate::{
    TestNamespace, eventually,
    program::{ProgramOutput, program},
};

/// Has the name of a scan identity, may exec, and has no limits.
const STRANGER: &str = "secure-scan-0000000000";

/// May make objects, and not what belongs to a scan.
const TENANT: &str = "waits-for-the-guard";

/// A request that one policy alone refuses; nothing is made.
struct Sign {
    /// The policy, by what its name has after the guard's.
    policy: &'static str,
    method: hyper::Method,
    path: String,
    user: Option<String>,
    body: Value,
}

/// One for each policy; where no pod is, for those that need none.
fn signs(namespace: &str, has_pod: bool) -> Vec<Sign> {
    let core = format!("/api/v1/namespaces/{namespace}");
    let account = |mounted: bool| {
        json!({
            "metadata": {"name": "secure-scan-00000000"}, "automountServiceAccountToken": mounted,
        })
    };
    let accounts = format!("{core}/serviceaccounts?dryRun=All");
    let sign = |policy, method, path: String, user, body| Sign {
        policy,
        method,
        path,
        user,
        body,
    };
    let post = hyper::Method::POST;
    let mut all = vec![
        sign(
            "-identities",
            post.clone(),
            accounts.clone(),
            None,
            account(true),
        ),
        sign(
            "-objects",
            post.clone(),
            accounts,
            Some(TENANT.to_owned()),
            account(false),
        ),
    ];
    if has_pod {
        let stranger = format!("system:serviceaccount:{namespace}:{STRANGER}");
        let exec = format!("{core}/pods/web/exec?command=true");
        all.push(sign("", post, exec, Some(stranger), Value::Null));
        let probe = json!({"spec": {"ephemeralContainers": [{
            "name": "secure-scan-00000000", "image": "registry.invalid/none:1", "stdin": true,
        }]}});
        let path = format!("{core}/pods/web/ephemeralcontainers?dryRun=All");
        all.push(sign("-probes", hyper::Method::PATCH, path, None, probe));
    }
    all
}

/// Whether the server refuses it for that policy by now.
async fn in_force(site: &TestNamespace, guard: &str, sign: &Sign) -> Option<()> {
    let kind = if sign.method == hyper::Method::PATCH {
        "application/strategic-merge-patch+json"
    } else {
        "application/json"
    };
    let mut request = hyper::Request::builder()
        .method(&sign.method)
        .uri(&sign.path)
        .header("Content-Type", kind);
    if let Some(user) = &sign.user {
        request = request.header("Impersonate-User", user);
    }
    let body = match &sign.body {
        Value::Null => vec![],
        body => body.to_string().into_bytes(),
    };
    let policy = format!("'{guard}{}'", sign.policy);
    match site
        .client
        .request_text(request.body(body).expect("request"))
        .await
    {
        Err(kube::Error::Api(status)) => status.message.contains(&policy).then_some(()),
        _ => None,
    }
}

/// A guard that covers one test namespace alone.
pub struct Guarded {
    /// Name of its policies.
    pub name: String,
    objects: Vec<(String, Value)>,
}

impl Guarded {
    /// Installs what `secure-scan guard render` prints, and waits until it refuses.
    pub async fn install(site: &TestNamespace) -> Self {
        Self::install_with(site, &[]).await
    }

    /// The same for identities that may also live in the namespaces of `homes`.
    pub async fn install_with(site: &TestNamespace, homes: &[&str]) -> Self {
        let name = format!("guard-{}", site.namespace);
        let selector = format!("kubernetes.io/metadata.name={}", site.namespace);
        let mut args = vec![
            "guard",
            "render",
            "--name",
            &name,
            "--namespace-selector",
            &selector,
        ];
        args.extend(homes.iter().flat_map(|home| ["--identity-namespace", home]));
        let output: ProgramOutput = program(&args).output().await.expect("it starts").into();
        assert_eq!(output.code, 0, "{output:?}");
        // Before there is a guard, which would refuse it.
        site.allow(STRANGER, &[("", "pods/exec", "create")]).await;
        let mut objects = Vec::new();
        for document in output.out.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(document).expect("YAML");
            let (group, kind) = (&object["apiVersion"], &object["kind"]);
            let plural = match kind.as_str().expect("kind") {
                "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
                "ValidatingAdmissionPolicyBinding" => "validatingadmissionpolicybindings",
                _ => "clusterroles",
            };
            let path = format!("/apis/{}/{plural}", group.as_str().expect("version"));
            let body = object.to_string().into_bytes();
            let request = Request::new(&path).create(&kube::api::PostParams::default(), body);
            let made: Value = site
                .client
                .request(request.expect("request"))
                .await
                .expect("create");
            assert!(made["metadata"]["uid"].is_string());
            objects.push((path, object));
        }
        // The API server takes a policy into use a moment after it was written.
        for namespace in [&[site.namespace.as_str()], homes].concat() {
            site.bind(namespace, TENANT, "edit").await;
            for sign in signs(namespace, namespace == site.namespace) {
                let what = format!("policy {:?} in force in {namespace}", sign.policy);
                eventually(&what, async || in_force(site, &name, &sign).await).await;
            }
        }
        Self { name, objects }
    }

    /// Changes a field of the first policy.
    pub async fn change(&self, site: &TestNamespace, change: &Value) {
        let (path, object) = &self.objects[0];
        let name = object["metadata"]["name"].as_str().expect("name");
        let params = kube::api::PatchParams::default();
        let request = Request::new(path).patch(name, &params, &kube::api::Patch::Merge(change));
        let _: Value = site
            .client
            .request(request.expect("request"))
            .await
            .expect("patch");
    }

    /// Removes it.
    pub async fn remove(&self, site: &TestNamespace) {
        for (path, object) in &self.objects {
            let name = object["metadata"]["name"].as_str().expect("name");
            let params = kube::api::DeleteParams::default();
            let request = Request::new(path).delete(name, &params);
            let _: Value = site
                .client
                .request(request.expect("request"))
                .await
                .expect("delete");
        }
    }
}

impl TestNamespace {
    /// Gives a user a cluster role in a namespace.
    pub async fn bind(&self, namespace: &str, user: &str, role: &str) {
        let binding = json!({
            "metadata": {"name": format!("{user}-{role}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        let binding = serde_json::from_value(binding).expect("binding");
        let bindings = kube::Api::<RoleBinding>::namespaced(self.client.clone(), namespace);
        let made = bindings
            .create(&kube::api::PostParams::default(), &binding)
            .await;
        made.expect("create binding");
    }

    /// Runs `secure-scan guard` with `args` to its end.
    pub async fn guard(&self, args: &[&str]) -> ProgramOutput {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut all = vec!["guard"];
        all.extend(args);
        all.extend(["--context", &context]);
        program(&all).output().await.expect("it starts").into()
    }
}
