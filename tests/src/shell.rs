//! Runs a command in a container as the tests' own client, which secure-scan itself cannot do.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::AttachParams};
use scanner_core::Target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Runs `argv` in `target` with `stdin`, and gives its standard output once it succeeded.
///
/// # Errors
///
/// Fails with the messages of the server and the command.
#[expect(clippy::disallowed_methods, reason = "the tests' own exec")]
pub async fn run_in(
    client: &Client,
    target: &Target,
    argv: &[&str],
    stdin: &[u8],
) -> Result<Vec<u8>, String> {
    let pods = Api::<Pod>::namespaced(client.clone(), target.namespace.as_str());
    let params = AttachParams::default()
        .container(target.container.as_str())
        .stdin(true)
        .stderr(true);
    let argv = argv.iter().copied();
    let opened = pods.exec(target.pod.as_str(), argv, &params).await;
    let mut process = opened.map_err(|error| error.to_string())?;
    let status = process.take_status().ok_or("no status")?;
    let mut input = process.stdin().ok_or("no standard input")?;
    let mut output = process.stdout().ok_or("no standard output")?;
    let mut errors = process.stderr().ok_or("no standard error")?;
    let write = async {
        // A command that does not exist takes no input.
        let _ = input.write_all(stdin).await;
        let _ = input.shutdown().await;
    };
    let (mut out, mut err) = (Vec::new(), String::new());
    let ((), read, _) = tokio::join!(
        write,
        output.read_to_end(&mut out),
        errors.read_to_string(&mut err),
    );
    read.map_err(|error| error.to_string())?;
    let status = status.await.ok_or("the stream ended without a status")?;
    if status.status.as_deref() == Some("Success") {
        return Ok(out);
    }
    let message = status.message.unwrap_or_default();
    Err(format!("{message} {}", err.trim()))
}

/// Number of processes that run in `target` beside the shell that counts them.
///
/// # Errors
///
/// As [`run_in`].
pub async fn processes(client: &Client, target: &Target) -> Result<usize, String> {
    let count = "n=-1; for p in /proc/[0-9]*/stat; do { IFS= read -r l <$p; } 2>/dev/null || continue; \
                 case $l in *') Z '*) ;; *) n=$((n + 1)) ;; esac; done; echo $n";
    let argv = ["/bin/sh", "-c", count];
    let out = run_in(client, target, &argv, b"").await?;
    let out = String::from_utf8_lossy(&out);
    out.trim()
        .parse()
        .map_err(|_| format!("not a number: {out}"))
}
