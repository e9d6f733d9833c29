//! Errors of the libraries that connect, without what may be secret in them.
//!
//! What a credential plugin is started with and what it answers are secrets, and so is the text of a kubeconfig: errors
//! of kube quote all of them. They are distinguished by their type, never by their text.

use std::{error::Error, process::Output};

use http::Uri;
use kube::{client::AuthError, config::KubeconfigError};
use scanner_core::{cause::chain, escape::visible};
use tower::BoxError;

/// Longest text of a plugin's standard error that is shown, in characters.
const MAX_STDERR: usize = 300;
/// Bytes of it that are read for that.
const MAX_STDERR_BYTES: usize = 4 << 10;

/// Why there is no connection, in words that hold no secret: it is made of an error of another library, and keeps
/// nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Redacted(String);

impl Redacted {
    /// Of a kubeconfig, nothing is quoted.
    pub(super) fn kubeconfig(error: &KubeconfigError) -> Self {
        Self(match error {
            KubeconfigError::Parse(error) => match error.location() {
                Some(at) => format!(
                    "it is no kubeconfig: line {}, column {}",
                    at.line(),
                    at.column()
                ),
                None => "it is no kubeconfig".into(),
            },
            other => chain(other),
        })
    }

    /// Why a client cannot be made, or a call has no answer. `program` is the credential plugin, if there is one.
    pub(super) fn client(error: &kube::Error, program: Option<&str>) -> Self {
        if let Some(error) = credential_error(error) {
            return Self::credential(error, program);
        }
        Self(match error {
            kube::Error::InferKubeconfig(error) => return Self::kubeconfig(error),
            // Its text quotes the answer, which may have a token.
            kube::Error::SerdeError(error) => format!(
                "the answer is not as expected: line {}, column {}",
                error.line(),
                error.column()
            ),
            kube::Error::ProxyProtocolUnsupported { proxy_url }
            | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => format!(
                "the proxy {} cannot be used: its protocol is not supported",
                without_user(proxy_url)
            ),
            other => chain(other),
        })
    }

    /// The same of a call that has no answer: an error of the operator's credential is replaced, whatever is around it.
    pub(super) fn call(error: BoxError, program: Option<&str>) -> BoxError {
        match credential_error(error.as_ref()) {
            Some(found) => Self::credential(found, program).into(),
            None => error,
        }
    }

    /// A credential for which kube cannot even make a header.
    pub(super) fn no_header() -> Self {
        Self("the credential has characters that no header may have".into())
    }

    fn credential(error: &AuthError, program: Option<&str>) -> Self {
        let plugin = match program {
            Some(program) => format!("credential plugin {}", visible(program, 100)),
            None => "the credential plugin".into(),
        };
        Self(match error {
            AuthError::AuthExecRun { out, .. } => ended(&plugin, out),
            AuthError::AuthExecStart(error) => format!("{plugin} cannot be started: {error}"),
            AuthError::AuthExecParse(_) => {
                format!("{plugin} gave something else than an ExecCredential")
            }
            AuthError::ExecPluginFailed => {
                format!("{plugin} gave an ExecCredential without a status")
            }
            AuthError::MalformedTokenExpirationDate(_) => {
                format!("{plugin} gave an expirationTimestamp that is no time")
            }
            AuthError::UnrefreshableTokenResponse => {
                format!("{plugin} gave no token that can be renewed")
            }
            AuthError::ReadTokenFile(error, path) => format!(
                "cannot read the token file {}: {}",
                visible(&path.to_string_lossy(), 300),
                error.kind()
            ),
            AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
                return Self::no_header();
            }
            AuthError::MissingCommand => {
                "the kubeconfig names no command of its credential plugin".into()
            }
            AuthError::ExecMissingClusterInfo => {
                format!("{plugin} wants to know the cluster, which the kubeconfig does not say")
            }
            _ => "the credential of the configuration cannot be obtained".into(),
        })
    }
}

/// The address without a user and a password.
pub(super) fn without_user(address: &Uri) -> String {
    let text = address.to_string();
    let user = address.authority().and_then(|authority| {
        let (user, _) = authority.as_str().rsplit_once('@')?;
        Some(format!("{user}@"))
    });
    user.map_or(text.clone(), |user| text.replacen(&user, "", 1))
}

/// The file name of a credential plugin: where it is and what it is started with is nobody's business.
pub(super) fn program(config: &kube::Config) -> Option<String> {
    let command = config.auth_info.exec.as_ref()?.command.as_ref()?;
    let name = command.rsplit('/').next().unwrap_or_default();
    Some(name.to_owned())
}

/// The error of a credential among an error and its causes.
fn credential_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a AuthError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn ended(plugin: &str, output: &Output) -> String {
    let status = output.status;
    let stderr = &output.stderr[..output.stderr.len().min(MAX_STDERR_BYTES)];
    let stderr = String::from_utf8_lossy(stderr);
    let words: Vec<&str> = stderr.split_whitespace().collect();
    match words.join(" ") {
        none if none.is_empty() => format!("{plugin} failed: {status}"),
        stderr => format!(
            "{plugin} failed: {status}: {}",
            visible(&stderr, MAX_STDERR)
        ),
    }
}
