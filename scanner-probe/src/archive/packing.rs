//! How a layer is packed: not at all, by gzip, or by zstd, each in as many pieces as it likes.

use std::{
    fmt::Write as _,
    io::{self, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use sha2::{Digest as _, Sha256};

use super::fault::bad;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How a zstd frame starts, and one that holds something else, RFC 8878.
const ZSTD: u32 = 0xfd2f_b528;
const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;

/// A reader of the unpacked layer.
pub(super) fn unpack<'a>(packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed = BufReader::with_capacity(1 << 16, packed);
    let mut start = Vec::with_capacity(4);
    packed.by_ref().take(4).read_to_end(&mut start)?;
    let magic = <[u8; 4]>::try_from(start.as_slice()).map(u32::from_le_bytes);
    let gzip = start.starts_with(&GZIP);
    let packed = io::Cursor::new(start).chain(packed);
    Ok(match magic {
        _ if gzip => Box::new(MultiGzDecoder::new(packed)),
        Ok(magic) if magic == ZSTD || SKIPPABLE.contains(&magic) => Box::new(Frames {
            packed,
            decoder: FrameDecoder::new(),
            within: false,
        }),
        _ => Box::new(packed),
    })
}

/// Frames of zstd one after the other; those that hold something else are skipped.
struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    within: bool,
}

impl<R: Read> Frames<R> {
    /// Goes to the next frame with data; returns whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let mut start = Vec::with_capacity(4);
            (&mut self.packed).take(4).read_to_end(&mut start)?;
            if start.is_empty() {
                return Ok(false);
            }
            let magic = <[u8; 4]>::try_from(start.as_slice()).map(u32::from_le_bytes);
            match magic {
                Ok(ZSTD) => {
                    let frame = io::Cursor::new(start).chain(&mut self.packed);
                    self.decoder.reset(frame).map_err(io::Error::other)?;
                    self.within = true;
                    return Ok(true);
                }
                Ok(magic) if SKIPPABLE.contains(&magic) => {
                    let mut length = [0; 4];
                    self.packed.read_exact(&mut length)?;
                    let length = u32::from_le_bytes(length).into();
                    let passed = io::copy(&mut (&mut self.packed).take(length), &mut io::sink())?;
                    if passed < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                _ => return Err(bad("what follows a zstd frame of a layer is not a frame")),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.within && !self.next()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                let expected = self.decoder.get_checksum_from_data();
                if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
                    return Err(bad("a zstd frame of a layer is not what its checksum says"));
                }
                self.within = false;
                continue;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            let decoded = self.decoder.decode_blocks(&mut self.packed, one);
            decoded.map_err(io::Error::other)?;
        }
        Ok(0)
    }
}

/// Hashes the bytes that pass, and lets only a limited number pass.
pub(super) struct Hashed<R> {
    inner: R,
    hash: Sha256,
    left: u64,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(inner: R, most: u64) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            left: most,
        }
    }

    /// How many more bytes may pass.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// The digest, as a descriptor has it.
    pub(super) fn sum(self) -> String {
        digest(self.hash)
    }
}

/// The digest of `bytes`, as a descriptor has it.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    digest(Sha256::new_with_prefix(bytes))
}

fn digest(hash: Sha256) -> String {
    let mut text = "sha256:".to_owned();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| bad("its layers are too large"))?;
        Ok(read)
    }
}
