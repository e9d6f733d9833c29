//! Reads the last frame of an exec: how the command ended.

use scanner_core::escape::visible_ends;
use serde::Deserialize;

use super::error::ExecError;

/// What counts of a `metav1.Status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "status")]
    outcome: String,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

impl Status {
    /// See `k8s.io/kubelet/pkg/cri/streaming/remotecommand`: a command that ran and failed has a cause
    /// with its exit code.
    fn exit_code(&self) -> Option<u8> {
        let mut causes = self.details.iter().flat_map(|d| &d.causes);
        let cause = causes.find(|cause| cause.reason == "ExitCode")?;
        cause.message.parse().ok()
    }
}

/// Whether the status frame says that the command succeeded; `stderr` is what the command itself wrote.
pub(super) fn evaluate(frame: &[u8], stderr: &[u8]) -> Result<(), ExecError> {
    let status: Status = serde_json::from_slice(frame).unwrap_or_default();
    if status.outcome == "Success" {
        return Ok(());
    }
    let exit_code = status.exit_code();
    let message = status.message.as_deref();
    let message = message.unwrap_or("the status cannot be read");
    let stderr = String::from_utf8_lossy(stderr);
    let (server, stderr) = (visible_ends(message, 600), visible_ends(stderr.trim(), 600));
    Err(if names_no_shell(message) {
        ExecError::NoShell { server, stderr }
    } else {
        ExecError::Failed {
            server,
            stderr,
            exit_code,
        }
    })
}

/// Words of runc and of crun for a command that is not there, as the server passes them on; the status has
/// no field for it. A shell that is there cannot say this: its own words are on standard error.
fn names_no_shell(message: &str) -> bool {
    message.contains("exec: \"/bin/sh\"") || message.contains("executable file `/bin/sh` not found")
}

#[cfg(test)]
mod tests {
    use super::super::error::ExecErrorKind;
    use super::*;

    #[test]
    fn only_a_readable_success_is_success() {
        assert!(evaluate(br#"{"status":"Success"}"#, b"").is_ok());
        for bad in [
            &b""[..],
            b"{}",
            b"garbage",
            br#"{"status":"Failure","message":"no sh"}"#,
        ] {
            assert!(evaluate(bad, b"x").is_err());
        }
    }

    #[test]
    fn what_the_command_says_is_not_taken_for_the_server() {
        let status = br#"{"status":"Failure","message":"exit code 1"}"#;
        let error = evaluate(status, b"exec: \"/bin/sh\" ").unwrap_err();
        assert_eq!(error.kind(), ExecErrorKind::Failed);
        let ExecError::Failed { server, stderr, .. } = error else {
            panic!("it failed");
        };
        assert_eq!(
            (server.as_str(), stderr.as_str()),
            ("exit code 1", "exec: \"/bin/sh\"")
        );
    }

    #[test]
    fn a_missing_shell_and_an_exit_code_are_known_by_kind() {
        for words in [
            r#"OCI runtime exec failed: exec failed: unable to start container process: exec: \"/bin/sh\": stat /bin/sh: no such file or directory"#,
            r"executable file `/bin/sh` not found in $PATH: No such file or directory",
        ] {
            let status =
                format!(r#"{{"status":"Failure","reason":"InternalError","message":"{words}"}}"#);
            let error = evaluate(status.as_bytes(), b"").unwrap_err();
            assert_eq!(error.kind(), ExecErrorKind::NoShell, "{error}");
        }
        let status = br#"{"status":"Failure","reason":"NonZeroExitCode","message":"command terminated with exit code 3",
            "details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
        let error = evaluate(status, b"").unwrap_err();
        assert!(
            matches!(
                error,
                ExecError::Failed {
                    exit_code: Some(3),
                    ..
                }
            ),
            "{error:?}"
        );
    }
}
