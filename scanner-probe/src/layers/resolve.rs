//! Where a path leads: as a runtime resolves it while it unpacks, and as the kernel does in the container.
//!
//! The two differ. A runtime goes by the text of a path: `..` removes the part before it, even behind a link, and missing
//! parts are skipped. That is continuity's `fs.RootPath`, which this follows step by step, so that every file ends up where
//! containerd puts it.

use rustix::io::Errno;

use super::{
    bad::{Bad, bad},
    inodes::{Body, Id, Inodes, MAX_NAME, ROOT},
    steps::Steps,
};

/// Longest path in bytes. Linux takes 4096 with the directory that a runtime unpacks into.
pub(super) const MAX_PATH: usize = 3840;
/// Longest target of a link, as in Linux.
pub(super) const MAX_TARGET: usize = 4095;
/// Most links in a path while it is unpacked, as in continuity.
const MAX_UNPACKED: u32 = 255;
/// Most links in a path in the container, as in the kernel.
const MAX_LINKS: u32 = 40;
/// The path by its text alone, as Go's `filepath.Clean("/" + path)`.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(path.len() + 1);
    push(&mut clean, path);
    or_root(clean)
}

fn or_root(path: Vec<u8>) -> Vec<u8> {
    if path.is_empty() { b"/".to_vec() } else { path }
}

/// A path as Go's `filepath.Clean`: a relative one stays relative, with any `..` at its start.
pub(super) fn clean_name(path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return clean(path);
    }
    let (mut out, mut within) = (0, Vec::new());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if within.pop().is_some() => {}
            b".." => out += 1,
            part => within.push(part),
        }
    }
    let parts: Vec<&[u8]> = std::iter::repeat_n(&b".."[..], out).chain(within).collect();
    if parts.is_empty() {
        b".".to_vec()
    } else {
        parts.join(&b'/')
    }
}

/// Adds parts to a clean path, which is empty for the root.
fn push(clean: &mut Vec<u8>, path: &[u8]) {
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => clean.truncate(clean.iter().rposition(|b| *b == b'/').unwrap_or(0)),
            part => {
                clean.push(b'/');
                clean.extend_from_slice(part);
            }
        }
    }
}

/// What the kernel finds at a path.
enum Found {
    Here(Id),
    Nothing,
}

impl Inodes {
    /// Where a directory of an archive is unpacked: a clean path without links.
    pub(super) fn root_path(&self, path: &[u8], steps: &mut Steps) -> Result<Vec<u8>, Bad> {
        let mut path = path.to_vec();
        let mut links = 0;
        steps.led_below = false;
        loop {
            let before = links;
            path = self.pass(&path, &mut links, steps)?;
            if before == links {
                return Ok(clean(&path));
            }
        }
    }

    /// One pass over a path: each link is replaced by its target, once.
    fn pass(&self, path: &[u8], links: &mut u32, steps: &mut Steps) -> Result<Vec<u8>, Bad> {
        let again = *links > 0;
        // Clean, and empty for the root.
        let mut at: Vec<u8> = Vec::new();
        // The target of a link right before, instead.
        let mut said: Option<Vec<u8>> = None;
        let mut place = Found::Here(ROOT);
        for (number, part) in path.split(|byte| *byte == b'/').enumerate() {
            if part.is_empty() {
                continue;
            }
            let shortens = matches!(part, b"." | b"..");
            let before = match said.take() {
                Some(said) => {
                    at.clear();
                    push(&mut at, &said);
                    Some(said)
                }
                None if shortens => Some([b"/", &*at].concat()),
                None => None,
            };
            let above = at.len();
            push(&mut at, part);
            check_length(&at, part)?;
            if again || before.is_some() {
                steps.take(1)?;
            }
            place = match (&before, place) {
                (Some(before), _) => {
                    steps.take(before.len() / 64)?;
                    self.seen_outside(&at, steps)?
                }
                (None, Found::Here(id)) => self.step(id, part)?,
                (None, Found::Nothing) => Found::Nothing,
            };
            if *links > MAX_UNPACKED {
                return Err(bad("a path has too many links"));
            }
            let Found::Here(id) = place else { continue };
            let Body::Link(target) = &self.get(id).body else {
                continue;
            };
            steps.led_below |= self.is_below(id);
            *links += 1;
            steps.take(1 + target.len() / 64)?;
            said = Some(if number == 0 || target.starts_with(b"/") {
                target.to_vec()
            } else {
                let parent = before.unwrap_or_else(|| [b"/", &at[..above]].concat());
                clean_name(&[&parent, &b"/"[..], target].concat())
            });
        }
        Ok(said.unwrap_or_else(|| or_root(at)))
    }

    fn step(&self, directory: Id, name: &[u8]) -> Result<Found, Bad> {
        if !self.is_directory(directory) {
            return Err(bad("a file is below another one that is not a directory"));
        }
        Ok(self
            .child(directory, name)
            .map_or(Found::Nothing, Found::Here))
    }

    /// What the kernel finds at a clean path below the root from outside of that root, a link at its end not followed: a
    /// link that leads out ends on the machine.
    fn seen_outside(&self, path: &[u8], steps: &mut Steps) -> Result<Found, Bad> {
        check_length(path, b"")?;
        let out = || {
            bad("where it goes depends on the machine, as a link in a link leads out of the image")
        };
        let mut left = parts(path);
        let (mut passed, mut links) = (vec![ROOT], 0);
        while let Some(part) = left.pop() {
            steps.take(1)?;
            let at = passed.last().copied().ok_or_else(out)?;
            if !self.is_directory(at) {
                return Err(bad("a file is below another one that is not a directory"));
            }
            if part == b".." {
                passed.pop();
                if passed.is_empty() {
                    return Err(out());
                }
                continue;
            }
            check_length(b"", part)?;
            let Some(id) = self.child(at, part) else {
                return Ok(Found::Nothing);
            };
            match &self.get(id).body {
                Body::Link(_) if left.is_empty() => return Ok(Found::Here(id)),
                Body::Link(target) => {
                    steps.led_below |= self.is_below(id);
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(bad("a path has too many links"));
                    }
                    if target.starts_with(b"/") {
                        return Err(out());
                    }
                    left.extend(parts(target));
                }
                _ => passed.push(id),
            }
        }
        passed.last().copied().map(Found::Here).ok_or_else(out)
    }

    /// What a process in the container finds at a path; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// Fails where the kernel does: too many links, or a name that is too long.
    pub(super) fn look_up(&self, path: &[u8], follow: bool) -> Result<Option<Id>, Errno> {
        let mut left = parts(path);
        let (mut passed, mut links) = (vec![ROOT], 0);
        while let Some(part) = left.pop() {
            let at = passed.last().copied().unwrap_or(ROOT);
            if !self.is_directory(at) {
                return Ok(None);
            }
            if part == b".." {
                if passed.len() > 1 {
                    passed.pop();
                }
                continue;
            }
            if part.len() > MAX_NAME {
                return Err(Errno::NAMETOOLONG);
            }
            let Some(id) = self.child(at, part) else {
                return Ok(None);
            };
            match &self.get(id).body {
                Body::Link(_) if left.is_empty() && !follow => return Ok(Some(id)),
                Body::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.starts_with(b"/") {
                        passed.truncate(1);
                    }
                    left.extend(parts(target));
                }
                _ => passed.push(id),
            }
        }
        Ok(passed.last().copied())
    }
}

/// The parts of a path, the first one last.
fn parts(path: &[u8]) -> Vec<&[u8]> {
    let named = path.split(|byte| *byte == b'/');
    let named = named.filter(|part| !part.is_empty() && *part != b".");
    named.rev().collect()
}

fn check_length(path: &[u8], name: &[u8]) -> Result<(), Bad> {
    if path.len() > MAX_PATH || name.len() > MAX_NAME {
        return Err(bad("a path is longer than Linux allows"));
    }
    Ok(())
}
