//! Every way to a cluster refuses what is not verified TLS.

mod in_cluster;
mod kubeconfigs;
mod plugins;
mod programs;
mod proxies;
mod renewals;
mod secrets;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use kube::Config;
use tempfile::TempDir;

use super::*;

/// Writes a shell script that can be run. A shell of its own writes it: a program that another thread starts meanwhile would
/// inherit a file that this process has open for writing, and the kernel refuses to run that.
fn program(path: &Path, text: &str) {
    let mut writer = Command::new("/bin/sh")
        .args(["-c", r#"cat >"$0" && chmod 755 "$0""#])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = writer.stdin.take().unwrap();
    write!(input, "#!/bin/sh\n{text}\n").unwrap();
    drop(input);
    assert!(writer.wait().unwrap().success());
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

async fn by_kubeconfig(cluster: &str) -> Result<Cluster, ConnectError> {
    let (_dir, path) = file(&format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{token: secret-token}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
    ));
    Cluster::kubeconfig(Some(&path), None).await
}

fn config(server: &str) -> Config {
    Config::new(server.parse().unwrap())
}

fn kind(made: Result<Cluster, ConnectError>) -> ConnectErrorKind {
    let error = made.unwrap_err();
    assert!(!format!("{error:?}").contains("secret-token"));
    error.kind()
}

#[tokio::test]
async fn what_is_not_verified_tls_is_refused_from_a_kubeconfig() {
    for (cluster, refused) in [
        ("server: 'http://127.0.0.1:1'", ConnectErrorKind::PlainHttp),
        (
            "server: 'https://h', insecure-skip-tls-verify: true",
            ConnectErrorKind::SkipsVerification,
        ),
        ("server: 'https://h'", ConnectErrorKind::NoAuthority),
    ] {
        assert_eq!(kind(by_kubeconfig(cluster).await), refused, "{cluster}");
    }
}

#[tokio::test]
async fn what_is_not_verified_tls_is_refused_from_a_configuration() {
    let of = |change: fn(&mut Config), server: &str| {
        let mut config = config(server);
        change(&mut config);
        // The system's roots excuse a missing CA and nothing else.
        [
            kind(Cluster::builder(config.clone()).build()),
            match Cluster::builder(config).system_roots().build() {
                Ok(_) => ConnectErrorKind::NoAuthority,
                Err(error) => error.kind(),
            },
        ]
    };
    assert_eq!(of(|_| (), "http://h"), [ConnectErrorKind::PlainHttp; 2]);
    let skips = of(|c| c.accept_invalid_certs = true, "https://h");
    assert_eq!(skips, [ConnectErrorKind::SkipsVerification; 2]);
    for none in [None, Some(vec![])] {
        let mut config = config("https://h");
        config.root_cert = none;
        let made = Cluster::builder(config).build();
        assert_eq!(kind(made), ConnectErrorKind::NoAuthority);
    }
}

#[tokio::test]
async fn a_ca_is_taken_from_its_file_or_refused() {
    let (_dir, path) = file("no certificate");
    let mut config = config("https://h");
    config.root_cert_file = Some(path);
    for roots in [false, true] {
        let builder = Cluster::builder(config.clone());
        let builder = if roots {
            builder.system_roots()
        } else {
            builder
        };
        let error = builder.build().unwrap_err();
        assert!(
            matches!(error, ConnectError::UnusableAuthority { .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_context_that_is_not_there_is_named_with_those_that_are() {
    let (_dir, path) = file(
        "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\n\
         contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: y\n",
    );
    let error = Cluster::kubeconfig(Some(&path), Some("z"))
        .await
        .unwrap_err();
    assert!(matches!(&error, ConnectError::NoContext(z, known) if z == "z" && known == &["x"]));
    let error = Cluster::kubeconfig(Some(&path), None).await.unwrap_err();
    assert!(matches!(&error, ConnectError::NoContext(y, _) if y == "y"));
}

#[test]
fn outside_of_a_pod_and_of_a_runtime_it_is_an_error_and_no_panic() {
    // kube takes no other directory than a pod's own, so only its absence can be tried here.
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
        let error = Cluster::in_cluster().unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Unreadable);
    }
    let made = Cluster::builder(config("https://h")).system_roots().build();
    assert_eq!(kind(made), ConnectErrorKind::NoRuntime);
}

#[tokio::test]
async fn a_name_that_cannot_be_sent_is_refused() {
    let long = "a".repeat(201);
    for bad in ["", " ", "a\nb", "ä/1", long.as_str()] {
        let builder = Cluster::builder(config("https://h")).system_roots();
        let error = builder.user_agent(bad).build().unwrap_err();
        assert!(matches!(error, ConnectError::UserAgent(_)), "{bad:?}");
    }
}

#[tokio::test]
async fn a_program_may_put_its_own_layer_around_the_connections() {
    let layer =
        tower::util::MapRequestLayer::new(|request: http::Request<kube::client::Body>| request);
    let builder = Cluster::builder(config("https://h")).system_roots();
    let cluster = builder.user_agent("acme/1").layer(layer).build();
    // Some machines have no roots at all.
    if let Err(error) = cluster {
        assert_eq!(error.kind(), ConnectErrorKind::Unusable, "{error}");
    }
}
