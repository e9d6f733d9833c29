//! The checksum of a frame.

/// CRC of POSIX `cksum`: CRC-32/CKSUM over the bytes and then their number, low byte first.
pub fn cksum(bytes: &[u8]) -> u32 {
    static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_CKSUM);
    let mut digest = CRC.digest();
    digest.update(bytes);
    let mut length = bytes.len();
    while length > 0 {
        digest.update(&[u8::try_from(length & 0xff).unwrap_or_default()]);
        length >>= 8;
    }
    digest.finalize()
}
