//! What a cluster can do to a lease, by admission policies of one namespace: the scan ends before anything
//! that the lease would not remove is made, and says why.

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams, Request},
};
use scanner_k8s::plan::manifest;
use scanner_tests::{TestNamespace, eventually};
use serde_json::{Value, json};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

/// By this the test sees that a policy is in force.
const MARK: &str =
    "[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'e2e': 'changed'}}]";

/// A mutating policy that covers one test namespace alone.
pub(crate) struct Policy(String);

impl Policy {
    /// Applies `patch` (a CEL list of JSON patches) to what is created of `resource`.
    pub(crate) async fn install(
        site: &TestNamespace,
        group: &str,
        resource: &str,
        patch: &str,
    ) -> Self {
        let name = site.namespace.clone();
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": [resource],
                }]},
                "mutations": [
                    {"patchType": "JSONPatch", "jsonPatch": {"expression": patch}},
                    {"patchType": "JSONPatch", "jsonPatch": {"expression": MARK}},
                ],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "matchResources": {"namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": name},
            }}},
        });
        for (plural, object) in [
            ("mutatingadmissionpolicies", policy),
            ("mutatingadmissionpolicybindings", binding),
        ] {
            let place = format!("{GROUP}/{plural}");
            let body = object.to_string().into_bytes();
            let request = Request::new(&place).create(&PostParams::default(), body);
            let made: Result<Value, _> = site.client.request(request.expect("request")).await;
            made.expect("create");
        }
        // The API server applies a policy a moment after it was written: it then changes objects, or refuses those that it
        // cannot change.
        let sample = match resource {
            "jobs" => manifest::lease(&"0".repeat(8).parse().expect("id"), &name, 60),
            "pods" => json!({
                "metadata": {"generateName": "try-", "labels": {"a": "b"}},
                "spec": {
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{"name": "c", "image": "c:1"}],
                },
            }),
            _ => json!({"metadata": {"generateName": "try-"}}),
        };
        let base = if group.is_empty() {
            "/api/v1"
        } else {
            "/apis/batch/v1"
        };
        let place = format!("{base}/namespaces/{name}/{resource}");
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        eventually("the policy in force", async || {
            let body = sample.to_string().into_bytes();
            let request = Request::new(&place).create(&dry, body).expect("request");
            match site.client.request::<Value>(request).await {
                Ok(made) => made["metadata"]["annotations"]["e2e"]
                    .is_string()
                    .then_some(()),
                Err(error) => error.to_string().contains(&name).then_some(()),
            }
        })
        .await;
        Self(name)
    }

    pub(crate) async fn remove(&self, site: &TestNamespace) {
        for plural in [
            "mutatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
        ] {
            let path = format!("{GROUP}/{plural}");
            let request = Request::new(&path).delete(&self.0, &DeleteParams::default());
            let gone: Result<Value, _> = site.client.request(request.expect("request")).await;
            gone.expect("delete");
        }
    }
}

pub(crate) fn set(path: &str, value: &str) -> String {
    format!("[JSONPatch{{op: 'add', path: '{path}', value: {value}}}]")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_would_not_end_stops_the_scan_before_anything_else_is_created() {
    const NO_OWNER: &str = "[JSONPatch{op: 'remove', path: '/metadata/ownerReferences'}]";
    let more = "[JSONPatch{op: 'add', path: '/metadata/ownerReferences/-', value: {\
        'apiVersion': dyn('v1'), 'kind': dyn('Namespace'), 'name': dyn('x'), 'uid': dyn('x')}}]";
    // Name, group and resource, change, kinds that the scan may have created, and its message.
    let cases = [
        (
            "queue",
            ("batch", "jobs"),
            set("/spec/suspend", "true"),
            "Job",
            "did not start",
        ),
        (
            "ttl",
            ("batch", "jobs"),
            set("/spec/ttlSecondsAfterFinished", "86400"),
            "Job",
            "changed by the cluster and may not end",
        ),
        (
            "deadline",
            ("batch", "jobs"),
            set("/spec/activeDeadlineSeconds", "86400"),
            "Job",
            "changed by the cluster and may not end",
        ),
        (
            "manager",
            ("batch", "jobs"),
            set("/spec/managedBy", "'example.com/queue'"),
            "Job",
            "did not start",
        ),
        (
            "no-owner",
            ("", "serviceaccounts"),
            NO_OWNER.to_owned(),
            "Job ServiceAccount Role  Secret",
            "came with other owners",
        ),
        (
            "no-owner-secret",
            ("", "secrets"),
            NO_OWNER.to_owned(),
            "",
            "came with other owners",
        ),
        (
            "owner",
            ("", "serviceaccounts"),
            more.to_owned(),
            "Job ServiceAccount Role  Secret",
            "came with other owners",
        ),
        (
            "no-label",
            ("batch", "jobs"),
            "[JSONPatch{op: 'remove', path: '/metadata/labels'}]".to_owned(),
            "Job",
            "without the scan's label",
        ),
    ];
    let wrong = join_all(cases.iter().map(
        async |(name, (group, resource), patch, made, expected)| {
            let site = TestNamespace::new(&format!("lease-{name}")).await;
            let policy = Policy::install(&site, group, resource, patch).await;
            let output = site.run(&["web", "-o", "json"]).await;
            policy.remove(&site).await;
            let left = site.leftovers().await;
            let report: Value = serde_json::from_str(&output.out).unwrap_or_default();
            let reason = report["failure"]["message"].to_string();
            let removed = report["post_scan"]["checks"][0]["evidence"].to_string();
            let others = ["ServiceAccount", "Role ", "RoleBinding", "Secret"].iter();
            let extra: Vec<_> = others
                .filter(|kind| {
                    !made.is_empty() && !made.contains(**kind) && removed.contains(*kind)
                })
                .collect();
            let right = output.code == 3
                && reason.contains(expected)
                && left.is_empty()
                && extra.is_empty();
            site.remove().await;
            (!right).then(|| {
                format!(
                    "{name}: code {}: left {left:?}, made {extra:?}: {reason}: {}",
                    output.code, output.err
                )
            })
        },
    ))
    .await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_is_being_deleted() {
    let site = TestNamespace::new("lease-ending").await;
    // What finalizers hold keeps the namespace and its pod.
    let kept = json!({"metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    let kept: ConfigMap = serde_json::from_value(kept).expect("object");
    let maps = site.api::<ConfigMap>();
    maps.create(&PostParams::default(), &kept)
        .await
        .expect("create");
    let free = json!({"metadata": {"finalizers": null}});
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    let pods = site.api::<k8s_openapi::api::core::v1::Pod>();
    let params = PatchParams::default();
    pods.patch("web", &params, &Patch::Merge(&hold))
        .await
        .expect("hold the pod");
    let namespaces = Api::<Namespace>::all(site.client.clone());
    let ended = namespaces
        .delete(&site.namespace, &DeleteParams::default())
        .await;
    ended.expect("delete");
    let output = site.run(&["web", "-o", "json"]).await;
    let left = site.leftovers().await;
    pods.patch("web", &params, &Patch::Merge(&free))
        .await
        .expect("free the pod");
    maps.patch("held", &params, &Patch::Merge(&free))
        .await
        .expect("free");
    assert_eq!(output.code, 3, "{output:?}");
    // The namespace controller deletes the pod a few seconds after the namespace.
    let refused =
        output.out.contains("being terminated") || output.err.contains("web is terminating");
    assert!(refused, "{output:?}");
    assert_eq!(left, Vec::<String>::new());
}
