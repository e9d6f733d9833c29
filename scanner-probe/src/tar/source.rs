//! Where the bytes of an archive come from: a stream, or a file in which data can be skipped by seeking.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

/// Where an archive comes from.
pub(crate) trait Source: Read {
    /// Skips bytes.
    ///
    /// # Errors
    ///
    /// Fails when there are not as many.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// A source that can only be read.
#[derive(Debug)]
pub(crate) struct Stream<R>(pub(crate) R);

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for Stream<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())?;
        if passed < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl Source for BufReader<File> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        // The last byte is read, because seeking beyond the end of a file does not fail.
        if let Some(leap) = bytes.checked_sub(1) {
            self.seek_relative(i64::try_from(leap).map_err(io::Error::other)?)?;
            self.read_exact(&mut [0])?;
        }
        Ok(())
    }
}
