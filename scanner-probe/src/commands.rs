//! Programs by their names, in the usual directories and in those that PATH of the target names.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use rustix::io::Errno;
use scanner_inventory::{FileKind, FilePath, Gap, GapKind, Gaps, wire::encode_path};

use crate::{
    end::End,
    procs::search_path,
    subject::Subject,
    tree::{Tree, kind, refusal},
};

/// Where programs are, whatever PATH says.
const USUAL: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];
/// Most directories that are searched; the shell collector has the same limit.
const MAX_DIRECTORIES: usize = 64;

/// Writes where each of `names` is, if anywhere. A directory that cannot be searched is a gap: a program may be there.
pub(crate) fn commands(
    subject: &Subject,
    names: &BTreeSet<String>,
    out: &mut impl Write,
) -> io::Result<End> {
    let mut gaps = Gaps::default();
    let process = subject.process.as_ref();
    let path = process.map_or_else(|| Ok(Vec::new()), search_path);
    let path = path.unwrap_or_else(|_| {
        gaps.add(Gap::new(GapKind::NotReadable));
        Vec::new()
    });
    let mut directories = directories(&path, &mut gaps);
    let root = &*subject.root;
    for name in names {
        let file = FilePath::from(name.as_str());
        let mut found = None;
        directories.retain(|dir| {
            let place = dir.join(&file);
            if found.is_some() {
                return true;
            }
            match is_program(root, &place) {
                Ok(true) => found = Some(place),
                Ok(false) => {}
                // If this name cannot be looked up, no other name there can.
                Err(error) if root.meta(place.as_text()).is_err() => {
                    gaps.add(Gap::new(refusal(error)).at(dir.clone()));
                    return false;
                }
                Err(error) => gaps.add(Gap::new(refusal(error)).at(place)),
            }
            true
        });
        if let Some(place) = found {
            write!(out, "{name} ")?;
            out.write_all(&encode_path(&place.to_bytes()))?;
            writeln!(out)?;
        }
    }
    if gaps.is_empty() {
        return Ok(End::Ok);
    }
    let reason = format!("{} places of programs could not be searched", gaps.total());
    Ok(End::Partial(gaps, reason))
}

/// The directories that are searched, each once. Relative ones are left out: they depend on the working directory of the
/// target.
fn directories(path: &[u8], gaps: &mut Gaps) -> Vec<FilePath> {
    let mut all: Vec<FilePath> = USUAL.map(FilePath::from).into();
    for entry in path.split(|byte| *byte == b':') {
        if !entry.starts_with(b"/") {
            continue;
        }
        let end = entry.iter().rposition(|byte| *byte != b'/');
        let dir = FilePath::from_bytes(&entry[..=end.unwrap_or_default()]);
        if all.contains(&dir) {
            continue;
        }
        if all.len() == MAX_DIRECTORIES {
            gaps.add(Gap::new(GapKind::OverLimit));
            break;
        }
        all.push(dir);
    }
    all
}

/// Whether somebody may execute the file that `path` leads to, whoever looks.
pub(crate) fn is_program(root: &dyn Tree, path: &FilePath) -> Result<bool, Errno> {
    let found = root.followed(path.as_text())?;
    Ok(found.is_some_and(|meta| kind(meta.mode) == FileKind::File && meta.mode & 0o111 != 0))
}

#[cfg(test)]
mod tests;
