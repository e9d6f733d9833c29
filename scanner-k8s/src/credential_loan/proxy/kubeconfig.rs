//! The kubeconfig of a program: the proxy, its authority and the client's certificate. No token is in it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::certificates::ClientFiles;

/// A kubeconfig of the proxy at `server`, with the namespace of the pod.
pub(super) fn write(server: &str, files: &ClientFiles, namespace: &str) -> SecretString {
    let encode = |text: &str| STANDARD.encode(text);
    // JSON is YAML.
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "loan",
        "clusters": [{"name": "loan", "cluster": {
            "server": server, "certificate-authority-data": encode(&files.authority),
        }}],
        "users": [{"name": "loan", "user": {
            "client-certificate-data": encode(&files.certificate),
            "client-key-data": encode(files.key.expose_secret()),
        }}],
        "contexts": [{"name": "loan", "context": {
            "cluster": "loan", "user": "loan", "namespace": namespace,
        }}],
    });
    SecretString::from(kubeconfig.to_string())
}
