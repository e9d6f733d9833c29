//! End-to-end tests of secure-scan: a namespace, a pod and a scan of it on a real cluster.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "helpers of tests: what fails here fails the test"
)]

mod attacker;
pub mod audit_log;
pub mod by_hand;
pub mod console;
pub mod fake;
pub mod fault;
pub mod guarded;
pub mod memory_reader;
pub mod part;
pub mod program;
pub mod registry;
pub mod second_server;
pub mod shell;
mod wait;
pub mod way_proxy;

pub use program::lab_only;
pub use wait::eventually;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Namespace, Pod, Secret, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
};
use scanner_core::{ScanPlan, Target, target::PodSelection, target::TargetRequest};
use scanner_k8s::{
    Cluster, ScanScope, names,
    plan::{manifest, resolve::resolve},
};
use serde_json::{Value, json};

/// A namespace with one running pod, on the cluster that `SCANNER_E2E_CONTEXT` names.
pub struct TestNamespace {
    /// The tests' own client.
    pub client: Client,
    /// The cluster, as secure-scan uses it.
    pub cluster: Cluster,
    /// The namespace.
    pub namespace: String,
}

impl TestNamespace {
    /// Makes a namespace with a pod `web` that runs.
    pub async fn new(test: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let context = std::env::var("SCANNER_E2E_CONTEXT")
            .expect("SCANNER_E2E_CONTEXT names the cluster; run: cargo xtask test");
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            ..KubeConfigOptions::default()
        };
        let kubeconfig = Kubeconfig::read().expect("kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .expect("context");
        let client = Client::try_from(config).expect("client");
        let cluster = Cluster::kubeconfig(None, Some(&context))
            .await
            .expect("a cluster");
        let id = uuid::Uuid::new_v4().simple().to_string();
        let namespace = format!("e2e-{test}-{}", &id[..6]);
        let object = json!({"metadata": {"name": namespace}});
        let namespaces = Api::<Namespace>::all(client.clone());
        let object = serde_json::from_value(object).expect("namespace");
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .expect("create namespace");
        let site = Self {
            client,
            cluster,
            namespace,
        };
        site.pod("web").await;
        site
    }

    /// Creates a pod and waits until it runs.
    pub async fn pod(&self, name: &str) {
        let image = std::env::var("SCANNER_E2E_IMAGE").unwrap_or("lab.local/busybox:1".into());
        self.pod_of(name, &image, "Running").await;
    }

    /// Creates a pod of `image` and waits until it is in `wanted` phase.
    pub async fn pod_of(&self, name: &str, image: &str, wanted: &str) {
        self.pod_like(name, image, wanted, &json!({}), &json!({}))
            .await;
    }

    /// The same with more fields in the specification and in the container's security context.
    pub async fn pod_like(
        &self,
        name: &str,
        image: &str,
        wanted: &str,
        more: &Value,
        security: &Value,
    ) {
        let mut spec = json!({
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "web", "image": image, "imagePullPolicy": "IfNotPresent",
                "securityContext": security,
            }],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let object: Pod = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": spec,
        }))
        .expect("pod");
        let pods = self.api::<Pod>();
        // The namespace's default ServiceAccount appears a moment after it.
        eventually("the pod is created", async || {
            pods.create(&PostParams::default(), &object).await.ok()
        })
        .await;
        eventually(wanted, async || {
            let now = pods.get_opt(name).await.expect("get pod");
            let phase = now?.status?.phase?;
            (phase == wanted).then_some(())
        })
        .await;
    }

    /// Resolves a pod by name.
    pub async fn target(&self, name: &str) -> Target {
        let request = TargetRequest {
            namespace: self.namespace.parse().expect("name"),
            pod: PodSelection::Name(name.parse().expect("name")),
            container: None,
        };
        resolve(self.cluster.begin().operator(), &request)
            .await
            .expect("resolve")
            .target
    }

    /// A scan of pod `web` that was planned and has created nothing yet.
    pub async fn scan_scope(&self, lease_seconds: u32) -> Arc<ScanScope> {
        let target = self.target("web").await;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let id = id[..8].parse().expect("id");
        let mut plan = ScanPlan::new(id, target, "exec", "e2e");
        plan.rules = vec![manifest::exec_rule(plan.target.pod.as_str())];
        plan.lease_seconds = lease_seconds;
        ScanScope::new(self.cluster.begin(), plan, None)
    }

    /// Every object that carries a scan's label.
    pub async fn leftovers(&self) -> Vec<String> {
        self.labelled_with(names::SCAN_LABEL).await
    }

    /// Every object that carries the label of the scan with that id.
    pub async fn leftovers_of(&self, scan: &str) -> Vec<String> {
        let selector = format!("{}={scan}", names::SCAN_LABEL);
        self.labelled_with(&selector).await
    }

    async fn labelled_with(&self, selector: &str) -> Vec<String> {
        let mut found = self.labelled::<Job>(selector).await;
        found.extend(self.labelled::<ServiceAccount>(selector).await);
        found.extend(self.labelled::<Secret>(selector).await);
        found.extend(self.labelled::<Role>(selector).await);
        found.extend(self.labelled::<RoleBinding>(selector).await);
        found.extend(self.labelled::<Pod>(selector).await);
        found.extend(self.labelled::<NetworkPolicy>(selector).await);
        found
    }

    async fn labelled<K>(&self, selector: &str) -> Vec<String>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + for<'de> serde::Deserialize<'de>,
    {
        let params = ListParams::default().labels(selector);
        let list = self.api::<K>().list_metadata(&params).await.expect("list");
        let kind = K::kind(&());
        list.items
            .into_iter()
            .map(|o| format!("{kind} {}", o.metadata.name.unwrap_or_default()))
            .collect()
    }

    /// An API of this namespace, as the tests' own client.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes the namespace enforce a Pod Security level.
    pub async fn enforce(&self, level: &str) {
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let params = PatchParams::default();
        let patch = Patch::Merge(&labels);
        let labelled = namespaces.patch(&self.namespace, &params, &patch);
        labelled.await.expect("label the namespace");
        if level == "privileged" {
            return;
        }
        // Admission learns of it a moment later.
        eventually("a Pod Security level in force", async || {
            let refused = self.try_pod(&json!({"hostPID": true})).await.err()?;
            refused.to_string().contains("PodSecurity").then_some(())
        })
        .await;
    }

    /// What the server would make of a pod with these fields of a specification; it makes none.
    ///
    /// # Errors
    ///
    /// Fails where the server refuses it.
    pub async fn try_pod(&self, spec: &Value) -> kube::Result<Pod> {
        let mut pod = json!({
            "metadata": {"generateName": "try-"},
            "spec": {"containers": [{"name": "web", "image": "registry.invalid/none:1"}]},
        });
        for (key, value) in spec.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
        let pod = serde_json::from_value(pod).map_err(kube::Error::SerdeError)?;
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        self.api::<Pod>().create(&dry, &pod).await
    }

    /// Deletes one pod at once.
    pub async fn remove_pod(&self, name: &str) {
        let now = DeleteParams::default().grace_period(0);
        let _ = self.api::<Pod>().delete(name, &now).await;
    }

    /// Waits until no object carries a scan's label, at most that many seconds.
    pub async fn nothing_left(&self, seconds: u32) {
        for _ in 0..seconds {
            if self.leftovers().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(self.leftovers().await, Vec::<String>::new());
    }

    /// Deletes the namespace.
    pub async fn remove(self) {
        let namespaces = Api::<Namespace>::all(self.client);
        let _ = namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await;
    }
}
