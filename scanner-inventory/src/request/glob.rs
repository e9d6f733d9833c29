//! Patterns of names, as a shell has them without its classes of characters.

/// Whether `*` and `?` of `glob` match a whole name; linear in memory, and in time for each `*`.
///
/// `?` is one character, or one byte of what is not UTF-8.
pub(super) fn matches(glob: &str, name: &[u8]) -> bool {
    let glob = glob.as_bytes();
    // Each of very many is asked of every file, and most have another ending than its name.
    if let Some(end) = glob.last()
        && !matches!(end, b'*' | b'?')
        && name.last() != Some(end)
    {
        return false;
    }
    let (mut g, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                retry = Some((g + 1, n));
                g += 1;
            }
            Some(b'?') => {
                g += 1;
                n += character(&name[n..]);
            }
            Some(byte) if *byte == name[n] => {
                g += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, consumed)) = retry else {
                    return false;
                };
                g = after_star;
                n = consumed + character(&name[consumed..]);
                retry = Some((after_star, n));
            }
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

/// Length in bytes of the character at the start of `text`.
fn character(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let whole = text.get(..length).and_then(|c| std::str::from_utf8(c).ok());
    whole.map_or(1, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_a_shell_does() {
        for (glob, name, expected) in [
            ("*", &b"anything"[..], true),
            ("*.pem", b"server.pem", true),
            ("*.pem", b"server.pem.bak", false),
            ("id_?sa", b"id_rsa", true),
            ("a*b*c", b"aXbYbZc", true),
            ("a*b*c", b"aXbYbZ", false),
            ("", b"", true),
            ("", b"a", false),
            ("a?c", "a\u{fc}c".as_bytes(), true),
            ("a?c", b"a\xffc", true),
            ("a?c", b"a\xfe\xffc", false),
            ("*\u{fc}", "xx\u{fc}".as_bytes(), true),
            ("*\u{fc}", b"\xe2\xc3\xbc", true),
            ("*.so.*", b"libc.so.6", true),
            ("*.so.*", b"libc.so", false),
            ("*??", "\u{fc}".as_bytes(), false),
            ("su*", b"su\xff", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_is_matched_by_characters(glob in "[ab*?\u{fc}]{0,6}", name in "[ab\u{fc}\u{20ac}]{0,6}") {
            fn by_character(glob: &[char], name: &[char]) -> bool {
                match (glob.split_first(), name.split_first()) {
                    (None, None) => true,
                    (Some(('*', glob_rest)), _) => by_character(glob_rest, name)
                        || name.split_first().is_some_and(|(_, rest)| by_character(glob, rest)),
                    (Some((g, glob)), Some((n, name))) => (*g == '?' || g == n) && by_character(glob, name),
                    _ => false,
                }
            }
            let (g, n): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
            proptest::prop_assert_eq!(matches(&glob, name.as_bytes()), by_character(&g, &n));
        }
    }
}
