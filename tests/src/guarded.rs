//! The admission guard in one namespace of a shared cluster.

use kube::api::Request;
use serde_json::Value;

use crate::{
    TestNamespace, eventually,
    program::{ProgramOutput, program},
};

/// A guard that covers one test namespace alone.
pub struct Guarded {
    /// Name of its policies.
    pub name: String,
    objects: Vec<(String, Value)>,
}

impl Guarded {
    /// Installs what `secure-scan guard render` prints, and waits until it refuses.
    pub async fn install(site: &TestNamespace) -> Self {
        let name = format!("guard-{}", site.namespace);
        let selector = format!("kubernetes.io/metadata.name={}", site.namespace);
        let args = [
            "guard",
            "render",
            "--name",
            &name,
            "--namespace-selector",
            &selector,
        ];
        let output: ProgramOutput = program(&args).output().await.expect("it starts").into();
        assert_eq!(output.code, 0, "{output:?}");
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
        // The API server takes a policy into use a moment after it was written. Until then an exec by who has
        // the name of a scan identity, and no limits, is asked to upgrade.
        let account = "secure-scan-0000000000";
        site.allow(account, &[("", "pods/exec", "create")]).await;
        let exec = format!(
            "/api/v1/namespaces/{}/pods/web/exec?command=true",
            site.namespace
        );
        let identity = format!("system:serviceaccount:{}:{account}", site.namespace);
        eventually("the guard in force", async || {
            let request = hyper::Request::post(&exec)
                .header("Impersonate-User", &identity)
                .body(Vec::new())
                .expect("request");
            match site.client.request_text(request).await {
                Err(kube::Error::Api(status)) => status.message.contains(&name).then_some(()),
                _ => None,
            }
        })
        .await;
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
    /// Runs `secure-scan guard` with `args` to its end.
    pub async fn guard(&self, args: &[&str]) -> ProgramOutput {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut all = vec!["guard"];
        all.extend(args);
        all.extend(["--context", &context]);
        program(&all).output().await.expect("it starts").into()
    }
}
