//! Lines one by one, and the numbers in them.

/// Data, and how many lines could not be read.
pub(super) type Parsed<T> = (T, u64);

pub(super) fn each<T>(lines: &[String], parse: impl Fn(&str) -> Option<T>) -> Parsed<Vec<T>> {
    let items: Vec<T> = lines.iter().filter_map(|line| parse(line)).collect();
    let unreadable = (lines.len() - items.len()) as u64;
    (items, unreadable)
}

pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|n| *n >= 0)
}
