//! Records of PAX: each is as long as it says, and a later one replaces an earlier one of its name.

use std::collections::BTreeMap;

use super::{
    fault::{Fault, fault},
    header::Fields,
};

/// Values of records, by their names.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Name of the record with the map of a file with holes; versions 0.0 and 0.1 of GNU tar.
pub(super) const MAP: &[u8] = b"GNU.sparse.map";
/// Start of the names of records that are attributes of a file.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// Reads records, which follow each other without a gap.
pub(super) fn records(mut bytes: &[u8]) -> Result<Records, Fault> {
    let mut records = Records::new();
    let mut map: Vec<&[u8]> = Vec::new();
    while !bytes.is_empty() {
        let (name, value, rest) =
            record(bytes).ok_or_else(|| fault("a PAX record is malformed"))?;
        bytes = rest;
        // Version 0.0 has each number in a record of its own.
        let expected: &[u8] = match map.len() % 2 {
            0 => b"GNU.sparse.offset",
            _ => b"GNU.sparse.numbytes",
        };
        if name == b"GNU.sparse.offset" || name == b"GNU.sparse.numbytes" {
            if name != expected || value.contains(&b',') {
                return Err(fault("the map of a sparse file is malformed"));
            }
            map.push(value);
        } else {
            records.insert(name.to_vec(), value.to_vec());
        }
    }
    if !map.is_empty() {
        records.insert(MAP.to_vec(), map.join(&b','));
    }
    Ok(records)
}

/// One record `LENGTH NAME=VALUE` with a line's end: its name, its value, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    if length < 5 || length > bytes.len() || length <= space + 1 {
        return None;
    }
    let (record, rest) = bytes.split_at(length);
    let (end, record) = record[space + 1..].split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (&record[..equals], &record[equals + 1..]);
    let text: &[&[u8]] = &[b"path", b"linkpath", b"uname", b"gname"];
    let plain = if text.contains(&name) { value } else { name };
    let valid = *end == b'\n' && !name.is_empty() && !plain.contains(&0);
    valid.then_some((name, value, rest))
}

/// A number as Go's `ParseInt` accepts it: digits with or without a sign.
pub(super) fn decimal(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Replaces values of a header by those of records. An empty value replaces nothing.
pub(super) fn merge(fields: &mut Fields, records: &Records) -> Result<(), Fault> {
    for (name, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
        let number =
            || decimal(value).ok_or_else(|| fault("a number in a PAX record is malformed"));
        match name.as_slice() {
            b"path" => fields.name.clone_from(value),
            b"linkpath" => fields.link.clone_from(value),
            b"uid" => fields.uid = number()?,
            b"gid" => fields.gid = number()?,
            b"size" => fields.size = number()?,
            b"atime" | b"mtime" | b"ctime" if !is_time(value) => {
                return Err(fault("a time in a PAX record is malformed"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_time(value: &[u8]) -> bool {
    let point = value.iter().position(|byte| *byte == b'.');
    let (seconds, rest) = value.split_at(point.unwrap_or(value.len()));
    decimal(seconds).is_some() && rest.iter().skip(1).all(u8::is_ascii_digit)
}

/// Attributes of a file by their names, without the prefix.
pub(super) fn attributes(records: Records) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of_file = |(name, value): (Vec<u8>, Vec<u8>)| {
        let name = name.strip_prefix(ATTRIBUTE)?;
        Some((name.to_vec(), value))
    };
    records.into_iter().filter_map(of_file).collect()
}
