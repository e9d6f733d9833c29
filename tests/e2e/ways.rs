//! Ways to the server: proxies that a kubeconfig or the environment names, credential plugins, and the account of a pod.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use kube::config::Kubeconfig;
use scanner_tests::{
    TestNamespace, lab_only,
    program::{COMPLETE, ProgramOutput, program},
    way_proxy::{Does, WayProxy},
};
use serde_json::{Value, json};

/// A name of the server in its certificate, which no name server here knows: only a proxy leads there.
const NAME: &str = "kubernetes.default.svc:6443";
/// An address of the server in its certificate that is not this machine's own for a program.
const ADDRESS: &str = "10.244.0.1:6443";
const PASSWORD: &str = "PROXY-SECRET";

/// The address of the lab's server.
fn server() -> String {
    let kubeconfig = Kubeconfig::read().expect("kubeconfig");
    let cluster = kubeconfig.clusters[0].cluster.as_ref().expect("cluster");
    let server = cluster.server.as_deref().expect("server");
    server.strip_prefix("https://").expect("https").to_owned()
}

/// The lab's kubeconfig with another address of the server, and perhaps a proxy and another user.
fn kubeconfig(file: &Path, server: &str, proxy: Option<&str>, user: Option<Value>) {
    let mut kubeconfig = Kubeconfig::read().expect("kubeconfig");
    let cluster = kubeconfig.clusters[0].cluster.as_mut().expect("cluster");
    cluster.server = Some(format!("https://{server}"));
    cluster.proxy_url = proxy.map(str::to_owned);
    let mut text = serde_json::to_value(&kubeconfig).expect("JSON");
    if let Some(user) = user {
        text["users"][0]["user"] = user;
    }
    fs::write(file, text.to_string()).expect("write");
}

/// Runs a scan of pod `web` with that kubeconfig and those variables.
async fn scan(
    site: &TestNamespace,
    file: &Path,
    variables: &[(&str, &str)],
    more: &[&str],
) -> ProgramOutput {
    let path = file.to_str().expect("a path");
    let mut args = vec![
        "container",
        "web",
        "-n",
        &site.namespace,
        "--kubeconfig",
        path,
    ];
    args.extend(more);
    let mut command = program(&args);
    for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.output().await.expect("it starts").into()
}

#[tokio::test]
async fn a_whole_scan_goes_by_the_proxy_and_nothing_of_it_past_it() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("ways").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    let login = "Proxy-Authorization: Basic dXNlcjpQUk9YWS1TRUNSRVQ=";
    for (scheme, by_environment, does) in [
        ("http", false, Does::Connect(None)),
        ("http", true, Does::Connect(Some(login))),
        ("socks5", false, Does::Socks),
        ("socks5", true, Does::Socks),
    ] {
        let proxy = WayProxy::start(server(), does).await;
        let url = format!("{scheme}://user:{PASSWORD}@{}", proxy.address);
        let url = if scheme == "http" {
            url
        } else {
            url.replace("user:PROXY-SECRET@", "")
        };
        let named = (!by_environment).then_some(url.as_str());
        kubeconfig(&file, NAME, named, None);
        let variables = [
            ("HTTPS_PROXY", url.as_str()),
            ("NO_PROXY", "example.com,10.0.0.0/8"),
        ];
        let variables = if by_environment { &variables[..] } else { &[] };
        let plan = scan(&site, &file, variables, &["--dry-run"]).await;
        assert_eq!(plan.code, 0, "{plan:?}");
        let said = format!("through the proxy {scheme}://{}, by ", proxy.address);
        assert!(
            plan.out.contains(&said) && !plan.out.contains(PASSWORD),
            "{plan:?}"
        );
        let log = dir.path().join("log");
        let log = log.to_str().unwrap();
        let done = scan(&site, &file, variables, &["-o", "json", "--audit-log", log]).await;
        assert!(done.has_findings(COMPLETE), "{scheme}: {done:?}");
        // The operator and the scan's identity share a connection each, and the exec has its own.
        let asked = proxy.asked();
        assert!(
            asked.len() >= 4 && asked.iter().all(|name| name == NAME),
            "{asked:?}"
        );
        let logged = fs::read_to_string(log).unwrap();
        for text in [&done.out, &done.err, &logged] {
            assert!(!text.contains(PASSWORD), "{text}");
        }
        fs::remove_file(log).unwrap();
    }
    site.nothing_left(5).await;
    site.remove().await;
}

#[tokio::test]
async fn no_proxy_excludes_the_server_and_the_environment_never_means_this_machine() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("noproxy").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    let proxy = WayProxy::start(server(), Does::Connect(None)).await;
    let url = proxy.address.to_string();
    kubeconfig(&file, ADDRESS, None, None);
    for excluded in ["*", "10.244.0.0/16", "10.244.0.1", "x, 10.244.0.1:6443"] {
        let variables = [("https_proxy", url.as_str()), ("no_proxy", excluded)];
        let done = scan(&site, &file, &variables, &["-o", "json"]).await;
        assert!(done.has_findings(COMPLETE), "{excluded}: {done:?}");
    }
    kubeconfig(&file, &server(), None, None);
    let done = scan(&site, &file, &[("HTTPS_PROXY", &url)], &["-o", "json"]).await;
    assert!(done.has_findings(COMPLETE), "{done:?}");
    assert_eq!(proxy.asked(), Vec::<String>::new());
    // The same proxy is used for every server that is not excluded.
    kubeconfig(&file, ADDRESS, None, None);
    let variables = [
        ("https_proxy", url.as_str()),
        ("no_proxy", "10.244.0.1:443,10.96.0.0/16"),
    ];
    let done = scan(&site, &file, &variables, &["-o", "json"]).await;
    assert!(done.has_findings(COMPLETE), "{done:?}");
    assert!(proxy.asked().len() >= 3, "{:?}", proxy.asked());
    site.remove().await;
}

#[tokio::test]
async fn a_proxy_that_wants_a_login_is_called_that_and_nothing_is_created() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("login").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    let page = "Content-Type: text/html\r\nContent-Length: 24\r\n\r\n<html>Please log in</htm";
    for (does, words) in [
        (Does::Connect(Some("never")), "wants a login: 407 by Basic"),
        (
            Does::Says(format!("HTTP/1.1 407 X\r\n{page}")),
            "it answered with its login page",
        ),
        (
            Does::Says(format!(
                "HTTP/1.1 302 X\r\nLocation: http://log.in/\r\n{page}"
            )),
            "a web page (302 Found), such as its login page",
        ),
        (
            Does::Says(format!("HTTP/1.1 200 X\r\n{page}")),
            "a web page, such as its login page",
        ),
    ] {
        let proxy = WayProxy::start(server(), does).await;
        let url = format!("http://{}", proxy.address);
        kubeconfig(&file, ADDRESS, Some(&url), None);
        let refused = scan(&site, &file, &[], &[]).await;
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(
            refused.err.contains(words) && refused.err.contains(&url),
            "{words}: {refused:?}"
        );
        assert!(!proxy.asked().is_empty());
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_credential_plugin_runs_once_for_a_whole_scan() {
    let site = TestNamespace::new("plugin").await;
    site.allow("default", &[("*", "*", "*")]).await;
    let token = site.token("default").await;
    let dir = tempfile::tempdir().unwrap();
    let (file, plugin, count) = (
        dir.path().join("config"),
        dir.path().join("plugin"),
        dir.path().join("count"),
    );
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"},
    });
    let script = format!("#!/bin/sh\necho x >>{}\necho '{answer}'\n", count.display());
    fs::write(&plugin, script).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": plugin,
    }});
    kubeconfig(&file, &server(), None, Some(user));
    let done = scan(&site, &file, &[], &["-o", "json"]).await;
    assert!(done.has_findings(COMPLETE), "{done:?}");
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 1);
    // kubectl's preferences hold for it too.
    let kuberc = dir.path().join("kuberc");
    let denies = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n";
    fs::write(&kuberc, denies).unwrap();
    let kuberc = [("KUBERC", kuberc.to_str().unwrap())];
    let refused = scan(&site, &file, &kuberc, &[]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.err.contains("credential plugin plugin is not run"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), 1);
    site.remove().await;
}

/// Gives the program an account as a pod has it, in a view of the files that nobody else sees.
const IN_A_POD: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$ACCOUNT"/* /run/secrets/kubernetes.io/serviceaccount/
exec "$@"
"#;

#[tokio::test]
async fn without_a_kubeconfig_the_account_of_the_pod_scans_and_the_plan_names_it() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("inpod").await;
    site.allow("default", &[("*", "*", "*")]).await;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("token", &site.token("default").await);
    write("namespace", &site.namespace);
    let lab = Kubeconfig::read().expect("kubeconfig");
    let cluster = lab.clusters[0].cluster.as_ref().expect("cluster");
    let authority = cluster
        .certificate_authority
        .as_deref()
        .expect("the lab names a file");
    write("ca.crt", &fs::read_to_string(authority).unwrap());
    let run = async |args: &[&str]| -> ProgramOutput {
        let inner = program(args);
        let inner = inner.as_std();
        let mut outer = tokio::process::Command::new("unshare");
        outer.args(["--mount", "sh", "-c", IN_A_POD, "sh"]);
        outer.arg(inner.get_program()).args(inner.get_args());
        outer.env_remove("KUBECONFIG").env("HOME", "/nonexistent");
        outer.env("ACCOUNT", dir.path());
        outer.env("KUBERNETES_SERVICE_HOST", "10.244.0.1");
        outer.env("KUBERNETES_SERVICE_PORT", "6443");
        outer.output().await.expect("it starts").into()
    };
    let plan = run(&["container", "web", "--dry-run"]).await;
    assert_eq!(plan.code, 0, "{plan:?}");
    let account = format!("system:serviceaccount:{}:default", site.namespace);
    // Lines are filled, and names broken at a hyphen.
    let said: String = plan.out.split_whitespace().collect();
    let said_of_account = format!("astheaccountofthispod,{account}");
    assert!(said.contains(&said_of_account), "{plan:?}");
    let done = run(&["container", "web", "-o", "json"]).await;
    assert!(done.has_findings(COMPLETE), "{done:?}");
    // A named way is used instead.
    for named in [
        ["--context", "lab"],
        ["--kubeconfig", "/nonexistent/config"],
    ] {
        let refused = run(&[&["container", "web"][..], &named].concat()).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("there is no kubeconfig"),
            "{refused:?}"
        );
    }
    site.nothing_left(5).await;
    site.remove().await;
}
