//! Writes an answer as frames, for agents in Rust; memory is bounded by one frame.

use std::io::{self, Write};

use super::checksum::cksum;

/// Bytes of one frame.
const FRAME: usize = 32 * 1024;

/// Cuts what is written to it into frames. Only [`FrameWriter::finish`] makes the answer whole.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    out: W,
    nonce: String,
    buffer: Vec<u8>,
    headers: Vec<u8>,
    frames: u64,
    total: usize,
}

impl<W: Write> FrameWriter<W> {
    /// A writer of an answer with that nonce.
    pub fn new(out: W, nonce: &str) -> Self {
        Self {
            out,
            nonce: nonce.to_owned(),
            buffer: Vec::with_capacity(FRAME),
            headers: Vec::new(),
            frames: 0,
            total: 0,
        }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let header = format!(
            "@frame {} {} {} {}\n",
            self.nonce,
            self.frames,
            self.buffer.len(),
            cksum(&self.buffer)
        );
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.out.write_all(b"\n")?;
        self.headers.extend_from_slice(header.as_bytes());
        self.frames += 1;
        self.total += self.buffer.len();
        self.buffer.clear();
        Ok(())
    }

    /// Writes the last frame and the trailer.
    ///
    /// # Errors
    ///
    /// Fails when the reader is gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.send()?;
        let crc = cksum(&self.headers);
        let (nonce, frames, total) = (&self.nonce, self.frames, self.total);
        writeln!(self.out, "@end {nonce} {frames} {total} {crc}")?;
        self.out.flush()
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == FRAME {
            self.send()?;
        }
        let room = FRAME - self.buffer.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
