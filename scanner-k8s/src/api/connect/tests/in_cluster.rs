//! The account of the pod is used where nothing else is named, and said.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::super::*;
use crate::api::environment::Environment;

const SERVICE: [(&str, &str); 2] = [
    ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
];

/// What a pod has of its account.
fn account() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["x".to_owned()]).unwrap();
    let claims = r#"{"sub":"system:serviceaccount:shop:scanner","jti":"0a-1"}"#;
    let token = format!("e30.{}.SECRET", URL_SAFE_NO_PAD.encode(claims));
    fs::write(
        dir.path().join("ca.crt"),
        params.self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    fs::write(dir.path().join("token"), token).unwrap();
    fs::write(dir.path().join("namespace"), "shop\n").unwrap();
    dir
}

async fn connect(
    variables: &[(&str, &str)],
    folder: &Path,
    path: Option<&Path>,
    context: Option<&str>,
) -> Result<Cluster, ConnectError> {
    let environment = Environment::of(variables);
    let builder = ClusterBuilder::from_environment_of(&environment, folder, path, context).await?;
    builder.build()
}

/// A home with that kubeconfig.
fn home(kubeconfig: Option<&str>) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".kube")).unwrap();
    if let Some(text) = kubeconfig {
        fs::write(home.path().join(".kube/config"), text).unwrap();
    }
    home
}

#[tokio::test]
async fn without_a_kubeconfig_it_is_the_account_of_the_pod_and_says_so() {
    let pod = account();
    for (host, server) in [
        ("10.0.0.1", "https://10.0.0.1:443/"),
        ("fd00::1", "https://[fd00::1]:443/"),
    ] {
        for kubeconfig in [
            None,
            Some(""),
            Some("apiVersion: v1\nkind: Config\nclusters: []\n"),
        ] {
            let home = home(kubeconfig);
            let home = home.path().to_str().unwrap();
            let variables = [
                ("HOME", home),
                ("KUBERNETES_SERVICE_HOST", host),
                SERVICE[1],
            ];
            let cluster = connect(&variables, pod.path(), None, None).await.unwrap();
            assert_eq!(cluster.server(), server);
            assert_eq!(cluster.default_namespace(), "shop");
            let said = cluster.connection().join("\n");
            assert!(
                said.contains("the account of this pod, system:serviceaccount:shop:scanner"),
                "{said}"
            );
            assert!(!said.contains("SECRET"));
        }
    }
    let home = home(None);
    let mut variables = vec![
        ("HOME", home.path().to_str().unwrap()),
        ("HTTPS_PROXY", "http://p:1"),
    ];
    variables.extend(SERVICE);
    let cluster = connect(&variables, pod.path(), None, None).await.unwrap();
    assert_eq!(
        cluster.connection().len(),
        2,
        "as for kubectl, the environment's proxy holds in a pod too"
    );
    variables.push(("NO_PROXY", "10.0.0.0/8"));
    let cluster = connect(&variables, pod.path(), None, None).await.unwrap();
    assert_eq!(cluster.connection().len(), 1);
}

#[tokio::test]
async fn whatever_is_named_is_used_in_place_of_the_account_of_the_pod() {
    let pod = account();
    let there = "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
                 clusters: [{name: c, cluster: {server: 'https://elsewhere'}}]\n\
                 contexts: [{name: x, context: {cluster: c}}]\n";
    let (_dir, file) = super::file(there);
    let (full, none) = (home(Some(there)), home(None));
    let (full, none) = (full.path().to_str().unwrap(), none.path().to_str().unwrap());
    let file_text = file.to_str().unwrap();
    let gone = Path::new("/does/not/exist");
    for (home, more, path, context, kind) in [
        (full, None, None, None, ConnectErrorKind::NoAuthority),
        (full, None, None, Some("x"), ConnectErrorKind::NoAuthority),
        (full, None, None, Some("y"), ConnectErrorKind::NoContext),
        (
            none,
            Some(("KUBECONFIG", file_text)),
            None,
            None,
            ConnectErrorKind::NoAuthority,
        ),
        (
            none,
            None,
            Some(file.as_path()),
            None,
            ConnectErrorKind::NoAuthority,
        ),
        (none, None, Some(gone), None, ConnectErrorKind::Unreadable),
        (
            none,
            Some(("KUBECONFIG", "/does/not/exist")),
            None,
            None,
            ConnectErrorKind::Unreadable,
        ),
        (none, None, None, Some("x"), ConnectErrorKind::Unreadable),
    ] {
        let mut variables = vec![("HOME", home)];
        variables.extend(SERVICE);
        variables.extend(more);
        let error = connect(&variables, pod.path(), path, context)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{more:?} {path:?} {context:?}: {error}");
    }
}

#[tokio::test]
async fn a_pod_without_an_account_and_no_pod_at_all_are_errors_that_say_so() {
    let pod = account();
    let home = home(None);
    let home = ("HOME", home.path().to_str().unwrap());
    for file in ["token", "namespace", "ca.crt"] {
        let pod = account();
        fs::remove_file(pod.path().join(file)).unwrap();
        let environment = Environment::of(&SERVICE);
        let error = ClusterBuilder::in_cluster_of(&environment, pod.path()).unwrap_err();
        let text = scanner_core::cause::chain(&error);
        assert!(
            text.contains(file) && text.contains("No such file"),
            "{text}"
        );
    }
    for variables in [vec![home], vec![home, SERVICE[0]], vec![home, SERVICE[1]]] {
        let error = connect(&variables, pod.path(), None, None)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::NoKubeconfig(_)), "{error}");
    }
    for (host, port) in [("a b", "443"), ("10.0.0.1", "x"), ("10.0.0.1", "70000")] {
        let environment = Environment::of(&[
            ("KUBERNETES_SERVICE_HOST", host),
            ("KUBERNETES_SERVICE_PORT", port),
        ]);
        let error = ClusterBuilder::in_cluster_of(&environment, pod.path()).unwrap_err();
        assert!(error.to_string().contains("are not an address"), "{error}");
    }
}
