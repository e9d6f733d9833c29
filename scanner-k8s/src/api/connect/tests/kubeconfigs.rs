//! Kubeconfigs are found and merged as kubectl does, and an error in one names its place.

use std::{error::Error as _, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::super::*;
use crate::api::environment::Environment;

/// The files by their names, as `KUBECONFIG` lists them; those without a text do not exist.
async fn listed(files: &[(&str, Option<&str>)]) -> Result<ClusterBuilder, ConnectError> {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<String> = files
        .iter()
        .map(|(name, text)| {
            let path = dir.path().join(name);
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            if name.is_empty() {
                String::new()
            } else {
                path.display().to_string()
            }
        })
        .collect();
    let environment = Environment::of(&[("KUBECONFIG", &paths.join(":"))]);
    ClusterBuilder::kubeconfig_of(&environment, None, None).await
}

const CONTEXT: &str = "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: c, namespace: shop}}]\n";
const CLUSTER: &str = "apiVersion: v1\nkind: Config\ncurrent-context: y\nclusters: [{name: c, cluster: {server: 'https://a'}}]\n";
const OTHER: &str =
    "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://b'}}]\n";

#[tokio::test]
async fn files_that_do_not_exist_are_passed_over_and_the_first_that_says_something_wins() {
    for files in [
        &[
            ("a", None),
            ("b", Some(CONTEXT)),
            ("c", Some(CLUSTER)),
            ("d", Some(OTHER)),
        ][..],
        &[
            ("", None),
            ("b", Some(CONTEXT)),
            ("a", None),
            ("c", Some(CLUSTER)),
            ("d", Some(OTHER)),
        ],
        &[
            ("c", Some(CONTEXT)),
            ("e", Some("")),
            ("b", Some(CLUSTER)),
            ("a", Some(OTHER)),
            ("z", None),
            ("", None),
        ],
    ] {
        let builder = listed(files).await.unwrap();
        assert!(format!("{builder:?}").contains("https://a"), "{builder:?}");
    }
    let none = listed(&[("a", None), ("b", None)]).await.unwrap_err();
    let text = none.to_string();
    assert!(
        text.contains("/a and ") && text.ends_with("/b, and none of them exists"),
        "{text}"
    );
    let bad = listed(&[("a", None), ("b", Some(CONTEXT)), ("c", Some("x: ["))])
        .await
        .unwrap_err();
    assert!(bad.to_string().ends_with("/c"), "the file is named: {bad}");
}

#[tokio::test]
async fn what_cannot_be_read_is_named_with_line_and_column() {
    for (text, at) in [
        ("apiVersion: v1\nclusters: [\n", "line 2, column 11"),
        (
            "apiVersion: v1\nclusters:\n  - name: c\n   cluster: {}\n",
            "line 4",
        ),
        (
            "apiVersion: v1\nkind: Config\nkind: Config\n",
            "line 3, column 1",
        ),
        ("apiVersion: v1\nclusters: 3\n", "line 2, column 11"),
        ("apiVersion: v1\n\tkind: Config\n", "line 1, column 13"),
        (
            "apiVersion: v1\nclusters:\n- name: c\n  cluster:\n    server: [1]\n",
            "line 5",
        ),
        (
            "apiVersion: v1\ncontexts:\n- name: x\n  context: {cluster: [c]}\n",
            "line 4",
        ),
        (
            "apiVersion: v1\nusers:\n- name: u\n  user:\n    exec:\n      args: 3\n",
            "line 6",
        ),
        ("- a\n- b\n", "line 1"),
        ("a: \"\n", "line"),
    ] {
        let (_dir, path) = super::file(text);
        let error = Cluster::kubeconfig(Some(&path), None).await.unwrap_err();
        let why = error.source().unwrap().to_string();
        assert!(why.starts_with(at), "{text}: {why}");
        let whole = format!("{error}");
        assert!(whole.contains(path.to_str().unwrap()), "{whole}");
    }
}

#[tokio::test]
async fn every_other_fault_of_a_kubeconfig_is_said_in_words() {
    let base = |cluster: &str, user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    };
    let server = "server: 'https://h', certificate-authority-data: ";
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap();
    let pem = STANDARD.encode(authority.pem());
    for (text, words) in [
        (base("", ""), "the cluster has no server"),
        (
            base("server: 'a b'", ""),
            "the cluster's server is not an address",
        ),
        (
            base("server: 'https://h', certificate-authority: /gone/ca", ""),
            "the certificate authority: /gone/ca: No such file",
        ),
        (
            base("server: 'https://h', certificate-authority-data: '*'", ""),
            "the certificate authority is not base64",
        ),
        (
            base(
                &format!("{server}{pem}"),
                "client-certificate: /gone/crt, client-key: /gone/key",
            ),
            "the client certificate: /gone/crt: No such file",
        ),
        (
            base(&format!("{server}{pem}"), "client-key-data: '*'"),
            "the client key is not base64",
        ),
        (
            base(&format!("{server}{pem}"), "client-certificate-data: YQ=="),
            "the client key is missing",
        ),
        (
            base(&format!("{server}{pem}"), "tokenFile: /gone/token"),
            "cannot read the token file /gone/token: No such file",
        ),
        (base(&format!("{server}eA=="), ""), "certificate authority"),
        (
            base("server: 'https://h'", "").replace("cluster: c,", "cluster: \"d\\té\","),
            "there is no cluster d",
        ),
        (
            base("server: 'https://h'", "").replace("current-context: x", "current-context: \"y\""),
            "has no context \"y\"; it has x",
        ),
        (
            base("server: 'https://h'", "")
                .replace("current-context: x", "kind: Config\n")
                .replacen("kind: Config\n", "", 1),
            "has no current context; it has x",
        ),
    ] {
        let (_dir, path) = super::file(&text);
        let error = Cluster::kubeconfig(Some(&path), None).await.unwrap_err();
        let whole = scanner_core::cause::chain(&error);
        assert!(whole.contains(words), "{text}: {whole}");
        for debug in ["Some(", "Error {", "Os {", "\\\"", "Error("] {
            assert!(!whole.contains(debug), "{whole}");
        }
    }
}

#[tokio::test]
async fn a_kubeconfig_in_another_encoding_is_read_and_no_text_is_refused() {
    let text = format!("{CLUSTER}contexts: [{{name: y, context: {{cluster: c}}}}]\n");
    let wide = |bom: [u8; 2], write: fn(u16) -> [u8; 2]| {
        let units = text.encode_utf16().flat_map(write);
        bom.into_iter().chain(units).collect::<Vec<u8>>()
    };
    let (little, big) = (
        wide([0xff, 0xfe], u16::to_le_bytes),
        wide([0xfe, 0xff], u16::to_be_bytes),
    );
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    for (bytes, is_text) in [
        (text.clone().into_bytes(), true),
        (marked, true),
        (little.clone(), true),
        (big.clone(), true),
        (little[..little.len() - 1].to_vec(), false),
        (big[..big.len() - 1].to_vec(), false),
        (vec![0xff, 0xfe, 0], false),
        (vec![0xff, 0xfe, 0, 0xd8], false),
        (vec![b'a', 0xff], false),
    ] {
        fs::write(&path, &bytes).unwrap();
        let environment = Environment::of(&[]);
        let made = ClusterBuilder::kubeconfig_of(&environment, Some(&path), None).await;
        assert_eq!(made.is_ok(), is_text, "{:?}", &bytes[..2]);
        if let Err(error) = made {
            assert_eq!(error.source().unwrap().to_string(), "it is no text");
        }
    }
}

#[tokio::test]
async fn files_are_named_from_where_the_kubeconfig_is() {
    let (dir, path) = super::file(
        "current-context: x\nclusters: [{name: c, cluster: {server: 'https://h', certificate-authority: sub/ca}}]\n\
         contexts: [{name: x, context: {cluster: c}}]\n",
    );
    let environment = Environment::of(&[]);
    let made = ClusterBuilder::kubeconfig_of(&environment, Some(&path), None).await;
    let text = scanner_core::cause::chain(&made.unwrap_err());
    let named = dir.path().join("sub/ca");
    assert!(text.contains(named.to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn a_token_that_no_header_may_have_is_refused_without_a_panic() {
    for login in [
        "token: \"a\\nb\"",
        "auth-provider: {name: oidc, config: {id-token: \"a\\nb\"}}",
    ] {
        let (_dir, path) = super::file(&format!(
            "current-context: x\nclusters: [{{name: c, cluster: {{server: 'https://h'}}}}]\n\
             users: [{{name: u, user: {{{login}}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
        ));
        let builder = ClusterBuilder::kubeconfig_of(&Environment::of(&[]), Some(&path), None).await;
        let error = builder.unwrap().system_roots().build().unwrap_err();
        assert!(
            scanner_core::cause::chain(&error).contains("no header may have"),
            "{error}"
        );
    }
}
