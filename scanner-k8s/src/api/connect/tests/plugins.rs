//! A credential plugin runs once for all connections and both identities, and only where kubectl would let it run.

use std::fs;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use rcgen::{CertificateParams, KeyPair};
use scanner_core::cause::chain;
use tempfile::TempDir;

use super::{super::*, program};
use crate::api::{environment::Environment, transport::InMemory};

/// A folder with a plugin that counts its runs and answers so, a kubeconfig that names it, and a home.
fn site(answer: &str, more: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    program(
        &dir.path().join("plugin"),
        &format!("echo x >>{}\ncat <<'END'\n{answer}\nEND", path("count")),
    );
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://h:1'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{exec: {{apiVersion: \
         client.authentication.k8s.io/v1, command: {}, interactiveMode: Never{more}}}}}}}]\n",
        path("plugin")
    );
    fs::write(dir.path().join("config"), config).unwrap();
    fs::create_dir(dir.path().join(".kube")).unwrap();
    dir
}

fn runs(dir: &TempDir) -> usize {
    fs::read_to_string(dir.path().join("count")).map_or(0, |text| text.lines().count())
}

/// A cluster whose connections lead nowhere.
async fn connect(dir: &TempDir, variables: &[(&str, &str)]) -> Result<Cluster, ConnectError> {
    let memory = InMemory::new(|| tokio::io::duplex(64).0);
    builder(dir, variables).await?.in_memory(memory).build()
}

async fn builder(
    dir: &TempDir,
    variables: &[(&str, &str)],
) -> Result<ClusterBuilder, ConnectError> {
    let home = dir.path().to_str().unwrap();
    let mut all = vec![("HOME", home)];
    all.extend(variables);
    let file = dir.path().join("config");
    let builder = ClusterBuilder::kubeconfig_of(&Environment::of(&all), Some(&file), None).await?;
    Ok(builder.system_roots())
}

fn credential(status: &str) -> String {
    format!(
        r#"{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{{status}}}}}"#
    )
}

#[tokio::test]
async fn it_runs_once_whatever_it_gives() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["u".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let certificate = format!(
        "\"clientCertificateData\": {}, \"clientKeyData\": {}",
        serde_json::json!(certificate.pem()),
        serde_json::json!(key.serialize_pem())
    );
    for status in [
        r#""token": "t""#,
        r#""token": "t", "expirationTimestamp": "2099-01-01T00:00:00Z""#,
        certificate.as_str(),
        &format!("\"token\": \"t\", {certificate}"),
    ] {
        let dir = site(&credential(status), "");
        // With all that TLS needs: kube looks for a certificate among the credentials.
        let cluster = builder(&dir, &[]).await.unwrap().build().unwrap();
        let segment = cluster.begin();
        for _ in 0..3 {
            let api = segment.operator().api::<ConfigMap>("default");
            let _ = api.list(&ListParams::default()).await;
        }
        assert_eq!(runs(&dir), 1, "{status}");
    }
}

#[tokio::test]
async fn what_another_credential_makes_needless_is_not_run() {
    for other in ["token: t", "tokenFile: TOKEN", "username: u, password: p"] {
        let dir = site("", "");
        let token = dir.path().join("token");
        fs::write(&token, "t").unwrap();
        let other = other.replace("TOKEN", token.to_str().unwrap());
        let file = dir.path().join("config");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(
            &file,
            text.replace("user: {exec", &format!("user: {{{other}, exec")),
        )
        .unwrap();
        connect(&dir, &[]).await.unwrap();
        assert_eq!(runs(&dir), 0, "{other}");
    }
}

#[tokio::test]
async fn one_that_is_not_installed_is_named_with_its_hint() {
    let hint = ", installHint: \"Install it:\\n  brew install aws-cli\"";
    for (hint, words) in [
        (
            hint,
            "credential plugin no-such-plugin is not installed; the kubeconfig says: Install it: brew install aws-cli",
        ),
        ("", "credential plugin no-such-plugin is not installed"),
    ] {
        let dir = site("", hint);
        let file = dir.path().join("config");
        let text = fs::read_to_string(&file).unwrap();
        let plugin = dir.path().join("plugin").display().to_string();
        fs::write(&file, text.replace(&plugin, "no-such-plugin")).unwrap();
        let error = connect(&dir, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Plugin);
        assert_eq!(chain(&error), words);
        assert!(error.remedy().unwrap().to_string().contains("install it"));
    }
}

#[tokio::test]
async fn kubectls_preferences_say_what_may_run() {
    const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
    const LIST: &str = "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n";
    let of_version = |version: &str| HEAD.replace("v1beta1", version);
    let other = "apiVersion: v1\nkind: Other\ncredentialPluginPolicy: DenyAll\n---\n";
    for (kuberc, refused) in [
        (String::new(), Some("cannot be read")),
        (HEAD.to_owned(), None),
        (
            format!(
                "{HEAD}defaults:\n- command: apply\n  options: [{{name: server-side, default: 'true'}}]\n"
            ),
            None,
        ),
        (format!("{HEAD}credentialPluginPolicy: AllowAll\n"), None),
        (format!("{HEAD}credentialPluginPolicy: ''\n"), None),
        (
            format!("{other}{HEAD}credentialPluginPolicy: AllowAll\n"),
            None,
        ),
        (
            format!("{HEAD}credentialPluginPolicy: DenyAll\n"),
            Some("DenyAll"),
        ),
        (
            format!(
                "{}credentialPluginPolicy: DenyAll\n",
                of_version("v1alpha1")
            ),
            Some("DenyAll"),
        ),
        (
            format!("{}credentialPluginPolicy: AllowAll\n", of_version("v1")),
            Some("has no Preference of a version that kubectl knows"),
        ),
        (
            format!(
                "{}credentialPluginPolicy: AllowAll\n---\n{HEAD}credentialPluginPolicy: DenyAll\n",
                of_version("v2")
            ),
            Some("DenyAll"),
        ),
        (
            format!(
                "{}credentialPluginPolicy: DenyAll\n---\n{HEAD}credentialPluginPolicy: AllowAll\n",
                of_version("v1beta10")
            ),
            None,
        ),
        (
            format!(
                "{HEAD}{}\ncredentialPluginPolicy: DenyAll\n",
                "#".repeat(1 << 20)
            ),
            Some("cannot be read: file too large"),
        ),
        (
            format!("{HEAD}credentialPluginPolicy: Sometimes\n"),
            Some("is not known"),
        ),
        (
            format!("{HEAD}credentialPluginPolicy: Allowlist\n"),
            Some("has no credentialPluginAllowlist"),
        ),
        (
            format!("{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: []\n"),
            Some("has no credentialPluginAllowlist"),
        ),
        (
            format!("{HEAD}credentialPluginAllowlist: [{{command: DIR/plugin}}]\n"),
            Some("is not Allowlist"),
        ),
        (format!("{HEAD}{LIST}- command: DIR/plugin\n"), None),
        (format!("{HEAD}{LIST}- name: DIR/plugin\n"), None),
        (
            format!("{HEAD}{LIST}- command: other\n- command: plugin\n"),
            None,
        ),
        (
            format!("{HEAD}{LIST}- command: other\n"),
            Some("does not have it in credentialPluginAllowlist"),
        ),
        (
            format!("{HEAD}{LIST}- command: DIR/other/plugin\n"),
            Some("does not have it"),
        ),
        (
            format!("{HEAD}{LIST}- {{}}\n- command: plugin\n"),
            Some("empty entry"),
        ),
        (
            format!("{HEAD}credentialPluginPolicy: [\n"),
            Some("line 3, column 25"),
        ),
    ] {
        decides(&kuberc, refused).await;
    }
}

/// Whether a plugin runs with that kuberc, or why not.
async fn decides(kuberc: &str, refused: Option<&str>) {
    let dir = site(&credential(r#""token": "t""#), "");
    let home = dir.path().to_str().unwrap().to_owned();
    let file = dir.path().join(".kube/kuberc");
    fs::write(&file, kuberc.replace("DIR", &home)).unwrap();
    let path = [("PATH", home.as_str())];
    let named = [path[0], ("KUBERC", file.to_str().unwrap())];
    for variables in [&path[..], &named] {
        let made = connect(&dir, variables).await;
        match refused {
            None => assert!(made.is_ok(), "{kuberc}: {made:?}"),
            Some(words) => {
                let text = chain(&made.unwrap_err());
                assert!(
                    text.contains(words)
                        && text.contains("credential plugin plugin is not run: kubectl's kuberc "),
                    "{kuberc}: {text}"
                );
            }
        }
    }
    assert_eq!(
        runs(&dir),
        if refused.is_some() { 0 } else { 2 },
        "{kuberc}"
    );
    for off in [
        ("KUBERC", "off"),
        ("KUBECTL_KUBERC", "false"),
        ("KUBECTL_KUBERC", "False"),
    ] {
        connect(&dir, &[off]).await.unwrap();
    }
    for on in ["0", "f", "no", "off", "true", "", " false"] {
        let made = connect(&dir, &[path[0], ("KUBECTL_KUBERC", on)]).await;
        assert_eq!(made.is_err(), refused.is_some(), "{on}");
    }
}

#[tokio::test]
async fn preferences_that_nobody_named_may_be_missing_and_matter_for_plugins_alone() {
    let dir = site(&credential(r#""token": "t""#), "");
    let gone = [("KUBERC", "/does/not/exist")];
    assert!(
        connect(&dir, &gone).await.is_err(),
        "one that is named must be there"
    );
    connect(&dir, &[]).await.unwrap();
    fs::write(dir.path().join(".kube/kuberc"), "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n").unwrap();
    let file = dir.path().join("config");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("user: {exec", "user: {token: t, exec")).unwrap();
    connect(&dir, &[]).await.unwrap();
}

#[tokio::test]
async fn an_auth_provider_that_would_run_a_program_is_refused() {
    let dir = site("", "");
    let file = dir.path().join("config");
    let count = dir.path().join("count");
    let text = fs::read_to_string(&file).unwrap();
    let provider = format!(
        "user: {{auth-provider: {{name: gcp, config: {{cmd-path: /bin/touch, cmd-args: {}}}}}, exec",
        count.display()
    );
    fs::write(&file, text.replace("user: {exec", &provider)).unwrap();
    let error = connect(&dir, &[]).await.unwrap_err();
    assert!(
        chain(&error).contains("auth-provider gcp would run a program"),
        "{error}"
    );
    assert!(!count.exists());
}

#[tokio::test]
async fn it_gets_the_cluster_and_the_proxy_that_the_kubeconfig_names() {
    let dir = site("", ", provideClusterInfo: true");
    let given = dir.path().join("given");
    let answer = credential(r#""token": "t""#);
    program(
        &dir.path().join("plugin"),
        &format!(
            "printf %s \"$KUBERNETES_EXEC_INFO\" >{}\necho '{answer}'",
            given.display()
        ),
    );
    for proxy in ["", "http://proxy:3128"] {
        let file = dir.path().join("config");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(
            &file,
            text.replace(
                "'https://h:1'",
                &format!("'https://h:1', proxy-url: '{proxy}'"),
            ),
        )
        .unwrap();
        connect(&dir, &[("HTTPS_PROXY", "http://other:1")])
            .await
            .unwrap();
        let given: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&given).unwrap()).unwrap();
        assert_eq!(given["kind"], "ExecCredential");
        assert_eq!(given["apiVersion"], "client.authentication.k8s.io/v1");
        assert_eq!(given["spec"]["interactive"], false);
        assert_eq!(given["spec"]["cluster"]["server"], "https://h:1");
        assert_eq!(
            given["spec"]["cluster"]["proxy-url"]
                .as_str()
                .unwrap_or_default(),
            proxy
        );
        fs::write(&file, text).unwrap();
    }
}

#[tokio::test]
async fn an_answer_without_a_credential_is_named() {
    for (answer, words) in [
        (credential(""), "neither a token nor a client certificate"),
        (credential(r#""token": """#), "neither a token"),
        (
            credential(r#""clientKeyData": "k""#),
            "without its key, or a key alone",
        ),
        (
            credential(r#""token": "t""#).replace("/v1\"", "/v1beta1\""),
            "another apiVersion",
        ),
        ("x".repeat(2 << 20), "its answer is too long"),
    ] {
        let dir = site(&answer, "");
        let text = chain(&connect(&dir, &[]).await.unwrap_err());
        assert!(text.contains(words) && text.len() < 300, "{text}");
    }
}
