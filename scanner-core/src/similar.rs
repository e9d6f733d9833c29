//! Which of the existing names somebody may have meant.

/// Most names that are returned.
const MOST: usize = 3;
/// Letters of the longest name that anything has in a cluster; a longer text is not such a name with a typing error.
const LONGEST: usize = 253;

/// Of `names`, those that look most like `wanted`, best first, at most three: a typing error away, or with `wanted` as
/// their beginning, as pods have the name of their workload.
///
/// ```
/// use scanner_core::similar::similar;
///
/// assert_eq!(similar("wbe-0", ["web-0", "api-0"]), ["web-0"]);
/// assert_eq!(similar("web", ["web-5d9c-x2x4z", "db-0"]), ["web-5d9c-x2x4z"]);
/// ```
pub fn similar<S: AsRef<str>>(wanted: &str, names: impl IntoIterator<Item = S>) -> Vec<String> {
    let length = wanted.chars().count();
    if length > LONGEST {
        return Vec::new();
    }
    let most = (length / 3).clamp(1, 3);
    let mut found: Vec<(usize, String)> = names
        .into_iter()
        .filter_map(|name| {
            let name = name.as_ref();
            if name.chars().count() > LONGEST {
                return None;
            }
            let errors = strsim::damerau_levenshtein(wanted, name);
            // Two names of one letter have nothing in common where that letter differs.
            let misspelt = errors <= most && errors < length;
            let longer = length > 1 && begins(name, wanted);
            let distance = if misspelt { errors } else { most + 1 };
            (name != wanted && (misspelt || longer)).then(|| (distance, name.to_owned()))
        })
        .collect();
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found.into_iter().map(|(_, name)| name).collect()
}

/// Whether `name` is `beginning` and more after a separator.
fn begins(name: &str, beginning: &str) -> bool {
    let rest = name.strip_prefix(beginning);
    rest.is_some_and(|rest| rest.starts_with(['-', '.', '_']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_alike_is_named_and_what_does_not_is_not() {
        let names = [
            "container-baseline",
            "pod-hardening",
            "secrets",
            "packages",
            "sbom",
        ];
        for (typed, meant) in [
            ("container-baselin", "container-baseline"),
            ("contianer-baseline", "container-baseline"),
            ("pod-hardning", "pod-hardening"),
            ("secret", "secrets"),
            ("pod", "pod-hardening"),
        ] {
            assert_eq!(similar(typed, names), [meant], "{typed}");
        }
        for typed in ["", "x", "nginx", "kube-system"] {
            assert!(similar(typed, names).is_empty(), "{typed}");
        }
        assert!(similar("a", ["b", "c"]).is_empty());
        assert_eq!(
            similar("web", ["web-9", "web-1", "wob", "web-5", "web"]).len(),
            3
        );
        assert_eq!(similar("web", ["web-1", "wob"]), ["wob", "web-1"]);
    }

    proptest! {
        #[test]
        fn one_wrong_letter_of_a_name_is_found(name in "[a-z]{4,30}", at in 0usize..4, other in "[0-9]") {
            let mut typed = name.clone();
            typed.replace_range(at..=at, &other);
            prop_assert_eq!(similar(&typed, [name.as_str(), "0123456789"]), [name.as_str()]);
        }

        #[test]
        fn names_are_never_more_than_three_nor_the_name_itself(
            wanted in ".{0,40}", names in proptest::collection::vec(".{0,40}", 0..20)
        ) {
            let found = similar(&wanted, &names);
            prop_assert!(found.len() <= 3 && !found.contains(&wanted));
            prop_assert!(found.iter().all(|name| names.contains(name)));
        }
    }
}
