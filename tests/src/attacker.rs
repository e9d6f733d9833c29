//! A tenant who may create Secrets, and wants the identity of a scan.

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{ListParams, PostParams};
use serde_json::json;

use crate::{TestNamespace, eventually};

/// Name of the Secret that the attacker makes.
const SECRET: &str = "innocent";

impl TestNamespace {
    /// Waits for the account of a scan or a loan in this namespace, and gives its name.
    pub async fn account_of_a_scan(&self) -> String {
        let accounts = self.api::<ServiceAccount>();
        let labelled = ListParams::default().labels("secure-scan.io/scan");
        eventually("the scan's identity", async || {
            let found = accounts.list_metadata(&labelled).await.ok()?.items;
            found.into_iter().next()?.metadata.name
        })
        .await
    }

    /// Makes a Secret that the server fills with a token of `account`.
    pub async fn make_token_secret(&self, account: &str) {
        let secret = serde_json::from_value(json!({
            "type": "kubernetes.io/service-account-token",
            "metadata": {"name": SECRET, "annotations": {"kubernetes.io/service-account.name": account}},
        }));
        let secrets = self.api::<Secret>();
        let made = secrets
            .create(&PostParams::default(), &secret.expect("a Secret"))
            .await;
        made.expect("the attacker may create Secrets");
    }

    /// Waits for the token in that Secret.
    pub async fn stolen_token(&self) -> String {
        let secrets = self.api::<Secret>();
        eventually("a token in the Secret", async || {
            let data = secrets.get_opt(SECRET).await.ok()??.data?;
            String::from_utf8(data.get("token")?.0.clone()).ok()
        })
        .await
    }
}
