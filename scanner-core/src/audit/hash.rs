//! The hash that chains the lines of a log.

use sha2::{Digest as _, Sha256};

/// What the first line has in place of the hash of the line before it.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
