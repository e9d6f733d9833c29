//! Files that may be hostile, read in bounded memory.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use crate::problem::Problem;

/// Largest log that is read, in bytes.
const MAX_LOG: u64 = 128 << 20;
/// Longest line of the API server's log that is read, in bytes.
const MAX_LINE: u64 = 4 << 20;

/// Reads line by line, in bounded memory. A longer line is handed over truncated, and so counts as unreadable. The server
/// is still writing a last line that has no end.
pub(super) fn each_line(path: &Path, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(());
        }
        if line.ends_with(b"\n") || line.len() as u64 == MAX_LINE {
            take(&line);
        }
    }
}

pub(super) fn read(path: &Path, what: &str) -> Result<Vec<u8>, Problem> {
    let problem = |why: String| {
        Problem::usage(
            format!("cannot read {what} {}: {why}", path.display()),
            "name a file that can be read",
        )
    };
    let mut bytes = Vec::new();
    // One byte more than the limit: a device has no length, and a file may grow.
    let read = File::open(path).and_then(|file| file.take(MAX_LOG + 1).read_to_end(&mut bytes));
    read.map_err(|error| problem(error.to_string()))?;
    if bytes.len() as u64 > MAX_LOG {
        return Err(problem(format!("it is larger than {} MiB", MAX_LOG >> 20)));
    }
    Ok(bytes)
}
