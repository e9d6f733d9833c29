//! Service account tokens: JSON Web Tokens whose spellings are read as leniently as the API server reads them.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of an RS256 signature with a key of 2048 bits: four bits of its last character are free.
const SIGNATURE: usize = 256;

/// As go-jose reads it: `base64.RawURLEncoding`, not strict, so that free bits are not looked at.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A token in the shape of RS256. Its signature is not real RSA: only the fake has to recognize it.
pub(super) fn sign(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": "fake-cluster"}).to_string();
    let claims = claims.to_string();
    let signature = signature(header.as_bytes(), claims.as_bytes());
    [header.as_bytes(), claims.as_bytes(), &signature]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".")
}

/// The claims of a token with a right signature, in any of its spellings.
pub(super) fn claims(token: &str) -> Option<Value> {
    let token: String = token.chars().filter(|c| !c.is_whitespace()).collect();
    let parts = token.split('.').map(|part| LENIENT.decode(part).ok());
    let parts: Vec<Vec<u8>> = parts.collect::<Option<_>>()?;
    let [header, claims, given] = parts.as_slice() else {
        return None;
    };
    let right = *given == signature(header, claims);
    right.then(|| serde_json::from_slice(claims).ok()).flatten()
}
fn signature(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(SIGNATURE);
    for number in 0_u8.. {
        let digest = Sha256::new()
            .chain_update([number])
            .chain_update(header)
            .chain_update(b".")
            .chain_update(claims);
        all.extend_from_slice(&digest.finalize());
        if all.len() >= SIGNATURE {
            break;
        }
    }
    all.truncate(SIGNATURE);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_sixteen_spellings_and_no_other_is_accepted() {
        let token = sign(&json!({"jti": "1"}));
        assert_eq!(token.rsplit('.').next().map(str::len), Some(342));
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let spelled = alphabet.chars().filter(|last| {
            let mut other = token.clone();
            other.pop();
            other.push(*last);
            claims(&other).is_some()
        });
        assert_eq!(spelled.count(), 16);
        let (start, end) = token.split_at(token.len() - 9);
        assert!(claims(&format!("{start}\t{end}")).is_some());
        assert!(claims(&token[..token.len() - 4]).is_none());
    }
}
