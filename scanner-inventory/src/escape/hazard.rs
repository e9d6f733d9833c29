//! Which characters could act, hide themselves or reorder a line: by their Unicode properties.

use unicode_general_category::{GeneralCategory, get_general_category};

/// `Default_Ignorable_Code_Point` of Unicode: characters for which a program that does not know them shows nothing. A test
/// compares each code point with the property as `regex-syntax` has it.
const IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Symbols and letters whose glyph is blank; no property of Unicode says so.
const BLANK: [char; 5] = [
    '\u{2800}',
    '\u{13441}',
    '\u{13442}',
    '\u{16fe4}',
    '\u{1d159}',
];

/// Whether a character could act on a terminal, hide itself or reorder a line.
///
/// These are control and format characters, separators other than the space, characters that are for private use or
/// not assigned, those that Unicode calls default-ignorable, and those whose glyph is blank.
pub fn is_hazardous(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        get_general_category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
    ) || is_ignorable(c)
        || BLANK.contains(&c)
}

fn is_ignorable(c: char) -> bool {
    let next = IGNORABLE.partition_point(|(first, _)| *first <= c);
    next.checked_sub(1)
        .is_some_and(|range| c <= IGNORABLE[range].1)
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{Class, HirKind, Literal};

    use super::*;

    /// Whether each code point has a property, as another library has it.
    fn having(property: &str) -> impl Fn(char) -> bool {
        let parsed = regex_syntax::parse(&format!("\\p{{{property}}}")).unwrap();
        let ranges: Vec<(char, char)> = match parsed.into_kind() {
            HirKind::Class(Class::Unicode(class)) => class
                .iter()
                .map(|range| (range.start(), range.end()))
                .collect(),
            // A property that one character has.
            HirKind::Literal(Literal(bytes)) => {
                let text = std::str::from_utf8(&bytes).unwrap();
                text.chars().map(|c| (c, c)).collect()
            }
            other => panic!("{property}: {other:?}"),
        };
        move |c| {
            let next = ranges.partition_point(|range| range.0 <= c);
            next > 0 && c <= ranges[next - 1].1
        }
    }

    #[test]
    fn what_unicode_calls_ignorable_is_so_for_every_code_point() {
        let is_so = having("Default_Ignorable_Code_Point");
        for c in '\0'..=char::MAX {
            assert_eq!(is_ignorable(c), is_so(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn what_is_not_seen_is_hazardous_for_every_code_point() {
        let properties = [
            "Cc",
            "Cf",
            "Zl",
            "Zp",
            "Zs",
            "Co",
            "Bidi_Control",
            "White_Space",
        ];
        let all = properties.map(having);
        let assigned = having("Assigned");
        for c in '\0'..=char::MAX {
            if c != ' ' && all.iter().any(|is_so| is_so(c)) {
                assert!(is_hazardous(c), "{:x}", u32::from(c));
            }
            // Versions of Unicode differ in what is not assigned yet; noncharacters never are.
            if u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c) {
                assert!(!assigned(c) && is_hazardous(c), "{:x}", u32::from(c));
            }
        }
    }

    #[test]
    fn what_people_write_is_not_hazardous() {
        for c in "aZ09 ~ÄßЖ中かאبह𝒳😀e\u{301}→\u{fffd}".chars() {
            assert!(!is_hazardous(c), "{c}");
        }
    }
}
