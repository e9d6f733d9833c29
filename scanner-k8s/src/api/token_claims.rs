//! The claims of a service account token; the token itself is not kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Claims of a token that are not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    /// User name at the server.
    pub(crate) account: String,
    /// The token's id in the server's audit log.
    pub(crate) jti: String,
}

#[derive(Deserialize)]
struct Payload {
    sub: String,
    jti: String,
}

/// Reads them; `None` when the server's tokens have no such claims.
pub(crate) fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: Payload = serde_json::from_slice(&payload).ok()?;
    // Only what is surely an id and a name: nothing else of a token may be written down.
    let id = payload.jti.len() <= 64
        && payload
            .jti
            .chars()
            .all(|c| c.is_ascii_hexdigit() || c == '-');
    let name = payload.sub.len() <= 512
        && payload.sub.starts_with("system:serviceaccount:")
        && payload
            .sub
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ":.-".contains(c));
    (id && name).then_some(Claims {
        account: payload.sub,
        jti: payload.jti,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn only_ids_and_names_are_taken() {
        let good = token(r#"{"sub":"system:serviceaccount:shop:a","jti":"1f-2e","exp":1}"#);
        let claims = claims(&good).unwrap();
        assert_eq!(
            (claims.account.as_str(), claims.jti.as_str()),
            ("system:serviceaccount:shop:a", "1f-2e")
        );
        for bad in [
            "",
            "a.b.c",
            &token(r#"{"sub":"admin","jti":"1f"}"#),
            &token(r#"{"sub":"system:serviceaccount:shop:a","jti":"not an id"}"#),
            &token(r#"{"sub":"system:serviceaccount:shop:a"}"#),
        ] {
            assert_eq!(super::claims(bad), None, "{bad}");
        }
    }
}
