//! Reads a tar archive as a container runtime does, and fails where that fails.
//!
//! The `tar` crate is not used for this. It reads headers well, but this reader must read exactly what a runtime unpacks,
//! and `tar` differs in too many places that cannot be changed from outside: it cuts PAX records at line ends and not by
//! their length, reads data of entries that have none, does not know records for files with holes, and reads invalid
//! numbers as zero. All runtimes read with Go's `archive/tar`, whose behaviour for each format is implemented here. A
//! differential test holds this reader to it, which makes code of our own the smaller evil. `cargo xtask archives` is that
//! test.

mod fault;
mod header;
mod pax;
mod source;
mod sparse;

use std::io::{self, Read};

pub(crate) use self::source::{Source, Stream};
use self::{
    fault::{Fault, fault},
    header::{BLOCK, Fields, MAX_EXTENSION, has_no_data},
    pax::Records,
    sparse::{Form, Holes, Next},
};

/// One entry. Names are bytes in no particular encoding.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// The letter or digit of its type; `\0` is made a file or directory.
    pub(crate) kind: u8,
    pub(crate) name: Vec<u8>,
    /// Target of a link.
    pub(crate) link: Vec<u8>,
    /// Size in bytes, with its holes.
    pub(crate) size: u64,
    /// Whether the data in the archive leaves out holes of the file.
    pub(crate) holes: bool,
    pub(crate) mode: i64,
    pub(crate) uid: i64,
    pub(crate) gid: i64,
    /// Major and minor number of a device.
    pub(crate) device: (i64, i64),
    /// Extended attributes.
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads entry after entry; as `Read` it returns the contents of the last one, holes as zeros.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    source: S,
    /// Bytes that were read or skipped.
    position: u64,
    /// Data of the entry that was not read yet, and the padding of its last block.
    left: u64,
    pad: u64,
    holes: Option<Holes>,
}

impl<S: Source> Reader<S> {
    pub(crate) const fn new(source: S) -> Self {
        Self {
            source,
            position: 0,
            left: 0,
            pad: 0,
            holes: None,
        }
    }

    /// Where in the archive the next byte is.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// Fails where a runtime does.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut records = Records::new();
        let (mut long_name, mut long_link) = (Vec::new(), Vec::new());
        loop {
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            let format = header::format(&block)?;
            let mut fields = header::fields(&block, format)?;
            self.data_of(&fields)?;
            match fields.kind {
                b'x' => records = pax::records(&self.extension()?)?,
                b'g' => {
                    // A global header changes no other entry: runtimes ignore its records.
                    let own = pax::records(&self.extension()?)?;
                    pax::merge(&mut fields, &own)?;
                    return Ok(Some(Entry {
                        kind: fields.kind,
                        name: fields.name,
                        ..Entry::default()
                    }));
                }
                b'L' => long_name = header::text(&self.extension()?).to_vec(),
                b'K' => long_link = header::text(&self.extension()?).to_vec(),
                b'S' => return Err(fault(OLD_SPARSE).into()),
                _ => {
                    pax::merge(&mut fields, &records)?;
                    if !long_name.is_empty() {
                        fields.name = long_name;
                    }
                    if !long_link.is_empty() {
                        fields.link = long_link;
                    }
                    return self.entry(fields, records).map(Some);
                }
            }
        }
    }

    fn entry(&mut self, mut fields: Fields, records: Records) -> io::Result<Entry> {
        if fields.kind == 0 {
            fields.kind = match fields.name.last() {
                Some(b'/') => b'5',
                _ => b'0',
            };
        }
        self.data_of(&fields)?;
        let form = sparse::form(&records);
        let holes = !matches!(form, Form::Whole);
        if holes {
            let (name, size) = sparse::own(&records)?;
            if let Some(name) = name {
                fields.name = name.to_vec();
            }
            fields.size = size.unwrap_or(fields.size);
            let pieces = match form {
                Form::InData => sparse::in_data(&mut *self)?,
                _ => sparse::in_records(&records)?,
            };
            if has_no_data(fields.kind) {
                return Err(fault("what has no data has holes").into());
            }
            let pieces = sparse::checked(&pieces, fields.size, self.left)?;
            let size = u64::try_from(fields.size).unwrap_or_default();
            self.holes = Some(Holes::new(pieces, size));
        }
        let size = if has_no_data(fields.kind) {
            0
        } else {
            u64::try_from(fields.size).unwrap_or_default()
        };
        Ok(Entry {
            kind: fields.kind,
            name: fields.name,
            link: fields.link,
            size,
            holes,
            mode: fields.mode,
            uid: fields.uid,
            gid: fields.gid,
            device: fields.device,
            attributes: pax::attributes(records),
        })
    }

    /// Prepares to read the data that follows as that of an entry.
    fn data_of(&mut self, fields: &Fields) -> Result<(), Fault> {
        let size = if has_no_data(fields.kind) {
            0
        } else {
            u64::try_from(fields.size).map_err(|_| fault("a size is below zero"))?
        };
        self.left = size;
        self.pad = size.wrapping_neg() % BLOCK as u64;
        self.holes = None;
        Ok(())
    }

    /// The next header, after the rest of the entry before it; `None` at the end.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        self.source.skip(self.left)?;
        self.position += self.left;
        self.left = 0;
        let pad = io::copy(&mut self.source.by_ref().take(self.pad), &mut io::sink())?;
        self.position += pad;
        // An archive may end where its last file does.
        if pad < self.pad {
            return Ok(None);
        }
        self.pad = 0;
        let Some(block) = self.whole_block()? else {
            return Ok(None);
        };
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Some(block));
        }
        // The end is two blocks of zeros, one, or none.
        match self.whole_block()? {
            Some(block) if block.iter().any(|byte| *byte != 0) => {
                Err(fault("a block of zeros is followed by another header").into())
            }
            _ => Ok(None),
        }
    }

    fn whole_block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = Vec::with_capacity(BLOCK);
        let read = self.source.by_ref().take(BLOCK as u64);
        let read = { read }.read_to_end(&mut block)?;
        self.position += read as u64;
        match <[u8; BLOCK]>::try_from(block) {
            Ok(block) => Ok(Some(block)),
            Err(_) if read == 0 => Ok(None),
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The complete data of a header that describes the next one.
    fn extension(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MAX_EXTENSION {
            return Err(fault("a name or attribute is too long").into());
        }
        let mut bytes = vec![0; usize::try_from(self.left).unwrap_or_default()];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.source.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.position += read as u64;
        Ok(read)
    }
}

/// Why files that GNU tar writes with `--sparse` in its own format are not read.
const OLD_SPARSE: &str = "a file with holes in GNU's old form, which container runtimes refuse; write it with --format=posix";

impl<S: Source> Read for Reader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(holes) = &mut self.holes else {
            return self.read_data(buffer);
        };
        let fit = |bytes: u64| {
            usize::try_from(bytes)
                .unwrap_or(usize::MAX)
                .min(buffer.len())
        };
        let read = match holes.next() {
            Next::End => return Ok(0),
            Next::Zeros(bytes) => {
                let count = fit(bytes);
                buffer[..count].fill(0);
                count
            }
            Next::Data(bytes) => {
                let count = fit(bytes);
                self.read_data(&mut buffer[..count])?
            }
        };
        if let Some(holes) = &mut self.holes {
            holes.pass(read as u64);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
