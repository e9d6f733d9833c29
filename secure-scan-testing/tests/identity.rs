//! Who may do what: tokens, their spellings and their end, RBAC, and reviews.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::time::Duration;

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenRequest},
    authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview},
    core::v1::{Pod, Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use secrecy::SecretString;
use secure_scan_testing::FakeCluster;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io";

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}

fn message<T: std::fmt::Debug>(answer: kube::Result<T>) -> (u16, String) {
    match answer {
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("no refusal: {other:?}"),
    }
}

fn cluster() -> FakeCluster {
    FakeCluster::new().pod(json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }))
}

/// A client that has nothing but this token.
fn with_token(cluster: &FakeCluster, token: &str) -> Client {
    let mut config = cluster.config();
    config.auth_info.token = Some(SecretString::from(token.to_owned()));
    cluster.client_builder(&config).expect("a client").build()
}

/// A service account, a Secret, and a token that dies with it.
async fn token(cluster: &FakeCluster) -> String {
    let client = cluster.client().expect("a client");
    let post = PostParams::default();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "shop");
    accounts
        .create(&post, &object(json!({"metadata": {"name": "scan"}})))
        .await
        .expect("an account");
    let secrets: Api<Secret> = Api::namespaced(client, "shop");
    let anchor: Secret = object(json!({"metadata": {"name": "anchor"}}));
    let anchor = secrets.create(&post, &anchor).await.expect("a Secret");
    let bound =
        json!({"apiVersion": "v1", "kind": "Secret", "name": "anchor", "uid": anchor.uid()});
    let request: TokenRequest = object(
        json!({"spec": {"audiences": [], "boundObjectRef": bound, "expirationSeconds": 600}}),
    );
    let answer = accounts
        .create_token_request("scan", &post, &request)
        .await
        .expect("a token");
    answer.status.expect("a status").token
}

/// Another spelling of a token: the free bits of its last character are others.
fn spelling(token: &str, number: usize) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token
        .chars()
        .last()
        .and_then(|last| alphabet.find(last))
        .expect("base64url");
    let other = alphabet
        .chars()
        .nth((last & !15) | ((last + number) & 15))
        .expect("a character");
    format!("{}{other}", &token[..token.len() - 1])
}

async fn who(cluster: &FakeCluster, token: &str) -> kube::Result<SelfSubjectReview> {
    let api: Api<SelfSubjectReview> = Api::all(with_token(cluster, token));
    api.create(&PostParams::default(), &SelfSubjectReview::default())
        .await
}

#[tokio::test(start_paused = true)]
async fn a_token_dies_with_its_secret_and_the_server_remembers_a_spelling_for_ten_seconds() {
    let cluster = cluster();
    let token = token(&cluster).await;
    let review = who(&cluster, &token).await.expect("accepted");
    let user = review.status.expect("a status").user_info.expect("a user");
    assert_eq!(
        user.username.as_deref(),
        Some("system:serviceaccount:shop:scan")
    );
    assert!(
        user.extra.expect("extra")["authentication.kubernetes.io/credential-id"][0]
            .starts_with("JTI=")
    );
    assert!(
        who(&cluster, &spelling(&token, 1)).await.is_ok(),
        "another spelling"
    );
    assert!(cluster.tokens()[0].valid);
    cluster.delete("secrets", "shop", "anchor");
    assert!(!cluster.tokens()[0].valid);
    assert!(who(&cluster, &token).await.is_ok(), "remembered");
    assert_eq!(
        message(who(&cluster, &spelling(&token, 5)).await).0,
        401,
        "a fresh spelling"
    );
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(
        who(&cluster, &token).await.is_ok(),
        "still remembered, and a hit does not prolong it"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        message(who(&cluster, &token).await),
        (401, "Unauthorized".into())
    );
    let issued = &cluster.tokens()[0];
    assert_eq!((issued.accepted, issued.refused), (4, 2), "{issued:?}");
    assert_eq!(issued.bound_to, Some(("Secret".into(), "anchor".into())));
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_time_and_its_account() {
    let cluster = cluster();
    let token = token(&cluster).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert!(who(&cluster, &token).await.is_ok());
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(message(who(&cluster, &token).await).0, 401);
    let accounts: Api<ServiceAccount> =
        Api::namespaced(cluster.client().expect("a client"), "shop");
    let short: TokenRequest = object(json!({"spec": {"audiences": [], "expirationSeconds": 60}}));
    let refused = accounts
        .create_token_request("scan", &PostParams::default(), &short)
        .await;
    assert_eq!(message(refused).0, 422);
    let usual: TokenRequest = object(json!({"spec": {"audiences": [], "expirationSeconds": 600}}));
    let second = accounts
        .create_token_request("scan", &PostParams::default(), &usual)
        .await
        .expect("a token");
    let second = second.status.expect("a status").token;
    let answer = accounts
        .delete("scan", &DeleteParams::background())
        .await
        .expect("deleted");
    assert!(
        answer
            .left()
            .expect("the account")
            .metadata
            .deletion_timestamp
            .is_none()
    );
    assert_eq!(message(who(&cluster, &second).await).0, 401);
}

#[tokio::test(start_paused = true)]
async fn a_role_gives_what_it_says_and_nothing_else() {
    let cluster = cluster();
    let own = with_token(&cluster, &token(&cluster).await);
    let pods: Api<Pod> = Api::namespaced(own.clone(), "shop");
    assert_eq!(
        message(pods.get("web-0").await),
        (403, "pods \"web-0\" is forbidden: User \"system:serviceaccount:shop:scan\" cannot get resource \"pods\" in API group \"\" in the namespace \"shop\"".into())
    );
    let client = cluster.client().expect("a client");
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["web-0"], "verbs": ["get"]});
    let roles: Api<Role> = Api::namespaced(client.clone(), "shop");
    roles
        .create(
            &PostParams::default(),
            &object(json!({"metadata": {"name": "r"}, "rules": [rule]})),
        )
        .await
        .expect("a role");
    let binding = object(json!({
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "scan", "namespace": "shop"}],
    }));
    let bindings: Api<RoleBinding> = Api::namespaced(client, "shop");
    bindings
        .create(&PostParams::default(), &binding)
        .await
        .expect("a binding");
    assert!(pods.get("web-0").await.is_ok());
    assert_eq!(message(pods.list(&ListParams::default()).await).0, 403);
    let secrets: Api<Secret> = Api::all(own.clone());
    let refused = message(secrets.list(&ListParams::default()).await).1;
    assert!(
        refused.starts_with("secrets is forbidden") && refused.ends_with("at the cluster scope"),
        "{refused}"
    );
    let reviews: Api<SelfSubjectRulesReview> = Api::all(own.clone());
    let review = object(json!({"spec": {"namespace": "shop"}}));
    let review = reviews
        .create(&PostParams::default(), &review)
        .await
        .expect("a review");
    let listed = review.status.expect("a status").resource_rules;
    assert!(
        listed
            .iter()
            .any(|r| r.resource_names == Some(vec!["web-0".into()])),
        "{listed:?}"
    );
    let access: Api<SelfSubjectAccessReview> = Api::all(own);
    for (verb, may) in [("get", true), ("delete", false)] {
        let of = json!({"verb": verb, "resource": "pods", "name": "web-0", "namespace": "shop"});
        let review = object(json!({"spec": {"resourceAttributes": of}}));
        let review = access
            .create(&PostParams::default(), &review)
            .await
            .expect("a review");
        assert_eq!(review.status.expect("a status").allowed, may, "{verb}");
    }
    cluster.delete("rolebindings.rbac.authorization.k8s.io", "shop", "b");
    assert_eq!(
        message(pods.get("web-0").await).0,
        403,
        "nothing is remembered of rights"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_the_rights_that_he_was_given_and_gives_no_others() {
    let cluster = cluster()
        .operator(
            "alice",
            Some("shop"),
            &json!([
                {"apiGroups": [RBAC], "resources": ["roles"], "verbs": ["create"]},
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
            ]),
        )
        .operator_may(&json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]));
    let alice = cluster
        .client_builder(&cluster.config_of("alice"))
        .expect("a client")
        .build();
    let roles: Api<Role> = Api::namespaced(alice.clone(), "shop");
    let role = |verb: &str| {
        let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]});
        object(json!({"metadata": {"name": verb}, "rules": [rule]}))
    };
    roles
        .create(&PostParams::default(), &role("get"))
        .await
        .expect("what she has");
    let (code, why) = message(roles.create(&PostParams::default(), &role("delete")).await);
    assert!(
        code == 403 && why.contains("attempting to grant RBAC permissions not currently held"),
        "{why}"
    );
    let elsewhere: Api<Pod> = Api::namespaced(alice, "default");
    assert_eq!(message(elsewhere.list(&ListParams::default()).await).0, 403);
    let pods: Api<Pod> = Api::namespaced(cluster.client().expect("a client"), "shop");
    assert!(pods.get("web-0").await.is_ok());
    assert_eq!(
        message(pods.delete("web-0", &DeleteParams::default()).await).0,
        403
    );
    let nobody = cluster
        .client_builder(&cluster.config_of("nobody"))
        .expect("a client")
        .build();
    assert_eq!(
        message(Api::<Pod>::namespaced(nobody, "shop").get("web-0").await).0,
        401
    );
}
