//! Which process of a container shows the container's root: a process that left the container shows a root of its own
//! making.
//!
//! A process leaves its container by unshare(2), `setns(2)`, `pivot_root(2)` or chroot(2). Containers of one pod share a
//! user namespace, so a process in another one than this probe's has left, whatever it mapped there. Without a user
//! namespace of its own, a process without `CAP_SYS_ADMIN` can only use chroot(2), which the directory above the root
//! shows. A process with that capability can make a mount namespace that looks like any other: nothing shows this.

use std::{
    fs::{File, metadata},
    io,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::Path,
};

use rustix::fs::{Mode, OFlags, fstat, fstatfs, openat};

use crate::{
    proc_file::{is_gone, read},
    procs::{of_container, started},
    root::Root,
};

/// How often a process is read again that changes meanwhile.
const MAX_TRIES: u32 = 20;
/// Most processes that are named in an error.
const NAMED: usize = 5;

/// Where a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Inode number of its user namespace; `None` where the kernel has no such file.
    user: Option<u64>,
    /// The same for its mount namespace.
    mount: Option<u64>,
    /// What is mounted at its root; `None` if its root is only a directory.
    root: Option<RootMount>,
}

/// The mount at a root, from a line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootMount {
    id: String,
    /// The mounted part of the filesystem: `/` for all of it.
    part: String,
    fstype: String,
}

/// Why the target's root is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum NotInside {
    /// No process of the container is visible.
    None,
    /// The kernel does not show the first process, or its root is only a directory.
    Hidden(String),
    /// Every process that could be read has left the container; each is named.
    Left(String),
}

/// The root of a container, and the process that shows it.
#[derive(Debug)]
pub struct Inside {
    /// The root.
    pub root: Root,
    /// The process.
    pub process: Process,
}

/// A process, and where it was.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started: a number that is used again is another process.
    started: String,
    place: Place,
}

impl Process {
    /// The process of that number, where it is now.
    ///
    /// # Errors
    ///
    /// Fails when there is none, or the kernel does not show where it is.
    pub fn of(pid: u32) -> io::Result<Self> {
        let started = started(pid)?;
        let place = Place::of(&pid.to_string())?;
        Ok(Self {
            pid,
            started,
            place,
        })
    }

    /// Whether it is still that process at the same place.
    ///
    /// # Errors
    ///
    /// Fails when there is none of that number any more, or the kernel does not show where it is.
    pub(crate) fn now(&self) -> io::Result<bool> {
        let now = Self::of(self.pid)?;
        Ok(now.started == self.started && now.place == self.place)
    }

    /// Another process with its number, at another place.
    #[cfg(test)]
    pub(crate) fn another(&self) -> Self {
        Self {
            started: "1".into(),
            place: Place {
                root: None,
                ..self.place.clone()
            },
            ..self.clone()
        }
    }

    /// Whether that is the mount at its root.
    pub(crate) fn has_root(&self, root: Option<&RootMount>) -> bool {
        self.place.root.as_ref() == root
    }

    /// How it left since, if it did: what was read from it may then not be from its container. A process that ended has not
    /// left, unless another one has its number.
    pub fn has_left(&self) -> Option<String> {
        match Self::of(self.pid) {
            Ok(now) if now.started != self.started => Some(format!(
                "process {} ended, and another one has its number: what was read may be of that one",
                self.pid
            )),
            Ok(now) if now.place == self.place => None,
            Err(error) if not_seen(&error) == Not::Ended => None,
            Ok(_) => Some(format!(
                "process {} left the container while it was read",
                self.pid
            )),
            Err(error) => Some(format!(
                "process {} is not shown any more: {error}",
                self.pid
            )),
        }
    }
}

/// Opens the root of a container: that of its lowest process that is where this probe knows containers to be.
///
/// # Errors
///
/// Fails when no process shows it, and says why; never opens the root of a process that left.
pub fn open(container: &str) -> Result<Inside, NotInside> {
    let own = Place::of("self")
        .map_err(|e| NotInside::Hidden(format!("cannot see where this probe is: {e}")))?;
    let all = of_container(container);
    if all.is_empty() {
        return Err(NotInside::None);
    }
    let (mut left, mut jailed) = (Vec::new(), 0);
    for pid in &all {
        match of_process(*pid, &own) {
            Ok((root, process)) => return Ok(Inside { root, process }),
            Err(Not::Ended) => {}
            Err(Not::Jailed) => jailed += 1,
            Err(Not::Left(why)) => left.push(format!("process {pid} {why}")),
            Err(Not::Hidden(why)) => {
                return Err(NotInside::Hidden(format!(
                    "cannot see the root /proc/{pid}/root: {why}"
                )));
            }
        }
    }
    if left.is_empty() {
        return Err(NotInside::Hidden(if jailed == 0 {
            "every process of the target ended while it was looked at".into()
        } else {
            "cannot see the root: every process of the target took another directory for its own (chroot)".into()
        }));
    }
    let more = left.len().saturating_sub(NAMED);
    left.truncate(NAMED);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Err(NotInside::Left(format!("{}{more}", left.join("; "))))
}

/// Why a process does not show its container's root.
#[derive(Debug, PartialEq, Eq)]
enum Not {
    Ended,
    Jailed,
    Left(String),
    Hidden(String),
}

/// Opens the root of a process that is inside, before and after the root was opened.
fn of_process(pid: u32, own: &Place) -> Result<(Root, Process), Not> {
    for _ in 0..MAX_TRIES {
        let before = Process::of(pid).map_err(|error| not_seen(&error))?;
        place_of_container(own, &before.place)?;
        let root = Root::open(Path::new(&format!("/proc/{pid}/root")))
            .map_err(|error| not_seen(&error))?;
        let same = before.now().map_err(|error| not_seen(&error))?;
        // The opened root must be the one that was checked: a process can switch between two roots.
        if !same || !is_of(&root, &before.place).map_err(|error| not_seen(&error))? {
            continue;
        }
        if !is_top(&root).map_err(|error| not_seen(&error))? {
            return Err(Not::Jailed);
        }
        return match same_kind(&root) {
            Ok(true) => Ok((root, before)),
            Ok(false) => Err(Not::Left(
                "has a root on another kind of filesystem than this probe".into(),
            )),
            Err(error) => Err(not_seen(&error)),
        };
    }
    Err(Not::Left("changes its root again and again".into()))
}

fn not_seen(error: &io::Error) -> Not {
    if is_gone(error) {
        Not::Ended
    } else {
        Not::Hidden(error.to_string())
    }
}

/// Whether a process is where containers are, by where this probe is.
fn place_of_container(own: &Place, place: &Place) -> Result<(), Not> {
    match (own.user, place.user) {
        (Some(own), Some(user)) if own != user => {
            return Err(Not::Left(
                "is in another user namespace than its pod".into(),
            ));
        }
        (Some(_), None) => return Err(Not::Hidden("its user namespace is not shown".into())),
        _ => {}
    }
    let Some(root) = &place.root else {
        return Err(Not::Jailed);
    };
    // A probe that does not know what is mounted at its own root has nothing to compare.
    let Some(known) = &own.root else {
        return Ok(());
    };
    if root.fstype != known.fstype {
        return Err(Not::Left(format!(
            "has a root of type {}, where this probe has one of type {}",
            root.fstype, known.fstype
        )));
    }
    if !is_like(&known.part, &root.part) {
        return Err(Not::Left(
            "has a part of another filesystem for its root".into(),
        ));
    }
    Ok(())
}

/// Whether two parts of filesystems are of one kind: each a whole one, or two that differ in one name, as the folders of two
/// snapshots do.
fn is_like(known: &str, part: &str) -> bool {
    let (known, part): (Vec<&str>, Vec<&str>) =
        (known.split('/').collect(), part.split('/').collect());
    let differing = known.iter().zip(&part).filter(|(a, b)| a != b).count();
    known.len() == part.len() && differing <= 1 && (known == part || known.len() > 2)
}

/// Whether an opened root is on the mount that a process has at its root.
fn is_of(root: &Root, place: &Place) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    let info = read(&format!("/proc/self/fdinfo/{}", root.dir.as_raw_fd()))?;
    let mut lines = info.lines();
    let id = lines.find_map(|line| line.strip_prefix("mnt_id:"));
    // A sandbox such as gVisor does not report it.
    let Some(id) = id.map(str::trim) else {
        return Ok(true);
    };
    Ok(place.root.as_ref().is_some_and(|root| root.id == id))
}

/// Whether there is nothing above a root. Above the root of a chroot(2) there is something, even if something is mounted
/// there.
fn is_top(root: &Root) -> io::Result<bool> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let above = openat(root.dir.as_fd(), "..", flags, Mode::empty())?;
    let (here, above) = (fstat(&root.dir)?, fstat(&above)?);
    Ok((here.st_dev, here.st_ino) == (above.st_dev, above.st_ino))
}

/// Whether a root is on the same kind of filesystem as this process's, as the kernel says of the opened directories.
fn same_kind(root: &Root) -> io::Result<bool> {
    let own = File::open("/")?;
    Ok(fstatfs(&own)?.f_type == fstatfs(&root.dir)?.f_type)
}

impl Place {
    /// Where the process of that name below `/proc` is.
    fn of(name: &str) -> io::Result<Self> {
        Ok(Self {
            user: namespace(name, "user")?,
            mount: namespace(name, "mnt")?,
            root: root_of(&read(&format!("/proc/{name}/mountinfo"))?),
        })
    }
}

/// Inode number of a namespace; `None` where this kernel has no such file for any process.
fn namespace(name: &str, kind: &str) -> io::Result<Option<u64>> {
    match metadata(format!("/proc/{name}/ns/{kind}")) {
        Ok(found) => Ok(Some(found.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let has = Path::new(&format!("/proc/self/ns/{kind}")).exists();
            if has { Err(error) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}

/// The mount at `/`; of several at one place, the last one is visible.
pub(crate) fn root_of(mountinfo: &str) -> Option<RootMount> {
    let of_line = |line: &str| {
        let mut fields = line.split(' ');
        let (id, part, place) = (fields.next()?, fields.nth(2)?, fields.next()?);
        let (_, after) = line.split_once(" - ")?;
        (place == "/").then(|| RootMount {
            id: id.into(),
            part: part.into(),
            fstype: after.split(' ').next().unwrap_or_default().into(),
        })
    };
    mountinfo.lines().rev().find_map(of_line)
}

#[cfg(test)]
mod tests;
