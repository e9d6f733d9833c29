//! The commands of a document, each with the output that the document shows for it.
//!
//! In a block ` ```console `, a line that begins with `$ ` is a command, with what follows a `\` at its end or belongs to a
//! `<<EOF`; every other line is output of the command before it. In output, `…` stands for any text, and a line of only
//! `…` for any number of lines.

/// The mark for output that was left out.
const ANY: char = '…';
const PROMPT: &str = "$ ";

/// A command and the output that is shown for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Line of the document.
    pub line: usize,
    /// As a shell takes it; of several lines where it is.
    pub command: String,
    /// Lines of output.
    pub shown: Vec<String>,
}

/// The commands of a document, in order.
///
/// # Errors
///
/// Fails on a block that nobody would execute or that does not end, and on output that no command gave.
pub fn steps(document: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = document.lines().zip(1..);
    while let Some((text, line)) = lines.next() {
        if text.trim_start().starts_with(PROMPT) {
            return Err(format!("line {line}: a command outside of a block: {text}"));
        }
        let Some(kind) = text.strip_prefix("```") else {
            continue;
        };
        if kind != "console" {
            return Err(format!("line {line}: nobody executes a block {kind:?}"));
        }
        let first = steps.len();
        loop {
            let Some((text, line)) = lines.next() else {
                return Err(format!("line {line}: the block does not end"));
            };
            if text == "```" {
                break;
            }
            if let Some(begun) = text.strip_prefix(PROMPT) {
                let more = lines.by_ref().map(|(text, _)| text);
                steps.push(Step {
                    line,
                    command: command(begun, more),
                    shown: Vec::new(),
                });
            } else if steps.len() == first {
                return Err(format!("line {line}: output of no command: {text}"));
            } else if let Some(step) = steps.last_mut() {
                step.shown.push(text.to_owned());
            }
        }
    }
    Ok(steps)
}

/// A command that began with this line, to its end.
fn command<'a>(begun: &'a str, mut more: impl Iterator<Item = &'a str>) -> String {
    let mut all = vec![begun];
    while all.last().is_some_and(|line| line.ends_with('\\')) {
        all.extend(more.next());
    }
    if all.iter().any(|line| line.contains("<<EOF")) {
        for line in more {
            all.push(line);
            if line == "EOF" {
                break;
            }
        }
    }
    all.join("\n")
}

/// Compares the shown output with the real one.
///
/// # Errors
///
/// Returns the first shown line that is missing in the real output.
pub fn compare(shown: &[String], came: &str) -> Result<(), String> {
    let came: Vec<&str> = came.lines().map(str::trim_end).collect();
    // Before which lines of the output the comparison may stand.
    let mut places = vec![0];
    for line in shown {
        let next: Vec<usize> = if line.trim() == ANY.to_string() {
            let first = places.first().copied().unwrap_or_default();
            (first..=came.len()).collect()
        } else {
            let fits = |place: &usize| came.get(*place).is_some_and(|text| is_like(line, text));
            places
                .iter()
                .copied()
                .filter(fits)
                .map(|place| place + 1)
                .collect()
        };
        if next.is_empty() {
            return Err(format!("this line is shown and did not come there: {line}"));
        }
        places = next;
    }
    if places.contains(&came.len()) {
        return Ok(());
    }
    let next = places.first().and_then(|place| came.get(*place));
    Err(format!("more came than is shown: {}", next.unwrap_or(&"")))
}

/// Whether a line of output is as shown.
fn is_like(shown: &str, came: &str) -> bool {
    let mut parts = shown.trim_end().split(ANY);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = came.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_with_what_is_shown_for_each() {
        let document = "# A\n\n    cargo build\n\n```console\n$ one \\\n    --two\nout 1\nout 2\n$ cat <<EOF\n$ no command\n\
                        EOF\n$ last\n```\ntext\n```console\n$ echo $?\n1\n```\n";
        let found = steps(document).unwrap();
        let commands: Vec<&str> = found.iter().map(|step| step.command.as_str()).collect();
        let wanted = [
            "one \\\n    --two",
            "cat <<EOF\n$ no command\nEOF",
            "last",
            "echo $?",
        ];
        assert_eq!(commands, wanted);
        let shown: Vec<usize> = found.iter().map(|step| step.shown.len()).collect();
        assert_eq!((shown, found[0].line), (vec![2, 0, 0, 1], 6));
    }

    #[test]
    fn what_would_not_be_executed_is_an_error() {
        for document in [
            "```sh\nrm -r x\n```\n",
            "```\n$ one\n```\n",
            "```console\nout\n```\n",
            "```console\n$ one\n",
            "$ one\n",
            "    $ one\n",
        ] {
            assert!(steps(document).is_err(), "{document}");
        }
    }

    #[test]
    fn output_is_compared_line_by_line() {
        let fits = |shown: &[&str], came: &str| {
            let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
            compare(&shown, came).is_ok()
        };
        assert!(fits(&[], "") && fits(&["a", "b"], "a  \nb\n"));
        assert!(!fits(&[], "a") && !fits(&["a"], "") && !fits(&["a"], "a\nb"));
        assert!(!fits(&["b", "a"], "a\nb") && !fits(&["a", "b"], "a\nx\nb"));
        assert!(fits(&["a", "…", "c"], "a\nc") && fits(&["a", "…", "c"], "a\nb\nc\nb\nc"));
        assert!(!fits(&["a", "…", "c"], "a\nb") && !fits(&["…", "a"], "a\nb"));
        assert!(fits(&["…"], "") && fits(&["…"], "a\nb"));
        assert!(fits(&["pod …: …s old"], "pod a: 3s old") && fits(&["…"], "x"));
        assert!(!fits(&["pod …: …s old"], "pod a 3s old") && !fits(&["pod …x"], "pod"));
        assert!(fits(&["ab…ba"], "abba") && !fits(&["ab…ba"], "aba"));
    }
}
