//! Fields of `/proc/PID/status`, see proc(5).

use super::{capabilities::capabilities, line::number};

/// The second number of `Uid:` and `Gid:` is the effective one.
pub(super) fn effective(value: &str) -> Option<i64> {
    number(value.split_whitespace().nth(1)?)
}

/// Whether the four numbers of `Uid:` or `Gid:` differ; `None` where they are not all there.
pub(super) fn is_mixed(value: &str) -> Option<bool> {
    let ids: Vec<&str> = value.split_whitespace().collect();
    (ids.len() == 4).then(|| ids.windows(2).any(|pair| pair[0] != pair[1]))
}

/// Groups by number.
pub(super) fn groups(value: &str) -> Option<Vec<i64>> {
    value.split_whitespace().map(number).collect()
}

/// Adds the capabilities of a mask to those that are known.
pub(super) fn join(known: &mut Vec<String>, mask: &str) -> Option<()> {
    for name in capabilities(mask)? {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    Some(())
}

/// Lines as `grep` prints them for one or more files: `[FILE:]KEY:VALUE`.
pub(super) fn keyed(line: &str) -> Option<(&str, &str, &str)> {
    let (file, rest) = line.strip_prefix("/proc/")?.split_once(':')?;
    let (key, value) = rest.split_once(':')?;
    Some((file, key, value.trim()))
}
