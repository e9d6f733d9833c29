//! Fields that are written without a value, such as those of a template whose variable is not set.
//!
//! A reader treats such a field as absent, so that a limit or a list that somebody wrote would silently not hold.

use serde_json::Value;

/// The path of the first field of `text` without a value; `None` where there is none, and where the text is no YAML.
///
/// A map without fields counts too if it is one of `maps` or below one of them.
pub(crate) fn field(text: &str, maps: &[&str]) -> Option<String> {
    let value: Value = serde_saphyr::from_str(text).ok()?;
    let mut open = vec![(String::new(), &value, maps.is_empty())];
    while let Some((path, value, checks_maps)) = open.pop() {
        let below = |name: &str| match path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        match value {
            // The whole text has a message of its own.
            Value::Null if !path.is_empty() => return Some(path),
            Value::Object(fields) if fields.is_empty() && checks_maps && !path.is_empty() => {
                return Some(path);
            }
            Value::Object(fields) => open.extend(fields.iter().rev().map(|(name, value)| {
                let path = below(name);
                let checks = checks_maps || maps.contains(&path.as_str());
                (path, value, checks)
            })),
            Value::Array(items) => open.extend(
                items
                    .iter()
                    .enumerate()
                    .rev()
                    .map(|(index, item)| (below(&index.to_string()), item, checks_maps)),
            ),
            _ => {}
        }
    }
    None
}

/// What is wrong with a field without a value.
pub(crate) fn message(path: &str) -> String {
    format!("{path} has no value: expected one, or leave the field out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_value_is_found_wherever_it_stands() {
        for (text, found) in [
            ("a:", Some("a")),
            ("a: ~", Some("a")),
            ("a: null", Some("a")),
            ("a: {b: {c: }}", Some("a.b.c")),
            ("a: [1, {b: }]", Some("a.1.b")),
            ("a: 1\nb: {}", Some("b")),
            ("a: ''", None),
            ("a: []", None),
            ("", None),
            ("{}", None),
            ("a: 1: 2", None),
        ] {
            assert_eq!(field(text, &[]).as_deref(), found, "{text}");
        }
        assert_eq!(field("a: {}", &["b"]), None);
        assert_eq!(field("b: {c: {}}", &["b"]).as_deref(), Some("b.c"));
        assert_eq!(field("b: {}", &["b"]).as_deref(), Some("b"));
    }
}
