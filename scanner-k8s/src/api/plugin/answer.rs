//! What a credential plugin answers: an `ExecCredential`.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

/// A credential: a token, a certificate, or both.
pub(in crate::api) struct Answer {
    pub(super) token: Option<SecretString>,
    /// PEM of the certificate and of its key.
    pub(super) certificate: Option<(String, SecretString)>,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Reads an answer to a question of that API version.
///
/// # Errors
///
/// Fails, with what it is, where it gives no credential.
pub(super) fn read(text: &[u8], version: Option<&str>) -> Result<Answer, &'static str> {
    let answer: ExecCredential =
        serde_json::from_slice(text).map_err(|_| "something else than an ExecCredential")?;
    let other = answer.api_version.as_deref().zip(version);
    if other.is_some_and(|(given, asked)| given != asked) {
        return Err("an ExecCredential of another apiVersion than the kubeconfig names");
    }
    let status = answer.status.ok_or("an ExecCredential without a status")?;
    let expires = status.expiration_timestamp.filter(|time| !time.is_empty());
    let expires = expires.map(|time| time.parse()).transpose();
    let expires = expires.map_err(|_| "an expirationTimestamp that is not a time")?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = filled(status.token).map(SecretString::from);
    let key = filled(status.client_key_data).map(SecretString::from);
    let certificate = match (filled(status.client_certificate_data), key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err("a client certificate without its key, or a key alone"),
    };
    if token.is_none() && certificate.is_none() {
        return Err("neither a token nor a client certificate");
    }
    Ok(Answer {
        token,
        certificate,
        expires,
    })
}
