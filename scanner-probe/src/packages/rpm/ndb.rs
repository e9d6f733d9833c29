//! Blobs of rpm's own database format, as SUSE keeps its packages, one after the other.
//!
//! See `lib/backend/ndb/rpmpkg.c` of rpm 4.17: a header, pages of slots, and blobs; all of it little-endian. A blob's
//! checksum is not verified, because only its start is read.

use super::super::database::{Bad, Stop, Take, read};
use crate::tree::ReadAt;

const MAGIC: &[u8; 4] = b"RpmP";
const SLOT: &[u8; 4] = b"Slot";
const BLOB: &[u8; 4] = b"BlbS";
const PAGE: usize = 4096;
/// Most pages of slots: half a million packages.
const MAX_PAGES: u32 = 2048;
/// Bytes of a slot, of a blob's header, and the unit in which places are counted.
const UNIT: usize = 16;

/// Passes the first `most` bytes of every blob to `take`.
pub(super) fn values(file: &dyn ReadAt, most: usize, take: Take<'_>) -> Result<(), Stop> {
    let mut page = [0; PAGE];
    read(file, &mut page, 0)?;
    // The database's header takes the place of the first two slots.
    let pages = word(&page, 12)?;
    if &page[..4] != MAGIC || word(&page, 4)? != 0 || pages == 0 {
        return Err(Bad::Format.into());
    }
    if pages > MAX_PAGES {
        return Err(Bad::Large.into());
    }
    let (mut blob, mut left) = (Vec::new(), file.size());
    for number in 0..pages {
        read(file, &mut page, u64::from(number) * PAGE as u64)?;
        let header = if number == 0 { 2 } else { 0 };
        for slot in page.chunks_exact(UNIT).skip(header) {
            if &slot[..4] != SLOT {
                return Err(Bad::Format.into());
            }
            let package = word(slot, 4)?;
            if package == 0 {
                continue;
            }
            let at = u64::from(word(slot, 8)?) * UNIT as u64;
            let mut start = [0; UNIT];
            read(file, &mut start, at)?;
            if &start[..4] != BLOB || word(&start, 4)? != package {
                return Err(Bad::Format.into());
            }
            let length = usize::try_from(word(&start, 12)?).map_err(|_| Bad::Format)?;
            // No byte is part of two blobs.
            left = left.checked_sub(length as u64).ok_or(Bad::Format)?;
            blob.resize(length.min(most), 0);
            read(file, &mut blob, at + UNIT as u64)?;
            take(&blob).map_err(Stop::Taker)?;
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Bad> {
    let found = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    found.map(u32::from_le_bytes).ok_or(Bad::Format)
}
