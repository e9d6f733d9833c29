//! Packages of languages: a line each, `ECOSYSTEM NAME VERSION LICENSE PATH` with tabs between them.

use crate::model::LanguagePackage;

/// What an agent can tell of.
const ECOSYSTEMS: [&str; 5] = ["npm", "pypi", "gem", "maven", "jar"];

pub(super) fn package(line: &str) -> Option<LanguagePackage> {
    let mut fields = line.splitn(5, '\t').map(str::to_owned);
    let mut next = || fields.next();
    let (ecosystem, name, version) = (next()?, next()?, next()?);
    let (license, path) = (next()?, next()?);
    let is_whole = ECOSYSTEMS.contains(&ecosystem.as_str())
        && !name.is_empty()
        && path.starts_with('/')
        && !path.contains('\t');
    is_whole.then_some(LanguagePackage {
        ecosystem,
        name,
        version,
        license,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_packages() {
        let found = package("npm\t@a/b\t1.0\tMIT\t/app/node_modules/@a/b/package.json");
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
            "npm\ta\t1\tMIT\t/a\tb",
        ] {
            assert_eq!(package(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "(npm|maven|x)?[\t/a-z\u{0}-\u{20}\u{fffd}]{0,40}") {
            if let Some(package) = package(&line) {
                proptest::prop_assert!(line.starts_with(&package.ecosystem));
            }
        }
    }
}
