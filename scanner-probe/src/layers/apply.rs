//! Puts a layer on top of others as containerd does: entry by entry, each with all that it does to what
//! was there before.

use std::io::{self, Read};

use rustix::fs::FileType;
use scanner_inventory::{FilePath, MAX_DIGEST};

use super::{
    Layers,
    bad::{Bad, bad},
    inodes::{Body, File, Id, Inode, MAX_NAME, ROOT, Removed},
    resolve::{MAX_TARGET, clean, clean_name},
    state::Layer,
    wanted::{MAX_KEPT, is_read},
};
use crate::{
    contents,
    tar::{Entry, Reader, Stream},
};

/// How a whiteout starts, and the one of a whole directory; see the OCI image specification.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Most zero bytes in holes that are read: a small archive can hold any number of them.
const MAX_HOLES: u64 = 64 << 30;

/// A place where something is unpacked.
struct Place {
    parent: Vec<u8>,
    directory: Id,
    name: Vec<u8>,
}

impl Layers {
    pub(super) fn apply(&mut self, layer: impl Read) -> io::Result<()> {
        let mut state = Layer {
            number: self.count,
            ..Layer::default()
        };
        self.count += 1;
        self.inodes.layer = u32::try_from(state.number).unwrap_or(u32::MAX);
        let mut reader = Reader::new(Stream(layer));
        let mut number = 0;
        while let Some(entry) = reader.next()? {
            self.entry(&mut reader, &entry, number, &mut state)
                .map_err(|error| at(&entry.name, &error))?;
            number += 1;
        }
        for name in std::mem::take(&mut state.directories) {
            let path = self.inodes.root_path(&name, &mut self.steps);
            let there = path.and_then(|path| {
                let gone = bad("a directory of the layer is not there in the end");
                self.inodes.at(&path).ok_or(gone)
            });
            there.map_err(|error| at(&name, &error.into()))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        reader: &mut Reader<Stream<impl Read>>,
        entry: &Entry,
        number: u64,
        layer: &mut Layer,
    ) -> io::Result<()> {
        // By its text alone: `a/../b` is b, whatever a is.
        let name = clean_name(&entry.name);
        let split = name.iter().rposition(|byte| *byte == b'/');
        let (parent, base) = name.split_at(split.map_or(0, |at| at + 1));
        let (above, own) = (absolute(parent), absolute(&name));
        let parent = self.inodes.root_path(parent, &mut self.steps)?;
        if matches!(base, b"" | b"." | b"..") {
            // Only the root has such a name, and a runtime does not change it.
            return Ok(());
        }
        let led_below = self.steps.led_below;
        let directory = self.make_directories(&parent, &above)?;
        if base == OPAQUE {
            if layer.emptied.add(&parent, &mut layer.remembered)? {
                let removed = self.empty(directory, &parent, layer)?;
                // An overlay filesystem always shows what the layers below have in the root.
                let least = match directory {
                    ROOT => Removed::Something,
                    _ => Removed::Own,
                };
                self.removed(removed, led_below, least, &parent);
            }
            return Ok(());
        }
        if let Some(hidden) = base.strip_prefix(WHITEOUT) {
            return match hidden {
                b"" | b"." | b".." => Err(bad("a whiteout hides its own directory").into()),
                hidden if hidden.len() > MAX_NAME => {
                    Err(bad("a name is longer than Linux allows").into())
                }
                hidden => {
                    let path = join(&parent, hidden);
                    self.hide(directory, hidden, &path, layer)?;
                    let gone = self.remove(directory, hidden, &path, layer)?;
                    self.removed(gone, led_below, Removed::Astray, &path);
                    Ok(())
                }
            };
        }
        let place = Place {
            parent,
            directory,
            name: base.to_vec(),
        };
        let there = self.inodes.child(directory, base);
        let merged = there.filter(|id| entry.kind == b'5' && self.inodes.is_directory(*id));
        if there.is_some() && merged.is_none() {
            let removed = self.remove(directory, base, &place.path(), layer)?;
            // A global header removes the file of its name, and puts nothing there.
            let least = match entry.kind {
                b'g' => Removed::Something,
                _ => Removed::Astray,
            };
            self.removed(removed, led_below, least, &place.path());
        }
        if entry.kind == b'g' {
            self.uncovered(&place.path(), layer);
        } else if let Some(id) = merged {
            let before = self.inodes.get(id).meta();
            self.set(id, entry)?;
            self.merged(id, before, led_below, &place.path());
            self.kept_owner(id, entry, &place.path());
        } else {
            let id = self.make(reader, entry, number, &place, layer)?;
            self.set(id, entry)?;
            self.made(id, led_below, (&place.path(), &own), layer)?;
        }
        if entry.kind == b'5' && layer.directories.last() != Some(&name) {
            layer.remembered.add(&name)?;
            layer.directories.push(name);
        }
        layer.unpacked.add(&place.path(), &mut layer.remembered)?;
        Ok(())
    }

    /// Creates what the entry describes.
    fn make(
        &mut self,
        reader: &mut Reader<Stream<impl Read>>,
        entry: &Entry,
        number: u64,
        place: &Place,
        layer: &mut Layer,
    ) -> io::Result<Id> {
        let inode = match entry.kind {
            b'0' => {
                let mut file = self.file(reader, entry, place)?;
                file.source = (layer.number, number);
                Inode::new(Body::File(file), entry.size)
            }
            b'5' => Inode::directory(),
            b'2' if (1..=MAX_TARGET).contains(&entry.link.len()) => {
                let size = entry.link.len() as u64;
                Inode::new(Body::Link(entry.link.as_slice().into()), size)
            }
            b'2' => return Err(bad("a link leads to a path that Linux does not allow").into()),
            b'1' => {
                let target = self.hard_link(&entry.link)?;
                self.inodes.name(place.directory, &place.name, target)?;
                return Ok(target);
            }
            b'3' | b'4' | b'6' => {
                let fits = |number: i64| u32::try_from(number).is_ok();
                if !fits(entry.device.0) || !fits(entry.device.1) {
                    return Err(bad("a device has a number that Linux does not allow").into());
                }
                let kind = match entry.kind {
                    b'3' => FileType::CharacterDevice,
                    b'4' => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                Inode::new(Body::Special(kind.as_raw_mode()), 0)
            }
            _ => return Err(bad("it is of a type that container runtimes refuse").into()),
        };
        Ok(self.inodes.add(place.directory, &place.name, inode)?)
    }

    /// The target of a hard link: a symbolic link itself, not its target.
    fn hard_link(&mut self, to: &[u8]) -> Result<Id, Bad> {
        let split = to.iter().rposition(|byte| *byte == b'/');
        let (parent, base) = to.split_at(split.map_or(0, |at| at + 1));
        let parent = self.inodes.root_path(parent, &mut self.steps)?;
        let path = clean(&[&parent, &b"/"[..], base].concat());
        match self.inodes.at(&path) {
            Some(id) if !self.inodes.is_directory(id) => Ok(id),
            _ => Err(bad("a hard link names no file that is there before it")),
        }
    }

    fn file(
        &mut self,
        reader: &mut Reader<Stream<impl Read>>,
        entry: &Entry,
        place: &Place,
    ) -> io::Result<File> {
        let wanted = self.inodes.kept.saturating_add(entry.size) <= MAX_KEPT
            && (is_read(&place.path(), entry.size) || is_read(&clean(&entry.name), entry.size));
        let digested = self.digests && entry.size <= MAX_DIGEST;
        let mut bytes = Vec::new();
        let mut digest = None;
        if entry.holes && (wanted || digested) {
            self.holes += entry.size;
            if self.holes > MAX_HOLES {
                return Err(bad("its holes are too large").into());
            }
        }
        if digested {
            let copied = Copied(reader, wanted.then_some(&mut bytes));
            digest = contents::digest(copied, entry.size)?;
        } else if wanted {
            reader.read_to_end(&mut bytes)?;
        }
        Ok(File {
            digest,
            bytes: wanted.then_some(bytes),
            source: (0, 0),
        })
    }
}

impl Place {
    fn path(&self) -> Vec<u8> {
        join(&self.parent, &self.name)
    }
}

/// A name in a directory with a clean path.
fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    [directory, b"/", name].concat()
}

/// The clean path from the root that a clean name stands for, whatever links are on the way.
fn absolute(name: &[u8]) -> Vec<u8> {
    clean(&[b"/", name].concat())
}

/// The error with the name of the entry that has it.
fn at(name: &[u8], error: &io::Error) -> io::Error {
    let short: String = FilePath::from_bytes(name)
        .as_text()
        .chars()
        .take(200)
        .collect();
    io::Error::new(error.kind(), format!("{short}: {error}"))
}

/// Keeps the bytes that pass, if they must be kept.
struct Copied<'a, R>(R, Option<&'a mut Vec<u8>>);

impl<R: Read> Read for Copied<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if let Some(kept) = &mut self.1 {
            kept.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}
