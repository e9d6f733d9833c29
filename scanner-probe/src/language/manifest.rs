//! Reads the files of npm, Python and Ruby packages.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::package::Package;

/// The only fields of a `package.json` that are kept: the others take no memory.
#[derive(Default)]
struct Npm {
    name: Option<String>,
    version: Option<String>,
    license: License,
}

impl<'de> Deserialize<'de> for Npm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(NpmVisitor)
    }
}

/// Of a duplicate key the last value counts, as for npm and node.
struct NpmVisitor;

impl<'de> Visitor<'de> for NpmVisitor {
    type Value = Npm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Npm, A::Error> {
        let mut found = Npm::default();
        while let Some(key) = fields.next_key::<String>()? {
            match key.as_str() {
                "name" => found.name = fields.next_value()?,
                "version" => found.version = fields.next_value()?,
                "license" => found.license = fields.next_value()?,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// An SPDX expression, or the `type` of an object, as older packages have it.
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

/// A package of npm; one without a name is named by its directory.
pub(super) fn npm(bytes: &[u8], path: &str) -> Option<Package> {
    // npm and node skip a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
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

/// A gem, by the name of its specification: `NAME-VERSION.gemspec` or `NAME-VERSION-PLATFORM.gemspec`. Its contents are a
/// program, which is not run.
pub(super) fn gem(path: &str) -> Option<Package> {
    let (_, file) = path.rsplit_once('/')?;
    let full = file.strip_suffix(".gemspec")?;
    let with_platform = candidates(full).find(|(_, version)| {
        let platform = version.split_once('-').map(|(_, platform)| platform);
        platform.is_some_and(is_platform)
    });
    let (name, version) = with_platform.or_else(|| split(full))?;
    Some(Package {
        ecosystem: "gem",
        name: name.to_owned(),
        version: version.to_owned(),
        license: String::new(),
    })
}

/// Whether it is a platform of `RubyGems`, such as `java`, `x86_64-linux-musl` or `arm64-darwin-22`.
fn is_platform(text: &str) -> bool {
    const FIRST: [&str; 17] = [
        "java",
        "jruby",
        "x86",
        "x86_64",
        "x64",
        "i386",
        "i486",
        "i586",
        "i686",
        "arm",
        "arm64",
        "armv7l",
        "aarch64",
        "universal",
        "ppc64le",
        "s390x",
        "riscv64",
    ];
    const ALONE: [&str; 3] = ["mswin", "mingw", "linux"];
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let known = FIRST.contains(&first) || ALONE.iter().any(|start| first.starts_with(start));
    known && parts.all(|part| !part.is_empty() && !part.contains('.'))
}

/// `NAME-VERSION`. Both may hold dashes and digits: a version starts at the last dash with a number behind it, unless that
/// only continues a version with dots, as in `1.0-2`.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let goes_on = |name: &str| {
        let before = name.rsplit('-').next().unwrap_or_default();
        before.starts_with(|c: char| c.is_ascii_digit()) && before.contains('.')
    };
    let starts = candidates(text).filter(|(name, _)| !goes_on(name));
    starts.last()
}

/// Every way to split a text at a dash with a number behind it, with dots or without.
fn candidates(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let dashes = text.match_indices('-').map(|(at, _)| at);
    let places = dashes.filter(|at| *at > 0).filter(|at| {
        let number = text[at + 1..].split('-').next().unwrap_or_default();
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        number.starts_with(|c: char| c.is_ascii_digit()) && (digits || number.contains('.'))
    });
    places.map(|at| (&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_may_hold_digits_and_dashes() {
        for (text, name, version) in [
            ("log4j-1.2-api-2.17.1", "log4j-1.2-api", "2.17.1"),
            ("commons-math3-3.6.1", "commons-math3", "3.6.1"),
            ("guava-32.1.2-jre", "guava", "32.1.2-jre"),
            ("x-1.0-SNAPSHOT", "x", "1.0-SNAPSHOT"),
            ("x-1.0-20240101.123456-1", "x", "1.0-20240101.123456-1"),
            ("foo-1.0-2", "foo", "1.0-2"),
            ("foo-2-1.0.0", "foo-2", "1.0.0"),
            (
                "netty-epoll-4.1.100.Final-linux-x86_64",
                "netty-epoll",
                "4.1.100.Final-linux-x86_64",
            ),
            (
                "scala-library_2.13-2.13.11",
                "scala-library_2.13",
                "2.13.11",
            ),
        ] {
            assert_eq!(split(text), Some((name, version)), "{text}");
        }
        assert_eq!(split("plain"), None);
        for (file, name, version) in [
            ("rack-test-2.1.0", "rack-test", "2.1.0"),
            ("net-http-2-1.0.0", "net-http-2", "1.0.0"),
            (
                "grpc-1.60.0-arm64-darwin-22",
                "grpc",
                "1.60.0-arm64-darwin-22",
            ),
            (
                "nokogiri-1.16.7-x86_64-linux",
                "nokogiri",
                "1.16.7-x86_64-linux",
            ),
            ("jdbc-3-java", "jdbc", "3-java"),
            ("x-1.0.pre-2", "x", "1.0.pre-2"),
        ] {
            let found = gem(&format!("/specifications/{file}.gemspec")).unwrap();
            assert_eq!((&*found.name, &*found.version), (name, version), "{file}");
        }
    }

    #[test]
    fn a_package_json_is_read_as_npm_reads_it() {
        let of = |text: &str| {
            let found = npm(text.as_bytes(), "/node_modules/x/package.json")?;
            Some((found.name, found.version, found.license))
        };
        let expected =
            |name: &str, version: &str| Some((name.into(), version.into(), String::new()));
        assert_eq!(
            of("\u{feff}{\"name\":\"a\",\"version\":\"1\"}"),
            expected("a", "1")
        );
        assert_eq!(
            of(r#"{"version":"1","version":"2","name":"z","name":"a"}"#),
            expected("a", "2")
        );
        assert_eq!(
            of(r#"{"version":"1","license":"MIT","license":null}"#),
            expected("x", "1")
        );
        assert_eq!(of(r#"["a"]"#), None);
    }
}
