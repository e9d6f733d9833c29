//! Packages of languages: a line each, `ECOSYSTEM NAME VERSION LICENSE PATH` with tabs between them.

use super::line::field;
use crate::{model::LanguagePackage, wire::decode_path};

/// What an agent can report.
const ECOSYSTEMS: [&str; 5] = ["npm", "pypi", "gem", "maven", "jar"];

pub(super) fn package(line: &[u8]) -> Option<LanguagePackage> {
    let mut fields = line.splitn(5, |byte| *byte == b'\t');
    let mut next = || fields.next().map(field);
    let (ecosystem, name, version) = (next()?, next()?, next()?);
    let license = next()?;
    let path = fields.next()?;
    let is_whole = ECOSYSTEMS.contains(&ecosystem.as_str()) && !name.is_empty();
    Some(LanguagePackage {
        ecosystem,
        name,
        version,
        license,
        path: decode_path(path).filter(|_| is_whole)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_packages() {
        let found = package(b"npm\t@a/b\t1.0\tMIT\t/app/node_modules/@a/b/package.json");
        let expected = LanguagePackage {
            ecosystem: "npm".into(),
            name: "@a/b".into(),
            version: "1.0".into(),
            license: "MIT".into(),
            path: "/app/node_modules/@a/b/package.json".into(),
        };
        assert_eq!(found, Some(expected));
        for line in [
            "",
            "npm\ta\t1\tMIT",
            "npm\t\t1\tMIT\t/a",
            "cargo\ta\t1\tMIT\t/a",
            "npm\ta\t1\tMIT\ta",
        ] {
            assert_eq!(package(line.as_bytes()), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "(npm|maven|x)?[\t/a-z\u{0}-\u{20}\u{fffd}]{0,40}") {
            if let Some(package) = package(line.as_bytes()) {
                proptest::prop_assert!(line.starts_with(&package.ecosystem));
            }
        }
    }
}
