//! What the files of npm, Python and Ruby packages say.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::package::Package;

/// Of a `package.json` only this is kept: what else is in it takes no memory.
#[derive(Deserialize)]
struct Npm {
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    license: License,
}

/// An SPDX expression, or the `type` of an object, as packages of before had it.
#[derive(Default)]
struct License(String);

impl<'de> Deserialize<'de> for License {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LicenseVisitor)
    }
}

struct LicenseVisitor;

impl<'de> Visitor<'de> for LicenseVisitor {
    type Value = License;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a licence")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<License, E> {
        Ok(License(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<License, E> {
        Ok(License::default())
    }

    fn visit_unit<E: Error>(self) -> Result<License, E> {
        Ok(License::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<License, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(License::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<License, A::Error> {
        let mut found = License::default();
        while let Some(key) = fields.next_key::<String>()? {
            if key == "type" {
                found = fields.next_value()?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A package of npm; one that does not say its name is called as its directory.
pub(super) fn npm(bytes: &[u8], path: &str) -> Option<Package> {
    let found: Npm = serde_json::from_slice(bytes).ok()?;
    let dir = path.strip_suffix("/package.json")?;
    let (_, from_dir) = dir.rsplit_once("/node_modules/")?;
    Some(Package {
        ecosystem: "npm",
        name: found.name.unwrap_or_else(|| from_dir.to_owned()),
        version: found.version.unwrap_or_default(),
        license: found.license.0,
    })
}

/// A Python distribution, by the header of its core metadata: see the packaging specification "Core
/// metadata". The description follows an empty line.
pub(super) fn python(bytes: &[u8]) -> Option<Package> {
    let text = String::from_utf8_lossy(bytes);
    let (mut name, mut version) = (None, None);
    let (mut expression, mut license) = (None, None);
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let slot = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "version" => &mut version,
            "license-expression" => &mut expression,
            "license" => &mut license,
            _ => continue,
        };
        slot.get_or_insert_with(|| value.trim().to_owned());
    }
    let known = |text: &String| !text.is_empty() && text != "UNKNOWN";
    Some(Package {
        ecosystem: "pypi",
        name: name.filter(known)?,
        version: version?,
        license: expression.or(license).filter(known).unwrap_or_default(),
    })
}

/// A gem, by the name of its specification: `NAME-VERSION.gemspec` or `NAME-VERSION-PLATFORM.gemspec`. What
/// is in it is a program, which is not run.
pub(super) fn gem(path: &str) -> Option<Package> {
    let (_, file) = path.rsplit_once('/')?;
    let (name, version) = split(file.strip_suffix(".gemspec")?)?;
    Some(Package {
        ecosystem: "gem",
        name: name.to_owned(),
        version: version.to_owned(),
        license: String::new(),
    })
}

/// `NAME-VERSION`, at the first dash that a number with dots or without follows.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let dashes = text.match_indices('-').map(|(at, _)| at);
    dashes.filter(|at| *at > 0).find_map(|at| {
        let version = &text[at + 1..];
        let number = version.split('-').next().unwrap_or_default();
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let is_version =
            number.starts_with(|c: char| c.is_ascii_digit()) && (digits || number.contains('.'));
        is_version.then_some((&text[..at], version))
    })
}
