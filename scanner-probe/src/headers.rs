//! A tar archive as it is read: the headers that hold names and attributes may not be of any length.

use std::io::{self, Read, Seek, SeekFrom};

const BLOCK: usize = 512;
/// Longest name or set of attributes in bytes. What reads the archive keeps each of them whole.
const MAX_EXTENSION: u64 = 1 << 20;

/// What the next bytes are.
#[derive(Debug)]
enum Next {
    /// A header.
    Header,
    /// More headers of a sparse file, as GNU tar writes them.
    Sparse {
        data: u64,
    },
    Data(u64),
}

/// Passes an archive on, and fails at a header that announces too long a name.
#[derive(Debug)]
pub(crate) struct Headers<R> {
    inner: R,
    next: Next,
    block: [u8; BLOCK],
    filled: usize,
}

impl<R> Headers<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            next: Next::Header,
            block: [0; BLOCK],
            filled: 0,
        }
    }

    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Next::Data(left) = &mut self.next {
                let taken = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                bytes = &bytes[taken..];
                *left -= taken as u64;
                if *left == 0 {
                    self.next = Next::Header;
                }
                continue;
            }
            let taken = bytes.len().min(BLOCK - self.filled);
            self.block[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == BLOCK {
                self.filled = 0;
                self.next = self.after_block()?;
            }
        }
        Ok(())
    }

    fn after_block(&self) -> io::Result<Next> {
        if let Next::Sparse { data } = self.next {
            return Ok(match self.block[504] {
                0 => data_of(data),
                _ => Next::Sparse { data },
            });
        }
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(&self.block);
        let kind = header.entry_type();
        let (Ok(size), false) = (header.entry_size(), self.block.iter().all(|b| *b == 0)) else {
            // The end, or what the reader of the archive refuses by itself.
            return Ok(Next::Header);
        };
        let extends = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if extends && size > MAX_EXTENSION {
            return Err(io::Error::other(
                "a name or attribute in a layer is too long",
            ));
        }
        let data = size.checked_next_multiple_of(BLOCK as u64);
        let data = data.ok_or_else(|| io::Error::other("a file in a layer is too large"))?;
        if kind.is_gnu_sparse() && self.block[482] != 0 {
            return Ok(Next::Sparse { data });
        }
        Ok(data_of(data))
    }
}

fn data_of(size: u64) -> Next {
    if size == 0 {
        Next::Header
    } else {
        Next::Data(size)
    }
}

/// Only forward, over the data of an entry, which is how an archive is listed.
impl<R: Seek> Seek for Headers<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let out_of_place = || io::Error::other("a tar archive is read out of its order");
        let SeekFrom::Current(ahead) = to else {
            return Err(out_of_place());
        };
        let ahead = u64::try_from(ahead).map_err(|_| out_of_place())?;
        match &mut self.next {
            Next::Data(left) if ahead <= *left => {
                *left -= ahead;
                if *left == 0 {
                    self.next = Next::Header;
                }
            }
            _ if ahead == 0 => {}
            _ => return Err(out_of_place()),
        }
        self.inner.seek(to)
    }
}

impl<R: Read> Read for Headers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.pass(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: tar::EntryType, size: u64, data: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_path("x").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn passes(bytes: &[u8]) -> io::Result<u64> {
        // In pieces that fit no block.
        let mut headers = Headers::new(bytes);
        let (mut total, mut piece) = (0, [0; 700]);
        loop {
            match headers.read(&mut piece)? {
                0 => return Ok(total),
                read => total += read as u64,
            }
        }
    }

    #[test]
    fn a_long_name_is_refused_at_its_header_and_data_is_none() {
        let extensions = [
            tar::EntryType::GNULongName,
            tar::EntryType::GNULongLink,
            tar::EntryType::XHeader,
            tar::EntryType::XGlobalHeader,
        ];
        for kind in extensions {
            assert!(passes(&archive(kind, 60 << 30, b"")).is_err(), "{kind:?}");
            assert!(passes(&archive(kind, 3, b"abc")).is_ok(), "{kind:?}");
            // What looks like such a header within a file is not one.
            let inner = archive(kind, 60 << 30, b"");
            let file = archive(tar::EntryType::Regular, inner.len() as u64, &inner);
            assert_eq!(passes(&file).unwrap(), file.len() as u64, "{kind:?}");
            let after = [file, inner].concat();
            assert!(passes(&after).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn a_size_that_no_file_has_is_refused() {
        let huge = archive(tar::EntryType::Regular, u64::MAX - 3, b"");
        assert!(passes(&huge).is_err());
    }

    #[test]
    fn an_archive_is_listed_by_leaps_and_a_long_name_ends_it() {
        let one = archive(tar::EntryType::Regular, 700, &[1; 700]);
        let long = archive(tar::EntryType::GNULongName, 60 << 30, b"");
        let list = |bytes: Vec<u8>| -> io::Result<usize> {
            let mut archive = tar::Archive::new(Headers::new(io::Cursor::new(bytes)));
            let mut count = 0;
            for entry in archive.entries_with_seek()? {
                entry?;
                count += 1;
            }
            Ok(count)
        };
        let end = vec![0; 2 * BLOCK];
        assert_eq!(list([one.clone(), one.clone(), end].concat()).unwrap(), 2);
        assert!(list([one, long].concat()).is_err());
    }
}
