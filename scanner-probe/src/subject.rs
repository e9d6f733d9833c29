//! The subject of an inventory.

use crate::{inside::Process, tree::Tree};

/// A root filesystem, and the processes that belong to it.
#[derive(Debug)]
pub struct Subject {
    /// The root filesystem.
    pub root: Box<dyn Tree>,
    /// Process whose environment, mounts and sockets are read; `None` for a plain directory.
    pub process: Option<Process>,
    /// Text in the cgroup of every process that belongs to the target, such as its container id;
    /// all processes when empty.
    pub container: String,
}
