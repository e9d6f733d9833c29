//! A directory as a root filesystem: paths are resolved by the kernel, within it.

use std::{
    io::{self, Read as _, Write},
    os::fd::AsFd as _,
};

use rustix::{
    fs::{OFlags, fstat},
    io::Errno,
};
use scanner_inventory::{FilePath, FileSelector, Gaps};

use super::{MAX_NAMES, MAX_TEXT, Root, bytes, split};
use crate::{
    contents,
    tree::{Contents, Inode, Meta, ReadAt, Tree, meta},
    walk,
};

impl Tree for Root {
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno> {
        Ok(self.stat(path)?.as_ref().map(meta))
    }

    fn followed(&self, path: &str) -> Result<Option<Meta>, Errno> {
        match self.resolve(path, OFlags::PATH).and_then(|fd| fstat(&fd)) {
            Ok(stat) => Ok(Some(meta(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn state(&self, path: &str) -> Option<String> {
        let s = self.stat(path).ok()??;
        Some(format!(
            "{:x} {} {} {} {} {}.{:09} {}.{:09}",
            s.st_mode,
            s.st_uid,
            s.st_gid,
            s.st_size,
            s.st_ino,
            s.st_mtime,
            s.st_mtime_nsec,
            s.st_ctime,
            s.st_ctime_nsec
        ))
    }

    fn contents(&self, path: &str, seen: Option<Inode>) -> Contents {
        let (parent, name) = split(path);
        match (self.resolve(parent, OFlags::PATH), bytes(name)) {
            (Ok(dir), Ok(name)) => self.contents.of(dir.as_fd(), &*name, seen),
            _ => Contents::Unknown,
        }
    }

    fn capability(&self, path: &str, seen: Option<Inode>) -> Option<Vec<u8>> {
        let (parent, name) = split(path);
        let dir = self.resolve(parent, OFlags::PATH).ok()?;
        contents::capability(dir.as_fd(), &*bytes(name).ok()?, seen)
    }

    fn open(&self, path: &str) -> Result<Option<Box<dyn ReadAt + '_>>, Errno> {
        let opened = self.regular(path)?;
        Ok(opened.map(|opened| Box::new(opened) as Box<dyn ReadAt>))
    }

    fn text(&self, path: &str) -> Result<Option<String>, Errno> {
        let Some(opened) = self.regular(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = opened.file.take(MAX_TEXT + 1).read_to_end(&mut bytes);
        if read.map_err(|_| Errno::IO)? as u64 > MAX_TEXT {
            return Err(Errno::FBIG);
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let dir = match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir)? {
            if names.len() >= MAX_NAMES {
                return Err(Errno::FBIG);
            }
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(FilePath::from_bytes(name).to_text());
            }
        }
        names.sort();
        Ok(names)
    }

    fn walk(
        &self,
        selectors: &[&FileSelector],
        stays: bool,
        out: &mut dyn Write,
    ) -> io::Result<Gaps> {
        walk::walk(self, selectors, stays, out)
    }
}
