//! No secret of a kubeconfig, and none that a credential plugin has or gives, is in an error or in the audit log.

use std::{error::Error, fs};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use scanner_core::cause::chain;
use tempfile::TempDir;

use super::{super::*, program};
use crate::api::transport::InMemory;

const SECRETS: [&str; 5] = [
    "ARGUMENT-SECRET",
    "ENVIRONMENT-SECRET",
    "STDOUT-TOKEN",
    "KUBECONFIG-TOKEN",
    "PROXY-SECRET",
];

/// What a plugin does, and a word that says so.
const PLUGINS: [(&str, &str); 12] = [
    (
        "echo '{\"status\": {\"token\": \"STDOUT-TOKEN\"}}'; echo 'cache is locked' >&2; exit 1",
        "exit status: 1: cache is locked",
    ),
    (
        "echo STDOUT-TOKEN; printf 'a\\033[2Jb\\n' >&2; exit 2",
        "exit status: 2: a\\u{1b}[2Jb",
    ),
    (
        "echo STDOUT-TOKEN; head -c 100000 /dev/zero | tr '\\0' x >&2; exit 3",
        "exit status: 3: xxx",
    ),
    ("echo STDOUT-TOKEN; exit 4", "exit status: 4"),
    ("echo STDOUT-TOKEN; kill -KILL $$", "signal: 9"),
    (
        "echo 'STDOUT-TOKEN: [unclosed'",
        "something else than an ExecCredential",
    ),
    (
        "echo 'kind: {STDOUT-TOKEN: 1}'",
        "something else than an ExecCredential",
    ),
    (
        "echo '{\"kind\": \"ExecCredential\", \"status\": \"STDOUT-TOKEN\"}'",
        "something else than an ExecCredential",
    ),
    (
        "echo '{\"kind\": \"ExecCredential\", \"x\": \"STDOUT-TOKEN\"}'",
        "without a status",
    ),
    (
        "echo '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"STDOUT-TOKEN\", \"expirationTimestamp\": \"STDOUT-TOKEN\"}}'",
        "expirationTimestamp",
    ),
    (
        "echo '{\"kind\": \"ExecCredential\", \"status\": {\"token\": \"STDOUT-TOKEN\\u0001\"}}'",
        "no header may have",
    ),
    ("", "cannot be started"),
];

fn is_clean(text: &str, what: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {what}: {text}");
    }
    assert!(
        text.len() < 2000 && !text.contains('\x1b'),
        "{what}: {text}"
    );
}

fn check(error: &(dyn Error + 'static), word: &str) {
    is_clean(&format!("{error:?}"), "Debug");
    is_clean(&format!("{error:#?}"), "Debug");
    let text = chain(error);
    is_clean(&text, "Display");
    assert!(text.contains(word), "{word}: {text}");
}

/// A kubeconfig with a plugin that does this, whose first answers are a token that has expired.
fn kubeconfig(script: &str, good: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let token = r#"{"kind": "ExecCredential", "status": {"token": "STDOUT-TOKEN", "expirationTimestamp": "2020-01-01T00:00:00Z"}}"#;
    let text = format!(
        "echo x >>{0}\nif [ \"$(wc -l <{0})\" -le {good} ]; then echo '{token}'; exit 0; fi\n{script}",
        at("count")
    );
    if script.is_empty() {
        fs::write(at("plugin.sh"), text).unwrap();
    } else {
        program(at("plugin.sh").as_ref(), &text);
    }
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://h'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{exec: {{apiVersion: \
         client.authentication.k8s.io/v1, command: {}, args: [--client-secret=ARGUMENT-SECRET], interactiveMode: Never, \
         env: [{{name: KEY, value: ENVIRONMENT-SECRET}}]}}}}}}]\n",
        at("plugin.sh")
    );
    fs::write(at("config"), config).unwrap();
    dir
}

async fn connect(dir: &TempDir) -> Result<Cluster, ConnectError> {
    let builder = ClusterBuilder::kubeconfig(Some(&dir.path().join("config")), None).await?;
    let memory = InMemory::new(|| tokio::io::duplex(64).0);
    builder.system_roots().in_memory(memory).build()
}

#[tokio::test]
async fn a_plugin_that_fails_at_once_is_named_and_nothing_of_it_is_quoted() {
    for (script, word) in PLUGINS {
        let error = connect(&kubeconfig(script, 0)).await.unwrap_err();
        check(&error, word);
        let text = chain(&error);
        assert!(
            word == "no header may have" || text.contains("credential plugin plugin.sh "),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_plugin_that_fails_later_shows_nothing_in_a_call_or_in_the_log() {
    for (script, word) in PLUGINS.into_iter().filter(|(script, _)| !script.is_empty()) {
        let dir = kubeconfig(script, 1);
        let cluster = connect(&dir).await.unwrap();
        let segment = cluster.begin();
        let api = segment.operator().api::<ConfigMap>("default");
        let error = api.list(&ListParams::default()).await.unwrap_err();
        check(&error, word);
        let log = segment.audit().text();
        is_clean(&log, "the audit log");
        assert!(
            log.contains(word.split_whitespace().next().unwrap()),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_read_is_not_quoted() {
    let whole = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: [{name: u, user: {token: KUBECONFIG-TOKEN}}]\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    for (from, to) in [
        ("}}]", "}"),
        ("token: ", "token: [1, "),
        ("users: [", "users: ["),
        ("{token: KUBECONFIG-TOKEN}", "KUBECONFIG-TOKEN"),
        ("apiVersion: v1", "apiVersion: {KUBECONFIG-TOKEN: 1}"),
        ("clusters: []", "clusters: KUBECONFIG-TOKEN"),
        ("kind: Config", "kind: Config\nkind: KUBECONFIG-TOKEN"),
        (
            "clusters: []",
            "clusters: [{name: c, cluster: {server: 'https://u:KUBECONFIG-TOKEN@ h'}}]",
        ),
    ] {
        fs::write(&path, whole.replace(from, to)).unwrap();
        let error = Cluster::kubeconfig(Some(&path), None).await.unwrap_err();
        is_clean(&format!("{error:?} {}", chain(&error)), to);
    }
    // Every way to cut it off.
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        if let Err(error) = Cluster::kubeconfig(Some(&path), None).await {
            is_clean(&format!("{error:?} {}", chain(&error)), "a part");
        }
    }
}

#[tokio::test]
async fn an_address_is_shown_without_its_user() {
    let mut config = kube::Config::new("http://user:KUBECONFIG-TOKEN@h:1/x".parse().unwrap());
    check(
        &Cluster::builder(config.clone()).build().unwrap_err(),
        "http://h:1/x",
    );
    is_clean(&format!("{:?}", Cluster::builder(config.clone())), "Debug");
    config.cluster_url = "https://h".parse().unwrap();
    config.proxy_url = Some("socks9://user:PROXY-SECRET@p:1".parse().unwrap());
    if let Err(error) = Cluster::builder(config).system_roots().build() {
        is_clean(&format!("{error:?} {}", chain(&error)), "a proxy");
    }
}
