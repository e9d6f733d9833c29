//! A registry with one small image, which it gives to those who log in.

use std::{collections::BTreeMap, convert::Infallible, fs, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::{TestNamespace, eventually};

const USER: &str = "puller";
const PASSWORD: &str = "correct horse";
const APPLETS: &str = "awk cat cksum cut date dd echo find grep head id ls ps printf readlink sed sh sleep sort stat tail \
    test tr true uname uniq wc";

/// A registry of this test, where the lab's nodes reach it; it ends with the test.
pub struct Registry {
    /// Its host and port.
    pub host: String,
    /// Its image, by a tag.
    pub image: String,
}

/// A blob or a manifest by its digest or tag, and of which kind it is.
type Contents = BTreeMap<String, (&'static str, Bytes)>;

impl Registry {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let contents = Arc::new(image());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let contents = Arc::clone(&contents);
                let service = service_fn(move |request| {
                    let answer = answer(&request, &contents);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // An error is a connection that ends.
                tokio::spawn(async move { served.await.is_ok() });
            }
        });
        let host = format!("localhost:{port}");
        let image = format!("{host}/private/app:1");
        Self { host, image }
    }

    /// Makes a pull secret for it in a namespace, with the right password or another one.
    pub async fn pull_secret(&self, site: &TestNamespace, name: &str, is_right: bool) {
        let password = if is_right { PASSWORD } else { "wrong" };
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        let config = json!({"auths": {&self.host: {"auth": auth}}}).to_string();
        let secret = json!({
            "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": config},
        });
        let secret: Secret = serde_json::from_value(secret).expect("a Secret");
        let made = site.api().create(&PostParams::default(), &secret).await;
        made.expect("pull secret");
    }
}

/// Names a pull secret on the default account of a namespace, in place of others.
pub async fn name_pull_secret(site: &TestNamespace, name: &str) {
    let named = Patch::Merge(json!({"imagePullSecrets": [{"name": name}]}));
    let accounts = site.api::<ServiceAccount>();
    let params = PatchParams::default();
    let patched = accounts.patch("default", &params, &named).await;
    patched.expect("service account");
    // Admission learns of it a moment later.
    eventually("a pod with the pull secret", async || {
        let secrets = site
            .try_pod(&json!({}))
            .await
            .ok()?
            .spec?
            .image_pull_secrets?;
        secrets
            .iter()
            .any(|secret| secret.name == name)
            .then_some(())
    })
    .await;
}

fn answer(request: &Request<Incoming>, contents: &Contents) -> Response<Full<Bytes>> {
    let logged_in = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let given = request.headers().get(AUTHORIZATION);
    if given.is_none_or(|given| given.as_bytes() != logged_in.as_bytes()) {
        let mut refused = said(401, b"{}");
        let basic = HeaderValue::from_static("Basic realm=\"private\"");
        refused.headers_mut().insert(WWW_AUTHENTICATE, basic);
        return refused;
    }
    let path = request.uri().path();
    let wanted = path.rsplit('/').next().unwrap_or_default();
    if wanted.is_empty() {
        return said(200, b"{}");
    }
    let Some((kind, bytes)) = contents.get(wanted) else {
        return said(404, b"{}");
    };
    let mut found = said(
        200,
        if request.method() == Method::HEAD {
            b""
        } else {
            bytes
        },
    );
    let headers = found.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("content-length", bytes.len().into());
    let digest = HeaderValue::from_str(&digest(bytes)).expect("a header");
    headers.insert("docker-content-digest", digest);
    found
}

fn said(status: u16, body: &[u8]) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body)));
    *answer.status_mut() = status.try_into().expect("a status");
    answer
}

fn digest(bytes: &[u8]) -> String {
    let hex = hex::encode(Sha256::digest(bytes));
    format!("sha256:{hex}")
}

/// An image of busybox, a new one each time: a node does not pull an image that it already has.
fn image() -> Contents {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    let layer = layer();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux",
        "config": {"Env": ["PATH=/bin"], "User": "10101:10101", "Entrypoint": ["/bin/sleep", "3600"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let config = config.to_string().into_bytes();
    let part = |kind: &str, bytes: &[u8]| -> Value {
        json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": part(CONFIG, &config), "layers": [part(LAYER, &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut contents = Contents::new();
    contents.insert("1".into(), (MANIFEST, manifest.clone().into()));
    for (kind, bytes) in [(MANIFEST, manifest), (CONFIG, config), (LAYER, layer)] {
        contents.insert(digest(&bytes), (kind, bytes.into()));
    }
    contents
}

fn layer() -> Vec<u8> {
    let busybox =
        fs::read("/bin/busybox").expect("busybox-static, of which the lab's images are made");
    let mut layer = tar::Builder::new(Vec::new());
    let header = |mode| {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header
    };
    for (path, mode) in [
        ("bin", 0o755),
        ("etc", 0o755),
        ("root", 0o700),
        ("tmp", 0o777),
    ] {
        let mut header = header(mode);
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        layer
            .append_data(&mut header, path, &[][..])
            .expect("a layer");
    }
    let once = uuid::Uuid::new_v4().to_string();
    for (path, bytes, mode) in [
        ("bin/busybox", busybox.as_slice(), 0o755),
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        ("etc/shadow", b"root:*:19000:0:99999:7:::\n", 0o600),
        ("etc/once", once.as_bytes(), 0o644),
    ] {
        let mut header = header(mode);
        header.set_size(bytes.len() as u64);
        layer
            .append_data(&mut header, path, bytes)
            .expect("a layer");
    }
    for applet in APPLETS.split_whitespace() {
        let mut header = header(0o777);
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        let path = format!("bin/{applet}");
        let linked = layer.append_link(&mut header, path, "busybox");
        linked.expect("a layer");
    }
    layer.into_inner().expect("a layer")
}
