//! Lines one by one, and the fields in them.

/// Data, and how many lines could not be read.
pub(super) type Parsed<T> = (T, u64);

/// Lines of text; a byte that is not UTF-8 is replaced.
pub(super) fn text(lines: &[&[u8]]) -> Vec<String> {
    let text = |line: &&[u8]| String::from_utf8_lossy(line).into_owned();
    lines.iter().map(text).collect()
}

pub(super) fn each<T>(lines: &[&[u8]], parse: impl Fn(&str) -> Option<T>) -> Parsed<Vec<T>> {
    each_of_bytes(lines, |line| parse(&String::from_utf8_lossy(line)))
}

/// Lines with a path in them.
pub(super) fn each_of_bytes<T>(
    lines: &[&[u8]],
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Parsed<Vec<T>> {
    let items: Vec<T> = lines.iter().filter_map(|line| parse(line)).collect();
    let unreadable = (lines.len() - items.len()) as u64;
    (items, unreadable)
}

/// A field of text within a line of bytes.
pub(super) fn field(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A number within a line of bytes.
pub(super) fn number_of(bytes: &[u8]) -> Option<i64> {
    number(std::str::from_utf8(bytes).ok()?)
}

pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|n| *n >= 0)
}
