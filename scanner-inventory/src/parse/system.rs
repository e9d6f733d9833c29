//! Variables, commands, the distribution and the kernel.

use super::line::{Parsed, field, number};
use crate::{
    model::{CommandEntry, EnvVar, KernelFacts, OsRelease},
    wire::decode_path,
};

pub(super) fn env(line: &str) -> Option<EnvVar> {
    let mut fields = line.splitn(3, ' ');
    Some(EnvVar {
        length: number(fields.next()?)?,
        shape: fields.next()?.into(),
        name: fields.next()?.into(),
    })
}

pub(super) fn command(line: &[u8]) -> Option<CommandEntry> {
    let mut fields = line.splitn(2, |byte| *byte == b' ');
    Some(CommandEntry {
        name: field(fields.next()?),
        path: decode_path(fields.next()?)?,
    })
}

pub(super) fn os(lines: &[String]) -> Parsed<OsRelease> {
    let (mut os, mut unreadable) = (OsRelease::default(), 0);
    for line in lines {
        let (key, value) = line.split_once('=').unwrap_or_default();
        let value = assigned(value);
        match key {
            // The name is of lower-case letters, and some write it otherwise.
            "ID" => os.id = value.to_ascii_lowercase(),
            "VERSION_ID" => os.version = value,
            "PRETTY_NAME" => os.name = value,
            _ => unreadable += 1,
        }
    }
    (os, unreadable)
}

/// The value of an assignment as a shell reads it, without the spaces around it and within its quotes.
fn assigned(text: &str) -> String {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        return text
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
    };
    let (mut value, mut chars) = (String::new(), text[1..].chars());
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => break,
            '\\' if quote == '"' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value.trim().to_owned()
}

pub(super) fn kernel(lines: &[String]) -> Parsed<KernelFacts> {
    let (mut facts, mut unreadable) = (KernelFacts::default(), 0);
    for line in lines {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "release" => facts.release = value.into(),
            "label" => facts.lsm_label = value.into(),
            "writable" => facts.proc_sys_writable = value == "yes",
            _ => unreadable += 1,
        }
    }
    (facts, unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> OsRelease {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        os(&lines).0
    }

    #[test]
    fn a_release_is_read_however_it_is_written() {
        for id in [
            "ID=debian",
            "ID=Debian",
            "ID=\"debian\"",
            "ID='DEBIAN'",
            "ID=debian  ",
            "ID=\"debian \"",
            "ID=debian\t\r",
            "ID= debian",
            "ID=debian # a comment",
        ] {
            for version in [
                "VERSION_ID=7",
                "VERSION_ID=\"7\"",
                "VERSION_ID='7' ",
                "VERSION_ID=\" 7 \"\r",
                "VERSION_ID=\"7\" # old",
            ] {
                let os = read(&[id, version]);
                assert_eq!(
                    (os.id.as_str(), os.version.as_str()),
                    ("debian", "7"),
                    "{id} {version}"
                );
            }
        }
        let name = read(&["PRETTY_NAME=\"A \\\"good\\\" system\" "]).name;
        assert_eq!(name, "A \"good\" system");
        assert_eq!(read(&["ID=", "VERSION_ID=\"\""]), OsRelease::default());
    }

    proptest! {
        #[test]
        fn no_value_has_spaces_around_it(text in any::<String>()) {
            let os = read(&[&format!("ID={text}"), &format!("VERSION_ID={text}")]);
            prop_assert_eq!(os.version.trim(), &os.version);
            prop_assert_eq!(os.id, os.version.to_ascii_lowercase());
        }
    }
}
