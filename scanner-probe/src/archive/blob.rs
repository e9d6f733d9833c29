//! The parts of an archive of an image, by their names, and where in the file each is.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::Path,
};

use scanner_inventory::FilePath;

use super::{
    fault::{bad, other},
    json::Json,
    packing::digest_of,
};
use crate::{layers::clean, tar::Reader};

/// Largest index, manifest or configuration in bytes, and all that are read together.
const MAX_JSON: u64 = 8 << 20;
const MAX_DOCUMENTS: u64 = 64 << 20;
/// Most parts; most bytes of their names and link targets; and most links in a row that lead to one.
const MAX_PARTS: usize = 200_000;
const MAX_NAMES: usize = 64 << 20;
const MAX_LINKS: usize = 16;
/// Files that describe the image: none may be there twice.
const ONCE: [&[u8]; 2] = [b"/index.json", b"/manifest.json"];

#[derive(Debug, Clone)]
enum Part {
    /// Offset and size.
    File(u64, u64),
    /// Where a symbolic or hard link leads.
    Link(Vec<u8>),
    /// Something that is not a file, or has holes.
    Unread,
}

/// An archive whose parts can be read.
#[derive(Debug)]
pub(super) struct Blobs {
    file: File,
    parts: BTreeMap<Vec<u8>, Part>,
    /// Bytes of documents that may still be read.
    documents: u64,
}

impl Blobs {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let (mut parts, mut names) = (BTreeMap::new(), 0);
        // The reader's own message about a file that is not an archive helps no user.
        let no_tar = |error: io::Error| match error.kind() {
            io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                other(&format!(
                    "it is not an OCI or docker-save archive ({error})"
                ))
            }
            _ => error,
        };
        let mut reader = Reader::new(BufReader::with_capacity(1 << 16, file.try_clone()?));
        while let Some(entry) = reader.next().map_err(no_tar)? {
            let name = clean(&entry.name);
            let part = match entry.kind {
                b'0' if !entry.holes => Part::File(reader.position(), entry.size),
                b'1' => Part::Link(clean(&entry.link)),
                // Relative to the folder of the link, by the text alone.
                b'2' if entry.link.starts_with(b"/") => Part::Link(clean(&entry.link)),
                b'2' => Part::Link(clean(&[&name, &b"/../"[..], &entry.link].concat())),
                b'g' | b'5' => continue,
                _ => Part::Unread,
            };
            let twice = ONCE.contains(&name.as_slice()) && parts.contains_key(&name);
            names += name.len() + entry.link.len();
            if twice || parts.len() >= MAX_PARTS || names > MAX_NAMES {
                let name = FilePath::from_bytes(&name);
                let name = name.as_text().trim_start_matches('/');
                return Err(bad(&if twice {
                    format!("it has {name} twice")
                } else {
                    "it has too many parts".to_owned()
                }));
            }
            parts.insert(name, part);
        }
        Ok(Self {
            file,
            parts,
            documents: MAX_DOCUMENTS,
        })
    }

    /// Whether the archive has that part.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(&clean(name.as_bytes()))
    }

    fn place(&self, name: &str) -> io::Result<(u64, u64)> {
        let mut name = clean(name.as_bytes());
        for _ in 0..MAX_LINKS {
            match self.parts.get(&name) {
                Some(Part::File(offset, size)) => return Ok((*offset, *size)),
                Some(Part::Link(to)) => name.clone_from(to),
                Some(Part::Unread) => return Err(bad("a part of the image is not a plain file")),
                None => return Err(bad("a part of the image is not in it")),
            }
        }
        Err(bad("a part of the image leads through too many links"))
    }

    pub(super) fn read(&mut self, name: &str) -> io::Result<impl Read + '_> {
        let (offset, size) = self.place(name)?;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::with_capacity(1 << 16, &self.file).take(size))
    }

    /// A document and its digest.
    pub(super) fn json(&mut self, name: &str) -> io::Result<(Json, String)> {
        let most = MAX_JSON.min(self.documents);
        let mut bytes = Vec::new();
        let read = self.read(name)?.take(most + 1).read_to_end(&mut bytes)?;
        let left = self.documents.checked_sub(read as u64);
        self.documents = left.filter(|_| read as u64 <= MAX_JSON).ok_or_else(|| {
            bad("a document of the image is too large, or all of them together are")
        })?;
        Ok((Json::read(&bytes)?, digest_of(&bytes)))
    }

    /// A document that is named by its digest.
    pub(super) fn named(&mut self, digest: &str) -> io::Result<Json> {
        let (value, sum) = self.json(&path_of(digest)?)?;
        if sum != digest {
            return Err(bad("a part of the image is not what its digest says"));
        }
        Ok(value)
    }
}

/// The path of the blob with that digest in an OCI image layout.
pub(super) fn path_of(digest: &str) -> io::Result<String> {
    let (kind, hex) = digest
        .split_once(':')
        .ok_or_else(|| bad("a part of the image has no digest"))?;
    if kind != "sha256" || hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad("a part of the image has a digest that is not sha256"));
    }
    Ok(format!("blobs/{kind}/{hex}"))
}
