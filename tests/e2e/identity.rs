//! Who else can become the scan's identity: attackers with rights in the target's namespace, and what the scan says of them.

use std::future::pending;

use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    authorization::v1::SubjectAccessReview,
    batch::v1::Job,
    core::v1::{Namespace, Pod, Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use scanner_core::Verdict;
use scanner_k8s::ScanScope;
use scanner_tests::{TestNamespace, by_hand::ByHand, eventually, shell::run_in};
use serde_json::{Value, json};

use crate::{scan, show};

/// Reads long enough for an attacker, who sees it begin by the file.
const SLOW: &str = "touch /tmp/reads; sleep 3; exit 0\n";

/// Waits until the scan's script runs in the target.
pub(crate) async fn reads(site: &TestNamespace, scope: &ScanScope) {
    eventually("a script that runs in the target", async || {
        let reads = ["/bin/sh", "-c", "test -e /tmp/reads"];
        run_in(&site.client, &scope.plan().target, &reads, b"")
            .await
            .ok()
    })
    .await;
}

/// A namespace for identities of scans, beside that of the target.
pub(crate) struct Apart(pub(crate) String, kube::Client);

impl Apart {
    pub(crate) async fn new(site: &TestNamespace) -> Self {
        let name = format!("{}-identity", site.namespace);
        let object =
            serde_json::from_value(json!({"metadata": {"name": name}})).expect("namespace");
        let namespaces = Api::<Namespace>::all(site.client.clone());
        let made = namespaces.create(&PostParams::default(), &object).await;
        made.expect("create namespace");
        Self(name, site.client.clone())
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.1.clone(), &self.0)
    }

    pub(crate) async fn remove(self) {
        let namespaces = Api::<Namespace>::all(self.1);
        let _ = namespaces.delete(&self.0, &DeleteParams::default()).await;
    }
}

/// The version from which a watch of that kind begins.
async fn version<K>(api: &Api<K>) -> String
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let list = api
        .list_metadata(&ListParams::default())
        .await
        .expect("list");
    list.metadata.resource_version.expect("a version")
}

/// Waits for an account of a scan in that namespace, as an attacker does who may watch service accounts.
async fn account_appears(accounts: &Api<ServiceAccount>) -> String {
    let params = WatchParams::default().timeout(290);
    let version = version(accounts).await;
    let mut events = accounts
        .watch(&params, &version)
        .await
        .expect("watch")
        .boxed();
    while let Some(event) = events.try_next().await.expect("an event") {
        if let WatchEvent::Added(account) = event {
            let name = account.metadata.name.unwrap_or_default();
            if name.starts_with("secure-scan-") {
                return name;
            }
        }
    }
    unreachable!("no account of a scan appeared")
}

/// A Secret that the server fills with a token of that account.
fn token_secret(account: &str) -> Secret {
    serde_json::from_value(json!({
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": format!("stolen-{account}"),
            "annotations": {"kubernetes.io/service-account.name": account},
        },
    }))
    .expect("a Secret")
}

async fn steal_by_secret(site: &TestNamespace) {
    let account = account_appears(&site.api()).await;
    let made = site
        .api()
        .create(&PostParams::default(), &token_secret(&account))
        .await;
    made.expect("the attacker may create Secrets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_makes_a_token_of_the_scan_identity_is_an_alert() {
    let site = TestNamespace::new("steal").await;
    let (ran, ()) = tokio::join!(site.run(&["web", "-o", "json"]), steal_by_secret(&site));
    assert_eq!(ran.code, 4, "{ran:?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "security_alert");
    let alert = report["alerts"][0]["message"].as_str().expect("an alert");
    assert!(alert.contains("Secret stolen-secure-scan-"), "{alert}");
    assert!(
        alert.contains("holds a token of the scan identity"),
        "{alert}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_runs_a_pod_as_the_scan_identity_is_an_alert() {
    let site = TestNamespace::new("runas").await;
    let attack = async {
        let account = account_appears(&site.api()).await;
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "thief"},
            "spec": {"serviceAccountName": account, "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "c", "image": "lab.local/busybox:1"}]},
        }))
        .expect("a pod");
        let made = site.api::<Pod>().create(&PostParams::default(), &pod).await;
        made.expect("the attacker may create pods");
        // Gone again as soon as it may have had its token.
        site.remove_pod("thief").await;
    };
    let (ran, ()) = tokio::join!(site.run(&["web", "-o", "json"]), attack);
    assert_eq!(ran.code, 4, "{ran:?}");
    let alert = ran.json()["alerts"][0]["message"].to_string();
    assert!(
        alert.contains("Pod thief") && alert.contains("runs as the scan identity"),
        "{alert}"
    );
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_adds_a_container_to_the_pod_meanwhile_is_an_alert() {
    added_meanwhile("stranger", |_| "stranger".to_owned()).await;
}

/// The name is known to whoever may list the scan's objects; by it no container becomes the scan's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_in_the_name_of_the_scan_is_an_alert_too() {
    added_meanwhile("namesake", str::to_owned).await;
}

/// Adds an ephemeral container while the pod is scanned; `named` makes its name from that of the scan's objects.
async fn added_meanwhile(test: &str, named: fn(&str) -> String) {
    let site = TestNamespace::new(test).await;
    let attack = async {
        let name = named(&account_appears(&site.api()).await);
        let patch = json!({"spec": {"ephemeralContainers": [{
            "name": name, "image": "lab.local/busybox:1", "command": ["true"],
            "securityContext": {"privileged": true},
        }]}});
        let params = PatchParams::default();
        let added = site
            .api::<Pod>()
            .patch_ephemeral_containers("web", &params, &Patch::Strategic(&patch))
            .await;
        added.expect("the attacker may add containers");
        name
    };
    let (ran, name) = tokio::join!(site.run(&["web", "-o", "json"]), attack);
    assert_eq!(ran.code, 4, "{ran:?}");
    let alert = ran.json()["alerts"][0]["message"].to_string();
    assert!(
        alert.contains(&format!("ephemeral container {name}")),
        "{alert}"
    );
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_apart_is_out_of_reach_of_the_targets_namespace() {
    let site = TestNamespace::new("apart").await;
    let apart = Apart::new(&site).await;
    // The attacker has every right in the target's namespace, and sees the account's name in the binding there.
    let attack = async {
        let params = WatchParams::default().timeout(290);
        let bindings = site.api::<RoleBinding>();
        let version = version(&bindings).await;
        let mut events = bindings
            .watch(&params, &version)
            .await
            .expect("watch")
            .boxed();
        let account = loop {
            let event = events.try_next().await.expect("an event");
            if let WatchEvent::Added(binding) = event.expect("a binding") {
                break binding.metadata.name.unwrap_or_default();
            }
        };
        let made = site
            .api()
            .create(&PostParams::default(), &token_secret(&account))
            .await;
        made.expect("the attacker may create Secrets");
        account
    };
    let args = ["web", "-o", "json", "--identity-namespace", &apart.0];
    let (ran, account) = tokio::join!(site.run(&args), attack);
    assert!([1, 3].contains(&ran.code), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["plan"]["identity_namespace"], apart.0.as_str());
    assert!(
        report["alerts"].as_array().is_none_or(Vec::is_empty),
        "{ran:?}"
    );
    let exclusive = report["controls"].as_array().expect("controls").iter();
    let mut exclusive = exclusive.filter(|control| control["id"] == "identity-exclusive");
    assert_eq!(
        exclusive.next().expect("it is there")["verified"]["state"],
        "done"
    );
    // The server fills no Secret for an account that is not there; it removes it.
    let stolen = site
        .api::<Secret>()
        .get_opt(&format!("stolen-{account}"))
        .await;
    let token = stolen.expect("an answer").and_then(|secret| secret.data);
    assert!(token.is_none_or(|data| !data.contains_key("token")));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let jobs = apart
        .api::<Job>()
        .list(&ListParams::default())
        .await
        .expect("list");
    let accounts = apart
        .api::<ServiceAccount>()
        .list(&ListParams::default())
        .await
        .expect("list");
    assert!(jobs.items.is_empty());
    assert!(
        accounts
            .items
            .iter()
            .all(|a| a.metadata.name.as_deref() == Some("default"))
    );
    apart.remove().await;
    site.remove().await;
}

/// Lets one of the two leases of an enforced scan outlive the other, and returns the answer to an exec of the identity
/// after the other has ended.
async fn one_lease_ends(test: &str, identity_ends: bool) -> (u16, TestNamespace) {
    let site = TestNamespace::new(test).await;
    let apart = Apart::new(&site).await;
    let planned = site.scan_scope(300).await;
    let mut plan = planned.plan().clone();
    plan.identity_namespace = Some(apart.0.parse().expect("a name"));
    let scope = ScanScope::new(site.cluster.begin(), plan, None);
    let controls = ByHand::new(&scope);
    controls.enforce().await.expect("enforced");
    controls.verify().await.expect("verified");
    let (here, there): (Api<Job>, Api<Job>) = (site.api(), apart.api());
    let (ends, stays) = if identity_ends {
        (
            (&there, format!("{}-identity", scope.name())),
            (&here, scope.name()),
        )
    } else {
        (
            (&here, scope.name()),
            (&there, format!("{}-identity", scope.name())),
        )
    };
    let path = format!(
        "/api/v1/namespaces/{}/pods/web/exec?command=id&stdout=true",
        site.namespace
    );
    let identity = scope.credential().review().expect("an identity");
    assert_eq!(
        identity
            .try_call("GET", &path, b"")
            .await
            .expect("an answer"),
        400,
        "it may exec"
    );
    let over = json!({"spec": {"activeDeadlineSeconds": 1}});
    let patched = ends
        .0
        .patch(&ends.1, &PatchParams::default(), &Patch::Merge(&over))
        .await;
    patched.expect("one lease is made shorter");
    eventually("the lease has ended", async || {
        let job: Option<Job> = ends.0.get_opt(&ends.1).await.expect("an answer");
        job.is_none().then_some(())
    })
    .await;
    let code = eventually("access that has ended", async || {
        let code = identity
            .try_call("GET", &path, b"")
            .await
            .expect("an answer");
        (code != 400).then_some(code)
    })
    .await;
    let other: Option<Job> = stays.0.get_opt(&stays.1).await.expect("an answer");
    assert!(other.is_some(), "only one of them ended");
    let _ = controls.release().await;
    apart.remove().await;
    (code, site)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_identitys_lease_alone_ends_the_access() {
    let (code, site) = one_lease_ends("leasei", true).await;
    assert_eq!(code, 401);
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_targets_lease_alone_ends_the_access() {
    let (code, site) = one_lease_ends("leaset", false).await;
    assert_eq!(code, 403);
    site.remove().await;
}

#[tokio::test]
async fn level_strict_wants_an_identity_apart() {
    let site = TestNamespace::new("strictid").await;
    let ran = site.run(&["web", "--level", "strict", "--dry-run"]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.out.contains("identity-exclusive"), "{ran:?}");
    let ran = site
        .run(&["web", "--identity-namespace", &site.namespace, "--dry-run"])
        .await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("cannot be the identity namespace"),
        "{ran:?}"
    );
    site.remove().await;
}

/// Binds a role to all service accounts of a namespace, as some distributions do.
async fn bind_to_everyone(site: &TestNamespace, rule: &Value) {
    let everyone = json!({"metadata": {"name": "everyone"}, "rules": [rule]});
    let everyone = serde_json::from_value(everyone).expect("a role");
    let made = site
        .api::<k8s_openapi::api::rbac::v1::Role>()
        .create(&PostParams::default(), &everyone)
        .await;
    made.expect("create role");
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "everyone"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everyone"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": format!("system:serviceaccounts:{}", site.namespace)}],
    }))
    .expect("a binding");
    let made = site
        .api::<RoleBinding>()
        .create(&PostParams::default(), &binding)
        .await;
    made.expect("create binding");
    let (group, resource) = (rule["apiGroups"][0].clone(), rule["resources"][0].clone());
    let may = json!({
        "namespace": site.namespace, "group": group, "resource": resource, "verb": rule["verbs"][0],
    });
    let user = format!("system:serviceaccount:{}:default", site.namespace);
    let groups = [format!("system:serviceaccounts:{}", site.namespace)];
    let review = json!({"spec": {"user": user, "groups": groups, "resourceAttributes": may}});
    let review: SubjectAccessReview = serde_json::from_value(review).expect("a review");
    let reviews = Api::<SubjectAccessReview>::all(site.client.clone());
    eventually("what every account may do", async || {
        let answer = reviews.create(&PostParams::default(), &review).await.ok()?;
        answer.status?.allowed.then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_every_account_may_do_is_excused_and_shown() {
    let site = TestNamespace::new("everyone").await;
    let pull = json!({
        "apiGroups": ["image.openshift.io"], "resources": ["imagestreams/layers"], "verbs": ["get"],
    });
    bind_to_everyone(&site, &pull).await;
    let ran = site.run(&["web", "-o", "json"]).await;
    assert!([1, 3].contains(&ran.code), "{ran:?}");
    let text = ran.out.as_str();
    assert!(
        text.contains("and it is excused: get on imagestreams/layers"),
        "{ran:?}"
    );
    site.remove().await;
}

#[tokio::test]
async fn what_would_make_every_account_dangerous_is_not_excused() {
    for (test, resource) in [("everyone1", "secrets"), ("everyone2", "pods/exec")] {
        let site = TestNamespace::new(test).await;
        let rule = json!({"apiGroups": [""], "resources": [resource], "verbs": ["create"]});
        bind_to_everyone(&site, &rule).await;
        let scope = site.scan_scope(60).await;
        let report = scan(&scope, "sh", "exit 0\n", pending()).await;
        assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
        let why = report
            .failure
            .as_ref()
            .expect("a failure")
            .message
            .raw()
            .to_owned();
        assert!(
            why.contains("every account may do this") && why.contains(resource),
            "{why}"
        );
        assert_eq!(site.leftovers().await, Vec::<String>::new());
        site.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_somebody_gives_to_the_account_by_name_are_refused() {
    let site = TestNamespace::new("named").await;
    let pull = json!({
        "apiGroups": ["image.openshift.io"], "resources": ["imagestreams/layers"], "verbs": ["get"],
    });
    bind_to_everyone(&site, &pull).await;
    let scope = site.scan_scope(60).await;
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "named"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everyone"},
        "subjects": [{"kind": "ServiceAccount", "name": scope.name(), "namespace": site.namespace}],
    }))
    .expect("a binding");
    let made = site
        .api::<RoleBinding>()
        .create(&PostParams::default(), &binding)
        .await;
    made.expect("create binding");
    let report = scan(&scope, "sh", SLOW, pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    let why = report
        .failure
        .as_ref()
        .expect("a failure")
        .message
        .raw()
        .to_owned();
    assert!(
        why.contains("RoleBinding named gives rights to the scan identity"),
        "{why}"
    );
    site.remove().await;
}
