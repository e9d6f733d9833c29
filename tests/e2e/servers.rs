//! Two API servers over one etcd: the death of a token that one of them shows holds for both, and what a server remembers
//! is its own.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenRequest},
    core::v1::{Secret, ServiceAccount},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{COMPLETE, ProgramOutput, program},
    second_server::SecondServer,
};
use serde_json::json;

/// Whether a server accepts that text of a token.
async fn accepts(server: &Config, token: &str) -> bool {
    let mut config = server.clone();
    config.auth_info = AuthInfo {
        token: Some(token.to_owned().into()),
        ..AuthInfo::default()
    };
    let reviews = Api::<SelfSubjectReview>::all(Client::try_from(config).expect("a client"));
    let made = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await;
    let refused = matches!(&made, Err(kube::Error::Api(status)) if status.code == 401);
    assert!(
        made.is_ok() || refused,
        "neither accepted nor refused: {made:?}"
    );
    !refused
}

/// Other texts of the same token: the last character of this signature has four bits without a meaning.
fn spellings(token: &str) -> Vec<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).expect("base64url");
    let first = value - value % 16;
    let same = ALPHABET[first..first + 16].chars();
    let all = same.map(|other| format!("{rest}{other}"));
    all.filter(|other| other != token).collect()
}

/// A token that is bound to a Secret, as that of a scan.
async fn bound(site: &TestNamespace) -> String {
    let secret = json!({"metadata": {"name": "anchor"}});
    let secret: Secret = serde_json::from_value(secret).expect("Secret");
    let made = site
        .api::<Secret>()
        .create(&PostParams::default(), &secret)
        .await;
    let uid = made.expect("made").metadata.uid.expect("a UID");
    let reference = json!({"kind": "Secret", "apiVersion": "v1", "name": "anchor", "uid": uid});
    let request = json!({"spec": {
        "audiences": [], "expirationSeconds": 600, "boundObjectRef": reference,
    }});
    let request: TokenRequest = serde_json::from_value(request).expect("request");
    let accounts = site.api::<ServiceAccount>();
    let issued = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await;
    issued.expect("issued").status.expect("a status").token
}

/// A revoked token by the two texts that the servers were shown, if that was shown in the ten seconds for which a server may
/// remember one.
async fn remembered(
    site: &TestNamespace,
    here: &Config,
    there: &Config,
) -> Option<(String, String)> {
    let token = bound(site).await;
    let mut fresh = spellings(&token).into_iter();
    let elsewhere = fresh.next()?;
    let shown = Instant::now();
    // Each server has seen one text: the first that of an exec, the second another one.
    assert!(accepts(here, &token).await && accepts(there, &elsewhere).await);
    let secrets = site.api::<Secret>();
    let deleted = secrets.delete("anchor", &DeleteParams::default()).await;
    deleted.expect("deleted");
    for server in [here, there] {
        while accepts(server, &fresh.next()?).await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    // Each server rejects the text that only the other one has accepted.
    assert!(!accepts(there, &token).await && !accepts(here, &elsewhere).await);
    let both = (
        accepts(here, &token).await,
        accepts(there, &elsewhere).await,
    );
    if shown.elapsed() > Duration::from_secs(9) {
        return None;
    }
    assert_eq!(both, (true, true));
    Some((token, elsewhere))
}

/// A scan whose client knows the second server alone.
async fn scan_by(second: &SecondServer, site: &TestNamespace) -> ProgramOutput {
    let file = second.kubeconfig.path().to_str().expect("text");
    let args = ["container", "web", "-n", &site.namespace, "-o", "json"];
    let all = [&args[..], &["--kubeconfig", file]].concat();
    program(&all).output().await.expect("it starts").into()
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_both_servers_and_each_remembers_only_what_it_was_shown() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("servers").await;
    let second = SecondServer::start().await;
    let options = KubeConfigOptions::default();
    let kubeconfig = Kubeconfig::read().expect("kubeconfig");
    let here = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let (here, there) = (here.expect("a configuration"), second.config().await);
    let what = "servers that answer soon enough";
    let remembered = async || remembered(&site, &here, &there).await;
    let (token, elsewhere) = eventually(what, remembered).await;
    // After ten seconds each server rejects the text that it had accepted.
    let forgotten = async {
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert!(!accepts(&here, &token).await && !accepts(&there, &elsewhere).await);
    };
    let (output, ()) = tokio::join!(scan_by(&second, &site), forgotten);
    assert!(output.has_findings(COMPLETE), "{output:?}");
    // The site's own client asks the first server.
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
