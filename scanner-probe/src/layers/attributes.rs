//! Owner, permissions and attributes of unpacked files, as the kernel sets them.

use super::{
    Layers, acl,
    bad::{Bad, bad},
    inodes::{Body, Id},
};
use crate::tar::Entry;

const CAPABILITY: &[u8] = b"security.capability";
/// Longest name and value of an attribute, as in Linux.
const MAX_ATTRIBUTE: (usize, usize) = (255, 64 << 10);

impl Layers {
    /// Sets owner, attributes and permissions, also for the target of a hard link.
    pub(super) fn set(&mut self, id: Id, entry: &Entry) -> Result<(), Bad> {
        let mut capability = None;
        let body = &self.inodes.get(id).body;
        let of_users = matches!(body, Body::Directory(_) | Body::File(_));
        for (name, value) in &entry.attributes {
            if name.starts_with(b"trusted.") {
                continue;
            }
            let (longest_name, longest) = MAX_ATTRIBUTE;
            if !(1..=longest_name).contains(&name.len()) || value.len() > longest {
                return Err(bad("an attribute is longer than Linux allows"));
            }
            // The kernel refuses a name that ends where its namespace does, see `xattr_resolve_name` in `fs/xattr.c`. Of
            // `user.`, only files and directories have any, and runtimes pass over it elsewhere.
            if name == b"security." || name == b"user." && of_users {
                return Err(bad("an attribute has no name"));
            }
            if acl::NAMES.contains(&&name[..]) && !acl::taken(name, value, body) {
                return Err(bad("a list of access is malformed"));
            }
            if name == CAPABILITY {
                capability = Some(value);
            }
        }
        if !capability.is_none_or(|value| is_capability(value)) {
            return Err(bad("its capabilities are malformed"));
        }
        let inode = self.inodes.get_mut(id);
        inode.uid = owner(entry.uid).unwrap_or(inode.uid);
        inode.gid = owner(entry.gid).unwrap_or(inode.gid);
        // Setting an owner removes the capabilities, even if it is the same owner.
        if !matches!(inode.body, Body::Directory(_)) {
            inode.capability.clear();
        }
        if let Some(value) = capability {
            inode.capability.clone_from(value);
        }
        inode.mode = match inode.body {
            Body::Link(_) => 0o777,
            _ => low(entry.mode) & 0o7777,
        };
        Ok(())
    }
}

/// The owner or group that a number sets: the kernel uses 32 bits of it, and if all are set it does not change the owner.
pub(super) fn owner(number: i64) -> Option<u32> {
    Some(low(number)).filter(|n| *n != u32::MAX)
}

/// The lower half of a number.
fn low(number: i64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Whether the kernel accepts the value, see `xattr(7)` and `linux/capability.h`: version 2 or 3.
fn is_capability(value: &[u8]) -> bool {
    match value {
        [0 | 1, 0, 0, 2, ..] => value.len() == 20,
        [0 | 1, 0, 0, 3, ..] => value.len() == 24 && !value.ends_with(&[0xff; 4]),
        _ => false,
    }
}
