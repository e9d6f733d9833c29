//! Files of `/proc`, read as a whole.

use std::{
    fs,
    io::{self, Read as _},
};

/// Error of the kernel for a process that ended, see errno(3).
const ESRCH: i32 = 3;
/// Longest file of `/proc` that is read, in bytes.
const MAX_PROC: u64 = 4 << 20;

/// Reads a file of `/proc`; bytes that are not UTF-8 are replaced. A longer file is an error and never cut silently.
pub(crate) fn read(path: &str) -> io::Result<String> {
    let bytes = read_bytes(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a line of `/proc/PID/status` has one of these keys.
pub(crate) fn has_key(line: &str, keys: &[&str]) -> bool {
    line.split_once(':')
        .is_some_and(|(key, _)| keys.contains(&key))
}

/// The same as bytes.
pub(crate) fn read_bytes(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path)?.take(MAX_PROC + 1);
    if file.read_to_end(&mut bytes)? as u64 > MAX_PROC {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Whether it is the error for a process or thread that ended, whichever of its files was read.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// That error.
pub(crate) fn gone() -> io::Error {
    io::Error::from_raw_os_error(ESRCH)
}
