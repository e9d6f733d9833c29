//! Files with holes: where their data lies, in the forms that GNU tar and bsdtar write as records.

use std::io::{self, Read};

use super::{
    fault::{Fault, fault},
    header::{BLOCK, MAX_EXTENSION},
    pax::{MAP, Records, decimal},
};

/// Where in a file a piece of data lies, and how long it is.
pub(super) type Piece = (i64, i64);

/// The form in which records describe a file with holes.
pub(super) enum Form {
    /// It has none.
    Whole,
    /// The map is in the records.
    InRecords,
    /// The map stands before the data.
    InData,
}

/// The form by its version; an unknown version is ignored, as in Go.
pub(super) fn form(records: &Records) -> Form {
    let of = |name: &[u8]| records.get(name).map_or(&b""[..], Vec::as_slice);
    match (of(b"GNU.sparse.major"), of(b"GNU.sparse.minor")) {
        (b"0", b"0" | b"1") => Form::InRecords,
        (b"1", b"0") => Form::InData,
        (b"", b"") if !of(MAP).is_empty() => Form::InRecords,
        _ => Form::Whole,
    }
}

/// The file's own name and size, which its header does not have.
pub(super) fn own(records: &Records) -> Result<(Option<&[u8]>, Option<i64>), Fault> {
    let of = |name: &[u8]| records.get(name).filter(|value| !value.is_empty());
    let name = of(b"GNU.sparse.name").map(Vec::as_slice);
    let size = of(b"GNU.sparse.size").or_else(|| of(b"GNU.sparse.realsize"));
    let size = size.map(|size| decimal(size).ok_or_else(broken));
    Ok((name, size.transpose()?))
}

fn broken() -> Fault {
    fault("the map of a sparse file is malformed")
}

/// The map in records: offsets and lengths with commas between them.
pub(super) fn in_records(records: &Records) -> Result<Vec<Piece>, Fault> {
    let count = records.get(&b"GNU.sparse.numblocks"[..]);
    let count = count.and_then(|count| decimal(count)).ok_or_else(broken)?;
    let map = records.get(MAP).map_or(&b""[..], Vec::as_slice);
    let numbers: Vec<&[u8]> = match map {
        b"" => Vec::new(),
        map => map.split(|byte| *byte == b',').collect(),
    };
    let expected = usize::try_from(count).ok().and_then(|n| n.checked_mul(2));
    if expected != Some(numbers.len()) {
        return Err(broken());
    }
    let (pairs, _) = numbers.as_chunks::<2>();
    let piece = |pair: &[&[u8]; 2]| Some((decimal(pair[0])?, decimal(pair[1])?));
    pairs
        .iter()
        .map(piece)
        .collect::<Option<_>>()
        .ok_or_else(broken)
}

/// The map before the data, as lines in complete blocks; reads them from `data`.
pub(super) fn in_data(mut data: impl Read) -> io::Result<Vec<Piece>> {
    let mut text = Vec::new();
    let (mut lines, mut at) = (0, 0);
    let mut next = |count: usize| -> io::Result<i64> {
        while lines == 0 {
            if text.len() as u64 + BLOCK as u64 > MAX_EXTENSION {
                return Err(broken().into());
            }
            let mut block = [0; BLOCK];
            data.read_exact(&mut block)?;
            lines += block.split(|byte| *byte == b'\n').count() - 1;
            text.extend_from_slice(&block);
        }
        lines -= count;
        let rest = &text[at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = &rest[..end.unwrap_or_default()];
        at += line.len() + 1;
        decimal(line).ok_or_else(|| broken().into())
    };
    let count = next(1)?;
    if count < 0 {
        return Err(broken().into());
    }
    let mut pieces = Vec::new();
    for _ in 0..count {
        pieces.push((next(1)?, next(1)?));
    }
    Ok(pieces)
}

/// The map as offsets and lengths, if its pieces lie one after the other within `size` bytes and are as
/// long together as the data is.
pub(super) fn checked(pieces: &[Piece], size: i64, data: u64) -> Result<Vec<(u64, u64)>, Fault> {
    let mut checked = Vec::with_capacity(pieces.len());
    let (mut last, mut total) = (0i64, 0u64);
    for (offset, length) in pieces {
        let end = offset.checked_add(*length).filter(|end| *end <= size);
        let valid = *length >= 0 && *offset >= last;
        let (end, length) = end
            .zip(u64::try_from(*length).ok())
            .filter(|_| valid)
            .ok_or_else(broken)?;
        checked.push((u64::try_from(*offset).map_err(|_| broken())?, length));
        last = end;
        total += length;
    }
    if size < 0 || total != data {
        return Err(broken());
    }
    Ok(checked)
}

/// Where in the pieces a reader is.
#[derive(Debug)]
pub(super) struct Holes {
    pieces: std::vec::IntoIter<(u64, u64)>,
    piece: (u64, u64),
    at: u64,
    size: u64,
}

/// What comes next in a file with holes.
pub(super) enum Next {
    Zeros(u64),
    Data(u64),
    End,
}

impl Holes {
    pub(super) fn new(pieces: Vec<(u64, u64)>, size: u64) -> Self {
        let mut pieces = pieces.into_iter();
        let piece = pieces.next().unwrap_or((size, 0));
        Self {
            pieces,
            piece,
            at: 0,
            size,
        }
    }

    pub(super) fn next(&mut self) -> Next {
        loop {
            let (start, length) = self.piece;
            let end = start + length;
            if self.at < start {
                return Next::Zeros(start - self.at);
            }
            if self.at < end {
                return Next::Data(end - self.at);
            }
            if start >= self.size {
                return Next::End;
            }
            self.piece = self.pieces.next().unwrap_or((self.size, 0));
        }
    }

    pub(super) fn pass(&mut self, bytes: u64) {
        self.at += bytes;
    }
}
