//! Paths in a line: as their bytes, or escaped if a line cannot hold them.

use std::borrow::Cow;

use crate::path::FilePath;

/// Stands before the escaped text of a path that has a newline in it. No absolute path starts with it.
const ESCAPED: u8 = b'\\';

/// An absolute path as a field at the end of a line, for agents.
pub fn encode_path(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.contains(&b'\n') {
        return Cow::Borrowed(path);
    }
    let mut field = vec![ESCAPED];
    field.extend_from_slice(FilePath::from_bytes(path).as_text().as_bytes());
    Cow::Owned(field)
}

/// The absolute path that a field stands for; `None` if it is not one.
pub fn decode_path(field: &[u8]) -> Option<FilePath> {
    match field.split_first()? {
        (b'/', _) => Some(FilePath::from_bytes(field)),
        (&ESCAPED, text) => {
            escaped_text(text).filter(|path: &FilePath| path.as_text().starts_with('/'))
        }
        _ => None,
    }
}

/// The target of a symbolic link as a line, for agents: `>` and its bytes, or `~` and its escaped text
/// when it has a newline in it.
pub fn encode_link(target: &[u8]) -> Vec<u8> {
    let (mark, text) = if target.contains(&b'\n') {
        let text = FilePath::from_bytes(target).to_text().into_bytes();
        (b'~', Cow::Owned(text))
    } else {
        (b'>', Cow::Borrowed(target))
    };
    let mut line = vec![mark];
    line.extend_from_slice(&text);
    line
}

/// The path of any kind that is escaped: `\\` is a backslash, `\xNN` a byte, and all else stands for itself.
pub(crate) fn escaped_text(text: &[u8]) -> Option<FilePath> {
    FilePath::from_escaped(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_path_with_a_newline_is_escaped() {
        assert_eq!(&*encode_path(b"/a\\x0a\xff"), b"/a\\x0a\xff");
        assert_eq!(&*encode_path(b"/a\n\\"), br"\/a\x0a\\");
        assert_eq!(encode_link(b"/a"), b">/a");
        assert_eq!(encode_link(b"~\n"), br"~~\x0a");
        for bad in [&b""[..], b"a", br"\a", br"\/\x"] {
            assert_eq!(decode_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_agent_may_escape_nothing_but_newlines_and_backslashes() {
        let path = decode_path(b"\\/a\\x0a\\\\\xff").unwrap();
        assert_eq!(&*path.to_bytes(), b"/a\n\\\xff");
    }

    proptest! {
        #[test]
        fn every_path_is_read_back_from_one_line(name in proptest::collection::vec(1..=u8::MAX, 0..40)) {
            let path = [&b"/"[..], &name].concat();
            let field = encode_path(&path);
            prop_assert!(!field.contains(&b'\n'));
            prop_assert_eq!(decode_path(&field), Some(FilePath::from_bytes(&path)));
            let line = encode_link(&name);
            prop_assert!(!line.contains(&b'\n'));
        }
    }
}
