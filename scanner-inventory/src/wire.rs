//! Wire protocol of agents, version 1: an answer as frames whose length and checksum are verified.
//!
//! Exec streams lose their tail without an error, and the other side is hostile. So an answer is
//! cut into frames, `@frame NONCE SEQ BYTES CRC` and the payload, and ends with
//! `@end NONCE FRAMES BYTES CRC`, whose CRC covers all frame headers. CRC is that of POSIX
//! `cksum`, or `sha256:` and that digest where the agent has no `cksum`; `-` where it has neither. Anything missing, cut, repeated or added is an error.
//!
//! The payloads together are lines: `@NONCE section NAME`, data, a status (`!ok`, `!partial COUNT REASON` or `!missing
//! REASON`), which lines `!gap KIND[/ATTRIBUTE] [PATH]` may precede, and at the end `@NONCE done SECTIONS`. The nonce is
//! new for each scan, so that no text that was in the target before can pose as a line of the protocol.
//!
//! A path ends its line and is sent as its bytes. One with a newline in it is sent as `\` and
//! then with `\x0a` for each newline and `\\` for each backslash, so that it is one line and no other path.

mod checksum;
mod error;
mod frames;
mod name;
mod parts;
mod status;
mod writer;

pub use checksum::cksum;
pub use error::{WireError, broken_tool, missing_tool};
pub(crate) use frames::Frames;
pub(crate) use name::escaped_text;
pub use name::{decode_path, encode_link, encode_path};
pub(crate) use parts::{PartSink, Parts};
pub use status::{Ending, RawSection, encode_gap};
pub use writer::FrameWriter;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Exit code of `secure-scan-probe` when the kernel does not show it the target's filesystem: it runs as another user
/// or with other capabilities than the target, or every process of the target has another root (chroot). Its other
/// failures exit with 1.
pub const TARGET_HIDDEN: u8 = 65;
/// Exit code of `secure-scan-probe` when it could look, but no process of the target is in its container any more: each has
/// moved to another user namespace or another root. Also when the process that was read left meanwhile.
pub const TARGET_LEFT: u8 = 66;
/// Keys of `/proc/PID/status` by which the kernel decides about each thread: an agent sends them for each process and each
/// of its threads.
pub const THREAD_KEYS: [&str; 9] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "NoNewPrivs",
    "Seccomp",
];

#[cfg(test)]
mod tests;
