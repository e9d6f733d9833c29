//! Values of a hash table of Berkeley DB, as rpm kept its packages until RHEL 8, page by page.
//!
//! See `db_page.h` of Berkeley DB 5.3. Own code, because every reader in Rust loads the whole file into memory.

use super::super::database::{Bad, Stop, Take, read};
use crate::tree::ReadAt;

const MAGIC: u32 = 0x0006_1561;
/// Most pages that are read: 4 GiB of the usual size.
const MAX_PAGES: u32 = 1 << 20;
/// Bytes of a page before its items.
const HEADER: usize = 26;
/// Types of pages: `P_HASH_UNSORTED`, `P_OVERFLOW`, `P_HASHMETA`, `P_HASH`.
const UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const META: u8 = 8;
const SORTED: u8 = 13;
/// Types of items: `H_KEYDATA`, `H_OFFPAGE`.
const HERE: u8 = 1;
const ELSEWHERE: u8 = 3;

/// Passes the first `most` bytes of every value to `take`, except that of key 0, which is rpm's counter.
pub(super) fn values(file: &dyn ReadAt, most: usize, take: Take<'_>) -> Result<(), Stop> {
    let mut table = Table::open(file)?;
    let (mut page, mut value) = (Vec::new(), Vec::new());
    for number in 1..table.pages {
        table.page(number, &mut page)?;
        if !matches!(page[25], UNSORTED | SORTED) {
            continue;
        }
        // Keys and values take turns; their bytes lie from the end of the page downwards.
        let items = usize::from(table.short(&page, 20)?);
        let mut end = page.len();
        for pair in 0..items / 2 {
            let at = HEADER + pair * 4;
            let key = usize::from(table.short(&page, at)?);
            let item = usize::from(table.short(&page, at + 2)?);
            let counter = page.get(key..end).ok_or(Bad::Format)? == [HERE, 0, 0, 0, 0];
            let held = page.get(item..key).ok_or(Bad::Format)?;
            end = item;
            if counter {
                continue;
            }
            value.clear();
            match held.first() {
                Some(&HERE) => value.extend_from_slice(&held[1..held.len().min(most + 1)]),
                Some(&ELSEWHERE) => {
                    let (first, length) = (table.word(held, 4)?, table.word(held, 8)?);
                    let length = usize::try_from(length).map_err(|_| Bad::Format)?;
                    table.chain(first, length.min(most), &mut value)?;
                }
                // rpm makes no such item: it is reported as a package that cannot be read.
                _ => {}
            }
            take(&value).map_err(Stop::Taker)?;
        }
    }
    Ok(())
}

struct Table<'a> {
    file: &'a dyn ReadAt,
    big_endian: bool,
    page_size: usize,
    pages: u32,
    /// Pages of values that may still be read: no page is part of two values.
    left: u32,
    spare: Vec<u8>,
}

impl<'a> Table<'a> {
    fn open(file: &'a dyn ReadAt) -> Result<Self, Bad> {
        let mut meta = [0; 72];
        read(file, &mut meta, 0)?;
        let mut table = Self {
            file,
            big_endian: false,
            page_size: 0,
            pages: 0,
            left: 0,
            spare: Vec::new(),
        };
        if table.word(&meta, 12)? != MAGIC {
            table.big_endian = true;
        }
        let size = usize::try_from(table.word(&meta, 20)?).map_err(|_| Bad::Format)?;
        // Neither encrypted, nor with checksums, nor in parts.
        let plain = meta[24] == 0 && meta[26] == 0 && table.word(&meta, 36)? == 0;
        let valid = size.is_power_of_two() && (512..=65_536).contains(&size);
        if table.word(&meta, 12)? != MAGIC || meta[25] != META || !plain || !valid {
            return Err(Bad::Format);
        }
        table.page_size = size;
        table.pages = table.word(&meta, 32)?.checked_add(1).ok_or(Bad::Format)?;
        if table.pages > MAX_PAGES {
            return Err(Bad::Large);
        }
        table.left = table.pages;
        if file.size() < u64::from(table.pages) * size as u64 {
            return Err(Bad::Format);
        }
        Ok(table)
    }

    fn page(&self, number: u32, into: &mut Vec<u8>) -> Result<(), Bad> {
        if number >= self.pages {
            return Err(Bad::Format);
        }
        into.resize(self.page_size, 0);
        let at = u64::from(number) * self.page_size as u64;
        read(self.file, into, at)
    }

    /// Reads `length` bytes that start on page `next` and go on from page to page.
    fn chain(&mut self, mut next: u32, length: usize, into: &mut Vec<u8>) -> Result<(), Bad> {
        let mut page = std::mem::take(&mut self.spare);
        while into.len() < length {
            self.left = self.left.checked_sub(1).ok_or(Bad::Format)?;
            self.page(next, &mut page)?;
            if page[25] != OVERFLOW {
                return Err(Bad::Format);
            }
            next = self.word(&page, 16)?;
            let take = (length - into.len()).min(self.page_size - HEADER);
            into.extend_from_slice(&page[HEADER..HEADER + take]);
        }
        self.spare = page;
        Ok(())
    }

    fn short(&self, bytes: &[u8], at: usize) -> Result<u16, Bad> {
        let found = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
        let found: [u8; 2] = found.ok_or(Bad::Format)?;
        Ok(if self.big_endian {
            u16::from_be_bytes(found)
        } else {
            u16::from_le_bytes(found)
        })
    }

    fn word(&self, bytes: &[u8], at: usize) -> Result<u32, Bad> {
        let found = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
        let found: [u8; 4] = found.ok_or(Bad::Format)?;
        Ok(if self.big_endian {
            u32::from_be_bytes(found)
        } else {
            u32::from_le_bytes(found)
        })
    }
}
