//! Certificates of the lab, made by openssl with a CA that lives as long as the lab does.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

const CERTIFICATES: [(&str, &str, &str); 7] = [
    (
        "apiserver",
        "/CN=kube-apiserver",
        "IP:127.0.0.1,IP:10.96.0.1,IP:10.244.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc",
    ),
    ("admin", "/O=system:masters/CN=admin", ""),
    ("controllers", "/CN=system:kube-controller-manager", ""),
    ("scheduler", "/CN=system:kube-scheduler", ""),
    ("kubelet", "/O=system:nodes/CN=system:node:lab-node", ""),
    (
        "kubeletsrv",
        "/CN=lab-node",
        "IP:127.0.0.1,IP:10.244.0.1,DNS:lab-node",
    ),
    (
        "apikubelet",
        "/O=system:masters/CN=kube-apiserver-kubelet-client",
        "",
    ),
];

/// Writes the CA, every certificate and the service account key into `dir`.
pub(super) fn create(dir: &Path) -> Result<()> {
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=lab-ca -keyout ca.key -out ca.crt",
    )?;
    for (name, subject, names) in CERTIFICATES {
        openssl(
            dir,
            &format!(
                "req -newkey rsa:2048 -nodes -subj {subject} -keyout {name}.key -out {name}.csr"
            ),
        )?;
        // An extension makes it a version 3 certificate, the only one that rustls takes.
        let names = if names.is_empty() {
            String::new()
        } else {
            format!("subjectAltName={names}\n")
        };
        let extensions = format!("basicConstraints=CA:FALSE\n{names}");
        fs::write(dir.join("extensions"), extensions)?;
        let sign = format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out {name}.crt -extfile extensions"
        );
        openssl(dir, &sign)?;
    }
    openssl(dir, "genrsa -out sa.key 2048")?;
    openssl(dir, "rsa -in sa.key -pubout -out sa.pub")
}

fn openssl(dir: &Path, arguments: &str) -> Result<()> {
    let output = Command::new("openssl")
        .current_dir(dir)
        .args(arguments.split(' '))
        .output()
        .context("cannot run openssl")?;
    ensure!(
        output.status.success(),
        "openssl {arguments} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
