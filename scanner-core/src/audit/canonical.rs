//! The canonical form of JSON (RFC 8785), whose digest is the same however a document is laid out.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::hash::sha256;

/// Largest integer up to which every one has a double of its own, which is how the canonical form writes numbers.
const MAX_EXACT: u64 = 1 << 53;

/// Why a document has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("it has no canonical form: {0}")]
pub struct NoCanonicalForm(#[from] serde_json::Error);

/// SHA-256, in lower-case hexadecimal, of the canonical form of a JSON document.
///
/// # Errors
///
/// Fails on what is not JSON, and on what two readers can read in two ways: an object with the same name twice, and a number
/// that a double does not hold exactly.
pub fn canonical_sha256(json: &[u8]) -> Result<String, NoCanonicalForm> {
    digest(&parse(json)?)
}

/// Reads a document that every reader reads alike.
pub(crate) fn parse(json: &[u8]) -> Result<Value, NoCanonicalForm> {
    let OneReading(value) = serde_json::from_slice(json)?;
    Ok(value)
}

/// The digest of a value that [`parse`] gave, or of a part of one.
pub(crate) fn digest(value: &Value) -> Result<String, NoCanonicalForm> {
    let bytes = serde_json_canonicalizer::to_vec(value)?;
    Ok(sha256(&bytes))
}

/// A value without a name twice in an object and without an integer that no double holds.
struct OneReading(Value);

impl<'de> Deserialize<'de> for OneReading {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(OneReading)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_EXACT {
            return Err(E::custom("an integer is too large for a double"));
        }
        Ok(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_EXACT {
            return Err(E::custom("an integer is too large for a double"));
        }
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number is not finite"))?;
        // Beyond it a fraction can be an integer that was written with a point or an exponent.
        if value.abs() > 9_007_199_254_740_992.0 {
            return Err(E::custom("a number is too large to be exact"));
        }
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(OneReading(value)) = items.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, OneReading(value))) = entries.next_entry::<String, OneReading>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has a name twice"));
            }
        }
        Ok(Value::Object(all))
    }
}
