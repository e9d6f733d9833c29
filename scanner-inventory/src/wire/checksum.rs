//! The checksum of a frame.

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_CKSUM);

/// CRC of POSIX `cksum`: CRC-32/CKSUM over the bytes and then their number, low byte first.
pub fn cksum(bytes: &[u8]) -> u32 {
    let mut sum = Cksum::default();
    sum.update(bytes);
    sum.value()
}

/// The same of bytes that come one after the other.
#[derive(Clone)]
pub(super) struct Cksum {
    digest: crc::Digest<'static, u32>,
    length: usize,
}

impl Default for Cksum {
    fn default() -> Self {
        Self {
            digest: CRC.digest(),
            length: 0,
        }
    }
}

impl Cksum {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.length += bytes.len();
    }

    pub(super) fn value(self) -> u32 {
        let Self {
            mut digest,
            mut length,
        } = self;
        while length > 0 {
            digest.update(&[u8::try_from(length & 0xff).unwrap_or_default()]);
            length >>= 8;
        }
        digest.finalize()
    }
}
