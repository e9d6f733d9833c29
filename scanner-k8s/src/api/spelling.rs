//! Other spellings of a token, which the API server validates anew.
//!
//! The server remembers for ten seconds that it accepted a token, by the text of the token. A JWT has more than one text:
//! the decoder of its signature ignores the free low bits of the last base64url character (RFC 4648, section 3.5), and
//! white space within the signature (go-jose, `stripWhitespace`). A text that the server has not seen is not remembered.

use secrecy::{ExposeSecret as _, SecretString};

/// The alphabet of base64url (RFC 4648, section 5), by value.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where white space is put into a signature without free bits: behind the part by which the search for leaked tokens finds
/// it.
const AFTER: usize = 40;

/// Up to `most` other spellings of `token`, each different from the others; none of a token that is no JWT.
///
/// All are of one kind: if the server accepts one of them, it would accept the others too.
pub(crate) fn others(token: &SecretString, most: usize) -> Vec<SecretString> {
    let text = token.expose_secret();
    let mut parts = text.split('.');
    let (Some(_), Some(_), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let in_alphabet = signature.bytes().all(|b| ALPHABET.contains(&b));
    if signature.len() < AFTER || !in_alphabet {
        return Vec::new();
    }
    let free = match signature.len() % 4 {
        2 => 4,
        3 => 2,
        _ => 0,
    };
    let mut others = by_last_character(text, free);
    if others.is_empty() {
        let start = text.len() - signature.len();
        others.extend((AFTER..signature.len()).map(|at| {
            let (before, after) = text.split_at(start + at);
            SecretString::from([before, "\t", after].concat())
        }));
    }
    others.truncate(most);
    others
}

/// The token with every other last character that decodes to the same signature.
fn by_last_character(text: &str, free: u32) -> Vec<SecretString> {
    let Some((last, rest)) = text.as_bytes().split_last() else {
        return Vec::new();
    };
    let Some(value) = ALPHABET.iter().position(|c| c == last) else {
        return Vec::new();
    };
    let Ok(rest) = std::str::from_utf8(rest) else {
        return Vec::new();
    };
    let count = 1_usize << free;
    let base = value - value % count;
    (base..base + count)
        .filter(|other| *other != value)
        .map(|other| {
            let mut spelled = String::with_capacity(text.len());
            spelled.push_str(rest);
            spelled.push(char::from(ALPHABET[other]));
            SecretString::from(spelled)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::{
        Engine as _, alphabet,
        engine::{GeneralPurpose, GeneralPurposeConfig},
    };

    use super::*;
    use secrecy::ExposeSecret;

    /// As lax as Go's `base64.RawURLEncoding`, after go-jose took white space out.
    fn signature(token: &SecretString) -> Vec<u8> {
        let config = GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
        let lax = GeneralPurpose::new(&alphabet::URL_SAFE, config);
        let text = token.expose_secret().rsplit('.').next().unwrap();
        lax.decode(text.replace('\t', "")).unwrap()
    }

    fn token(bytes: usize) -> SecretString {
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let signature: Vec<u8> = (0..=250).cycle().step_by(37).take(bytes).collect();
        SecretString::from(format!("e30.e30.{}", engine.encode(signature)))
    }

    #[test]
    fn every_spelling_is_the_same_signature_and_another_text() {
        // RS256 with 2048, 3072 and 4096 bits, ES256, ES384, ES512.
        for bytes in [256, 384, 512, 64, 96, 132] {
            let token = token(bytes);
            let all = others(&token, 20);
            let wanted = match bytes {
                256 | 64 => 15,
                512 => 3,
                _ => 20,
            };
            assert_eq!(all.len(), wanted, "{bytes}");
            let mut texts: BTreeSet<&str> = all.iter().map(ExposeSecret::expose_secret).collect();
            texts.insert(token.expose_secret());
            assert_eq!(texts.len(), wanted + 1, "{bytes}");
            let spaced = all.iter().filter(|t| t.expose_secret().contains('\t'));
            assert_eq!(spaced.count(), if wanted == 20 { 20 } else { 0 }, "{bytes}");
            for other in &all {
                assert_eq!(signature(other), signature(&token), "{bytes}");
                assert!(crate::api::bearer::bearer(other.expose_secret()).is_ok());
            }
        }
    }

    #[test]
    fn what_is_no_jwt_has_one_spelling() {
        for text in ["opaque", "a.b", "a.b.c", "a.b.c.d", ""] {
            assert!(others(&SecretString::from(text), 5).is_empty(), "{text}");
        }
        let odd = format!("e30.e30.{}", "+".repeat(80));
        assert!(others(&SecretString::from(odd), 5).is_empty());
    }
}
