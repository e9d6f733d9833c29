//! Which file runs as a credential plugin: the one that this process's `PATH` means, whatever the kubeconfig says.

use std::{fs, path::Path};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Config, api::ListParams};
use tempfile::TempDir;

use super::{super::*, program};
use crate::api::{environment::Environment, transport::InMemory};

/// Two programs of the name `helper`, each of which writes down when it runs: one in `good`, one in `evil`.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for folder in ["good", "evil", ".kube"] {
            fs::create_dir(site.dir.path().join(folder)).unwrap();
        }
        for folder in ["good", "evil"] {
            let file = site.dir.path().join(folder).join("helper");
            let ran = site.path("ran");
            // Its token is over at once, so that every call runs it again.
            let answer =
                r#"{"status": {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}}"#;
            program(&file, &format!("echo {folder} >>{ran}\necho '{answer}'"));
        }
        site
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// What ran, when a cluster is made by a kubeconfig with this `exec` and two calls are made; why not.
    async fn ran(
        &self,
        exec: &str,
        path: &str,
        listed: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let _ = fs::remove_file(self.path("ran"));
        let kuberc = self.path(".kube/kuberc");
        let _ = fs::remove_file(&kuberc);
        if let Some(listed) = listed {
            let text = format!(
                "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\n\
                 credentialPluginAllowlist: [{{command: {listed}}}]\n"
            );
            fs::write(&kuberc, text).unwrap();
        }
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://h:1'}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{exec: {{apiVersion: \
             client.authentication.k8s.io/v1, interactiveMode: Never, {}}}}}}}]\n",
            exec.replace("DIR", &self.path(""))
        );
        let file = self.path("config");
        fs::write(&file, config).unwrap();
        let home = self.path("");
        let environment = Environment::of(&[("HOME", &home), ("PATH", path)]);
        let builder =
            ClusterBuilder::kubeconfig_of(&environment, Some(Path::new(&file)), None).await;
        let builder = builder.map_err(|error| error.to_string())?;
        self.calls(builder.system_roots()).await
    }

    async fn calls(&self, builder: ClusterBuilder) -> Result<Vec<String>, String> {
        let memory = InMemory::new(|| tokio::io::duplex(64).0);
        let cluster = builder.in_memory(memory).build_async().await;
        let api = cluster
            .map_err(|error| error.to_string())?
            .begin()
            .operator()
            .api::<ConfigMap>("default");
        for _ in 0..2 {
            let _ = api.list(&ListParams::default()).await;
        }
        let ran = fs::read_to_string(self.path("ran")).unwrap_or_default();
        Ok(ran.lines().map(str::to_owned).collect())
    }

    /// The path of a folder from the current one.
    fn relative(&self, name: &str) -> String {
        let depth = std::env::current_dir().unwrap().components().count() - 1;
        format!("{}{}", "../".repeat(depth), &self.path(name)[1..])
    }
}

#[tokio::test]
async fn the_path_of_the_kubeconfig_does_not_choose_the_program() {
    let site = Site::new();
    let good = site.path("good");
    let evil_first = format!("{}:{good}", site.path("evil"));
    for exec in [
        "command: helper",
        "command: helper, env: [{name: PATH, value: DIR/evil}]",
        "command: helper, env: [{name: PATH, value: 'DIR/evil:/usr/bin:/bin'}]",
        "command: helper, env: [{name: PATH, value: ''}]",
        "command: helper, env: [{name: PATH, value: x}, {name: PATH, value: DIR/evil}]",
        "command: helper, dropEnv: [PATH]",
        "command: helper, env: [{name: PATH, value: DIR/evil}], dropEnv: [HOME]",
        "command: DIR/good/helper, env: [{name: PATH, value: DIR/evil}]",
        "command: good/helper, env: [{name: PATH, value: DIR/evil}]",
    ] {
        let full = site.path("good/helper");
        for listed in [None, Some("helper"), Some(full.as_str())] {
            let ran = site.ran(exec, &good, listed).await;
            assert_eq!(ran.unwrap(), ["good"; 3], "{exec} {listed:?}");
        }
    }
    // That of this process does.
    let ran = site.ran("command: helper", &evil_first, None).await;
    assert_eq!(ran.unwrap(), ["evil"; 3]);
}

#[tokio::test]
async fn what_is_not_the_listed_file_does_not_run() {
    let site = Site::new();
    let good = site.path("good");
    let full = site.path("good/helper");
    for (exec, path, listed) in [
        ("command: DIR/evil/helper", good.as_str(), "helper"),
        ("command: evil/helper", &good, "helper"),
        ("command: evil/helper", &good, "evil/helper"),
        ("command: evil/helper", &good, "./evil/helper"),
        ("command: helper", &site.path("evil"), &full),
        ("command: DIR/evil/helper", &good, &full),
        ("command: DIR/evil/helper", "", "helper"),
    ] {
        let ran = site.ran(exec, path, Some(listed)).await;
        let text = ran.unwrap_err();
        assert!(text.contains("does not have it"), "{exec} {listed}: {text}");
        assert!(!Path::new(&site.path("ran")).exists());
    }
}

#[tokio::test]
async fn a_program_in_the_current_folder_does_not_run_by_its_bare_name() {
    let site = Site::new();
    let evil = site.relative("evil");
    assert!(Path::new(&evil).join("helper").exists());
    let exec = "command: helper, env: [{name: PATH, value: DIR/evil}]";
    for listed in [None, Some("helper")] {
        for path in ["", ".", ":", "::.", evil.as_str()] {
            let text = site.ran(exec, path, listed).await.unwrap_err();
            assert!(text.contains("helper is not installed"), "{path}: {text}");
            assert!(!Path::new(&site.path("ran")).exists());
            let then = format!("{path}:{}", site.path("good"));
            let ran = site.ran(exec, &then, listed).await;
            assert_eq!(ran.unwrap(), ["good"; 3], "{then}");
        }
    }
}

#[tokio::test]
async fn a_configuration_of_a_program_does_not_choose_by_its_path_either() {
    let site = Site::new();
    let shell = site.path("evil/sh");
    fs::copy(site.path("evil/helper"), &shell).unwrap();
    let script = site.path("good/helper");
    let exec = serde_json::json!({
        "command": "sh", "args": [script], "env": [{"name": "PATH", "value": site.path("evil")}],
    });
    let mut config = Config::new("https://h:1".parse().unwrap());
    config.auth_info.exec = Some(serde_json::from_value(exec).unwrap());
    let ran = site.calls(Cluster::builder(config).system_roots()).await;
    assert_eq!(ran.unwrap(), ["good"; 3]);
}
