//! The header that sends a token.

use http::{HeaderValue, header::InvalidHeaderValue};

/// The value of `Authorization` that sends `token`. It is not shown where headers are.
///
/// # Errors
///
/// Fails when the token has a character that no header may have.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_and_not_shown() {
        let value = bearer("e30.secret").unwrap();
        assert_eq!(value, "Bearer e30.secret");
        assert!(!format!("{value:?}").contains("secret"));
        assert!(bearer("a\nb").is_err());
    }
}
