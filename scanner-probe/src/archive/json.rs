//! Documents of an image: every key that is read has one value, whoever reads it.
//!
//! Go, in which container runtimes are written, reads `Layers` as `layers`, and takes the last of two. Other readers
//! distinguish the case, and some take the first. A document in which that matters is refused.

use std::{fmt, io};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::fault::bad;

/// A value; numbers and booleans are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Other,
    Text(String),
    List(Vec<Self>),
    /// In the order of the document, with duplicate keys.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Fails when it is not JSON. The message quotes nothing of it.
    pub(super) fn read(bytes: &[u8]) -> io::Result<Self> {
        serde_json::from_slice(bytes).map_err(io::Error::from)
    }

    /// The value of `key` in an object; null if it has none.
    ///
    /// # Errors
    ///
    /// Fails when it is not an object, and when readers differ on the value.
    pub(super) fn get(&self, key: &str) -> io::Result<&Self> {
        let all = match self {
            Self::Null => return Ok(&Self::Null),
            Self::Object(all) => all,
            _ => {
                return Err(bad(
                    "a document of the image has something other than an object in its place",
                ));
            }
        };
        let mut named = all.iter().filter(|(name, _)| is_named(name, key));
        match (named.next(), named.next()) {
            (None, _) => Ok(&Self::Null),
            (Some((name, value)), None) if name == key => Ok(value),
            _ => Err(bad(&format!(
                "a document of the image has {key} twice or in another case, which programs read differently"
            ))),
        }
    }

    /// The text that an object has for `key`, empty where it has none.
    pub(super) fn text(&self, key: &str) -> io::Result<&str> {
        match self.get(key)? {
            Self::Null => Ok(""),
            Self::Text(text) => Ok(text),
            _ => Err(bad(
                "a document of the image has something other than a text in its place",
            )),
        }
    }

    /// The list that an object has for `key`; what is null, as Go writes a list without items, has none.
    pub(super) fn list(&self, key: &str) -> io::Result<&[Self]> {
        match self.get(key)? {
            Self::Null => Ok(&[]),
            Self::List(items) => Ok(items),
            _ => Err(bad(
                "a document of the image has something other than a list in its place",
            )),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

/// Whether Go reads a name as a key: it ignores case, and two letters outside of ASCII count as ASCII letters.
fn is_named(name: &str, key: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(key.chars().map(fold))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Json::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut all: Vec<(String, Json)> = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Json::Object(all))
    }
}
