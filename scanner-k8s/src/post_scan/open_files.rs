//! The regular files that this program has open, searched for its tokens.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::api::TokenDetector;

/// How much of all files is searched together, and how much at once, in bytes.
const MAX_BYTES: u64 = 4 << 30;
const CHUNK: usize = 1 << 20;

/// What came of the search.
#[derive(Debug, Default)]
pub(crate) struct Searched {
    pub(super) found: bool,
    /// Whether something could not be searched.
    pub(super) skipped: bool,
    pub(super) evidence: Vec<String>,
}

impl Searched {
    fn skip(&mut self, what: &str, why: &str) {
        self.skipped = true;
        self.evidence.push(format!("{what}: not searched: {why}"));
    }
}

/// Arguments, environment and open files of this process. Reads files: not for the threads of an async runtime.
pub(crate) fn own_process(tokens: &TokenDetector) -> Searched {
    let arguments = std::env::args_os().any(|arg| tokens.finds(arg.as_encoded_bytes()));
    let environment = std::env::vars_os().any(|(_, value)| tokens.finds(value.as_encoded_bytes()));
    let mut searched = search(tokens, Path::new("/proc/self/fd"));
    let evidence = format!(
        "arguments and environment of this program: {}",
        found(arguments || environment)
    );
    searched.evidence.insert(0, evidence);
    searched.found |= arguments || environment;
    searched
}

/// What came of a search, for a reader.
pub(super) fn found(found: bool) -> &'static str {
    if found {
        "THE TOKEN IS IN THEM"
    } else {
        "the token is not in them"
    }
}

/// Searches what the links in `open` (`/proc/self/fd`) lead to. Each is opened anew through its link, which
/// also leads to a file that was deleted, or is open for writing only.
fn search(tokens: &TokenDetector, open: &Path) -> Searched {
    let mut searched = Searched::default();
    let links = match fs::read_dir(open).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(links) => links,
        Err(error) => {
            searched.skip("open files", &format!("they cannot be listed: {error}"));
            return searched;
        }
    };
    let mut seen = Vec::new();
    let mut left = MAX_BYTES;
    for link in links {
        // The descriptor through which the list itself was read is closed by now.
        let Ok(path) = fs::read_link(link.path()) else {
            continue;
        };
        let what = format!("open file {}", path.display());
        let meta = match fs::metadata(link.path()) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                searched.skip(&what, &error.to_string());
                continue;
            }
        };
        let same = (meta.dev(), meta.ino());
        if !meta.is_file() || path.starts_with("/proc") || seen.contains(&same) {
            continue;
        }
        seen.push(same);
        match has_token(tokens, &link.path(), &mut left) {
            Ok(Some(held)) => {
                searched.found |= held;
                let words = found(held);
                searched.evidence.push(format!("{what}: {words}"));
            }
            Ok(None) => {
                let why = format!(
                    "what comes after the first {} GiB of all open files",
                    MAX_BYTES >> 30
                );
                searched.skip(&what, &why);
            }
            Err(error) => searched.skip(&what, &error.to_string()),
        }
    }
    if searched.evidence.is_empty() {
        let none = "this program has no file open".to_owned();
        searched.evidence.push(none);
    }
    searched
}

/// Whether a token is in the first `left` bytes of a file; `None` when it is not, and there may be more. Subtracts what was
/// read from `left`.
fn has_token(tokens: &TokenDetector, file: &Path, left: &mut u64) -> io::Result<Option<bool>> {
    let mut file = File::open(file)?.take(*left);
    let mut carry = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        *left = file.limit();
        if read == 0 {
            let more = *left == 0;
            return Ok((!more).then_some(false));
        }
        if tokens.finds_after(&mut carry, chunk.get(..read).unwrap_or_default()) {
            return Ok(Some(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;

    fn searched(tokens: &TokenDetector) -> Searched {
        search(tokens, Path::new("/proc/self/fd"))
    }

    #[test]
    fn a_token_is_found_in_every_file_that_is_open() {
        let tokens = TokenDetector::default();
        let token = format!("e30.e30.{}", "aBcD".repeat(20));
        let _needle = tokens.add(&token);
        let dir = tempfile::tempdir().unwrap();
        let clean = searched(&tokens);
        assert!(!clean.found && !clean.skipped, "{clean:?}");
        let mut written = File::create(dir.path().join("write only")).unwrap();
        written.write_all(token.as_bytes()).unwrap();
        assert!(searched(&tokens).found);
        drop(written);
        let mut deleted = tempfile::tempfile().unwrap();
        deleted.write_all(token.as_bytes()).unwrap();
        assert!(searched(&tokens).found);
        drop(deleted);
        let mut large = tempfile::tempfile().unwrap();
        // Across the end of a chunk.
        large.seek(SeekFrom::Start((65 << 20) - 20)).unwrap();
        large.write_all(token.as_bytes()).unwrap();
        assert!(searched(&tokens).found);
    }

    #[test]
    fn what_could_not_be_searched_is_reported() {
        let tokens = TokenDetector::default();
        let searched = search(&tokens, Path::new("/nowhere"));
        assert!(searched.skipped, "{searched:?}");
        assert!(has_token(&tokens, Path::new("/nowhere"), &mut 1).is_err());
    }
}
