//! Rows of one table of an `SQLite` database, page by page: a database may be larger than the memory
//! that a probe may use, and its bytes are hostile. See <https://www.sqlite.org/fileformat2.html>.
//!
//! Own code, because readers in Rust load the whole file into memory or need a C library.

use super::database::{Bad, Stop, Take, read};
use crate::tree::ReadAt;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Most pages that are read: 4 GiB of the usual size.
const MAX_PAGES: u64 = 1 << 20;
/// Most levels of a table's tree: one of four billion rows has no more, even with the smallest pages. Each level may add
/// 32,000 pages to those that are still to be visited.
const MAX_DEPTH: usize = 8;
/// Most bytes of a table's definition that are read.
const MAX_SCHEMA: usize = 4096;
const HEADER: usize = 100;
const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;

/// Passes the first `most` bytes of every row of `table` to `take`.
pub(super) fn rows(
    file: &dyn ReadAt,
    table: &str,
    most: usize,
    take: Take<'_>,
) -> Result<(), Stop> {
    let mut database = Database::open(file)?;
    let mut root = None;
    database.walk(1, MAX_SCHEMA, &mut |row| {
        if blob(row, 0) == Some(b"table") && blob(row, 1) == Some(table.as_bytes()) {
            root = root.or_else(|| number(row, 3));
        }
        Ok(())
    })?;
    let root = root.and_then(|n| u32::try_from(n).ok());
    database.walk(root.ok_or(Bad::Table)?, most, take)
}

/// Bytes of the column at `index` of a row, of type text or blob; cut if the row is cut.
pub(super) fn blob(row: &[u8], index: usize) -> Option<&[u8]> {
    let (kind, at) = column(row, index)?;
    let length = usize::try_from(kind.checked_sub(12)? / 2).ok()?;
    let bytes = row.get(at..)?;
    Some(&bytes[..length.min(bytes.len())])
}

/// The whole number in the column at `index`.
fn number(row: &[u8], index: usize) -> Option<i64> {
    let (kind, at) = column(row, index)?;
    let length = match kind {
        8 => return Some(0),
        9 => return Some(1),
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 => 8,
        _ => return None,
    };
    let bytes = row.get(at..at.checked_add(length)?)?;
    let signed = i64::from(i8::from_be_bytes([*bytes.first()?]));
    Some(
        bytes[1..]
            .iter()
            .fold(signed, |n, byte| (n << 8) | i64::from(*byte)),
    )
}

/// The serial type of a column, and where its bytes start.
fn column(row: &[u8], index: usize) -> Option<(u64, usize)> {
    let (header, mut at) = varint(row, 0)?;
    let header = usize::try_from(header).ok()?;
    let mut data = header;
    for skipped in 0..=index {
        if at >= header {
            return None;
        }
        let (kind, next) = varint(row, at)?;
        if skipped == index {
            return Some((kind, data));
        }
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            other => (other - 12) / 2,
        };
        data = data.checked_add(usize::try_from(length).ok()?)?;
        at = next;
    }
    None
}

/// A number of one to nine bytes, and where the next starts.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (count, byte) in bytes.get(at..)?.iter().take(9).enumerate() {
        if count == 8 {
            return Some(((value << 8) | u64::from(*byte), at + 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + count + 1));
        }
    }
    None
}

struct Database<'a> {
    file: &'a dyn ReadAt,
    page_size: usize,
    /// Bytes of a page without those that extensions reserve at its end.
    usable: usize,
    pages: u32,
    /// Pages that may still be read.
    left: u64,
}

impl<'a> Database<'a> {
    fn open(file: &'a dyn ReadAt) -> Result<Self, Bad> {
        let mut header = [0; HEADER];
        read(file, &mut header, 0)?;
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err(Bad::Format),
        };
        let usable = page_size - usize::from(header[20]);
        // Text is UTF-8 in every database of rpm.
        let utf8 = header[56..60] == [0, 0, 0, 1];
        if &header[..16] != MAGIC || usable < 480 || !utf8 {
            return Err(Bad::Format);
        }
        let pages = file.size() / page_size as u64;
        Ok(Self {
            file,
            page_size,
            usable,
            pages: u32::try_from(pages).map_err(|_| Bad::Large)?,
            left: MAX_PAGES,
        })
    }

    fn page(&mut self, number: u32, into: &mut Vec<u8>) -> Result<(), Bad> {
        if number == 0 || number > self.pages {
            return Err(Bad::Format);
        }
        self.left = self.left.checked_sub(1).ok_or(Bad::Large)?;
        into.resize(self.page_size, 0);
        read(
            self.file,
            into,
            u64::from(number - 1) * self.page_size as u64,
        )
    }

    /// Passes every row below page `root` to `take`, in order.
    fn walk(&mut self, root: u32, most: usize, take: Take<'_>) -> Result<(), Stop> {
        // Pages to visit, the next one last, with their depths.
        let mut next = vec![(root, 0)];
        let mut page = Vec::new();
        let mut row = Vec::new();
        let mut last = None;
        while let Some((number, depth)) = next.pop() {
            self.page(number, &mut page)?;
            let start = if number == 1 { HEADER } else { 0 };
            let cells = usize::from(short(&page, start + 3)?);
            match page[start] {
                LEAF => {
                    for cell in 0..cells {
                        let at = usize::from(short(&page, start + 8 + cell * 2)?);
                        let (length, key, at) = leaf(&page, at).ok_or(Bad::Format)?;
                        // Rows must be in order, so that no page is read twice.
                        if last.is_some_and(|last| last >= key) {
                            return Err(Bad::Format.into());
                        }
                        last = Some(key);
                        self.payload(&page, length, at, most, &mut row)?;
                        take(&row).map_err(Stop::Taker)?;
                    }
                }
                INTERIOR if depth < MAX_DEPTH => {
                    next.push((word(&page, start + 8)?, depth + 1));
                    for cell in (0..cells).rev() {
                        let at = usize::from(short(&page, start + 12 + cell * 2)?);
                        next.push((word(&page, at)?, depth + 1));
                    }
                }
                _ => return Err(Bad::Format.into()),
            }
        }
        Ok(())
    }

    /// The first `most` bytes of a row of `length` bytes that starts at `at` of `page` and goes on in
    /// other pages where it does not fit.
    fn payload(
        &mut self,
        page: &[u8],
        length: u64,
        at: usize,
        most: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), Bad> {
        let usable = self.usable;
        let length = usize::try_from(length).map_err(|_| Bad::Format)?;
        let here = if length <= usable - 35 {
            length
        } else {
            let least = (usable - 12) * 32 / 255 - 23;
            let fitting = least + (length - least) % (usable - 4);
            if fitting <= usable - 35 {
                fitting
            } else {
                least
            }
        };
        into.clear();
        let local = page.get(at..at + here).ok_or(Bad::Format)?;
        into.extend_from_slice(&local[..here.min(most)]);
        if here == length {
            return Ok(());
        }
        let wanted = length.min(most);
        let mut next = word(page, at + here)?;
        let mut overflow = Vec::new();
        while into.len() < wanted {
            self.page(next, &mut overflow)?;
            next = word(&overflow, 0)?;
            let take = (wanted - into.len()).min(usable - 4);
            into.extend_from_slice(&overflow[4..4 + take]);
        }
        Ok(())
    }
}

/// Length of the row of a leaf's cell, its key, and where it starts.
fn leaf(page: &[u8], at: usize) -> Option<(u64, i64, usize)> {
    let (length, at) = varint(page, at)?;
    let (key, at) = varint(page, at)?;
    Some((length, key.cast_signed(), at))
}

fn short(bytes: &[u8], at: usize) -> Result<u16, Bad> {
    let found = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    found.map(u16::from_be_bytes).ok_or(Bad::Format)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Bad> {
    let found = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    found.map(u32::from_be_bytes).ok_or(Bad::Format)
}
