//! Files: a line each, and lines about their contents.

use std::io::Write as _;

use scanner_inventory::{
    FileEntry, FileKind,
    wire::{encode_link, encode_path},
};

use super::mask::mask;

/// Writes one file.
pub(super) fn file(entry: &FileEntry, out: &mut Vec<u8>) {
    if entry.followed {
        out.push(b'+');
    }
    if !entry.exists {
        absent(&entry.path.to_bytes(), out);
        return;
    }
    let kind = match entry.kind {
        FileKind::File => 0o100_000,
        FileKind::Directory => 0o040_000,
        FileKind::Symlink => 0o120_000,
        FileKind::BlockDevice => 0o060_000,
        FileKind::CharDevice => 0o020_000,
        FileKind::Fifo => 0o010_000,
        FileKind::Socket => 0o140_000,
    };
    let mode = kind | entry.mode;
    let (uid, gid, size) = (entry.uid, entry.gid, entry.size);
    let _ = write!(out, "{mode:x} {uid} {gid} {size} ");
    if let Some(seconds) = entry.modified {
        let _ = write!(out, "{seconds} ");
    }
    out.extend_from_slice(&encode_path(&entry.path.to_bytes()));
    out.push(b'\n');
    if entry.capabilities_known {
        let bits = u64::from_str_radix(&mask(&entry.capabilities), 16).unwrap_or_default();
        let words = [0x0200_0001, low(bits), 0, low(bits >> 32), 0];
        let hex: String = if bits == 0 {
            String::new()
        } else {
            words.iter().map(|w| hex::encode(w.to_le_bytes())).collect()
        };
        let _ = writeln!(out, "^{hex}");
    }
    if !entry.digest.is_empty() {
        let _ = writeln!(out, "={}", entry.digest);
    }
    if !entry.link.is_empty() {
        out.extend_from_slice(&encode_link(&entry.link.to_bytes()));
        out.push(b'\n');
    }
}

/// Writes that there is no file at a path that was asked for.
pub(super) fn absent(path: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"- ");
    out.extend_from_slice(&encode_path(path));
    out.push(b'\n');
}

fn low(bits: u64) -> u32 {
    u32::try_from(bits & 0xffff_ffff).unwrap_or_default()
}
