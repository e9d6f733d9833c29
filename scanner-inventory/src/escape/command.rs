//! Commands that a CI server executes from the output of a job.
//!
//! Azure Pipelines and `TeamCity` accept `##vso[` and `##teamcity[` anywhere in a line, and GitHub Actions accepts `##[`.
//! GitHub Actions also accepts `::name` at the beginning of a line, to which wrapping may move text.

/// Whether `rest` begins with the second character of such a command. `before` has the two characters before it, the
/// first of which may be absent.
pub(super) fn is_begun(before: Option<(Option<char>, char)>, rest: &str) -> bool {
    match (before, rest.as_bytes()) {
        (Some((_, '#')), [b'#', name @ ..]) => {
            let end = name.iter().find(|byte| !is_of_name(**byte));
            end == Some(&b'[')
        }
        (Some((first, ':')), [b':', name @ ..]) if first.is_none_or(char::is_whitespace) => {
            // An address of IPv6, which may begin so too, has hexadecimal digits alone.
            let mut name = name.iter().take_while(|byte| is_of_name(**byte));
            name.any(|byte| !byte.is_ascii_hexdigit())
        }
        _ => false,
    }
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::super::{json, lines, visible};

    /// Whether an agent of Azure Pipelines, `TeamCity` or GitHub Actions would execute a command in the line.
    fn obeyed(line: &str) -> bool {
        let anywhere = ["##vso[", "##teamcity[", "##["];
        let line = line.trim_start();
        anywhere.iter().any(|command| line.contains(command))
            || line
                .strip_prefix("::")
                .is_some_and(|rest| rest.contains("::"))
    }

    #[test]
    fn no_command_passes_wherever_it_stands() {
        let commands = [
            "##vso[task.setvariable variable=a]b",
            "###vso[task.complete]",
            "##[error]x",
            "##teamcity[buildStop]",
            "::error file=a::x",
            "::add-mask::x",
            "::stop-commands::x",
            "::set-output name=a::b",
        ];
        for command in commands {
            assert!(obeyed(command), "{command}");
            for text in [
                command.to_owned(),
                format!("a {command}"),
                format!(" \t{command}{command}"),
                format!("##{command}"),
                format!("a\n{command}\n {command}"),
            ] {
                for line in visible(&text, 1000).split(' ').chain(lines(&text).lines()) {
                    assert!(!obeyed(line), "{line}");
                }
                let document = serde_json::json!({ "a": text }).to_string();
                let escaped = json(&document);
                assert!(!escaped.lines().any(obeyed), "{escaped}");
                assert_eq!(
                    serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
                    serde_json::json!({ "a": text })
                );
            }
        }
    }

    #[test]
    fn addresses_and_headings_are_left_as_they_are() {
        for text in [
            "tcp6 :: port 80",
            "tcp6 ::1 port 80",
            "::ffff:10.0.0.1",
            "[::]:8080",
            "std::vector",
            "## Title [a]",
            "# a",
            "a::b::c",
        ] {
            assert_eq!(visible(text, 100), text);
        }
    }
}
