//! A second API server of the lab: the same program over the same etcd, as clusters with several servers have it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

const PORT: &str = "--secure-port=6443";
const OTHER: u16 = 6444;

/// A running second server. It ends with this.
pub struct SecondServer {
    process: Child,
    /// A kubeconfig of the lab's administrator that leads to it.
    pub kubeconfig: tempfile::NamedTempFile,
    _audit: tempfile::TempDir,
}

impl SecondServer {
    /// Starts it as the lab's own server was started, on another port and with an audit log of its own.
    ///
    /// # Panics
    ///
    /// Where the lab's server is not found, or this one is not ready after a minute.
    pub async fn start() -> Self {
        let (arguments, place) = first().expect("the lab's API server runs");
        let audit = tempfile::tempdir().expect("a folder");
        let log = audit.path().join("audit.log");
        let own = arguments[1..].iter().map(|argument| {
            if argument == PORT {
                format!("--secure-port={OTHER}")
            } else if argument.starts_with("--audit-log-path=") {
                format!("--audit-log-path={}", log.display())
            } else {
                argument.clone()
            }
        });
        let process = Command::new(&arguments[0])
            .args(own)
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut kubeconfig = Kubeconfig::read().expect("kubeconfig");
        for named in &mut kubeconfig.clusters {
            let cluster = named.cluster.as_mut().expect("a cluster");
            let server = cluster.server.as_mut().expect("a server");
            *server = server.replace(":6443", &format!(":{OTHER}"));
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = serde_saphyr::to_string(&kubeconfig).expect("YAML");
        fs::write(file.path(), text).expect("written");
        let server = Self {
            process,
            kubeconfig: file,
            _audit: audit,
        };
        let begun = Instant::now();
        while !server.is_ready().await {
            assert!(begun.elapsed() < Duration::from_mins(5), "it is not ready");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        server
    }

    /// How to connect to it as the lab's administrator.
    ///
    /// # Panics
    ///
    /// Where its kubeconfig cannot be read.
    pub async fn config(&self) -> Config {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig.path()).expect("kubeconfig");
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("a configuration")
    }

    async fn is_ready(&self) -> bool {
        let client = Client::try_from(self.config().await).expect("a client");
        let request = hyper::Request::get("/readyz")
            .body(vec![])
            .expect("request");
        client.request_text(request).await.is_ok()
    }
}

impl Drop for SecondServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Arguments and folder of the lab's own server.
fn first() -> Option<(Vec<String>, PathBuf)> {
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(text) = fs::read_to_string(entry.path().join("cmdline")) else {
            continue;
        };
        let arguments: Vec<String> = text
            .trim_end_matches('\0')
            .split('\0')
            .map(str::to_owned)
            .collect();
        let is_server = arguments.get(1).is_some_and(|name| name == "apiserver");
        if is_server && arguments.iter().any(|argument| argument == PORT) {
            let place = fs::read_link(entry.path().join("cwd")).ok()?;
            return Some((arguments, place));
        }
    }
    None
}
