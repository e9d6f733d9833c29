//! Lines of a text file, read in parts: a database that is very long takes no more memory than a short one.

use std::io;

use rustix::io::Errno;

use crate::tree::Tree;

/// Longest file that is read, in bytes.
const MAX_TEXT: u64 = 16 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// Longest line in bytes.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// Gives `take` each line of the regular file at `path` without its end, and `None` for one that is too long. Returns
/// whether there is such a file, or why it cannot be read: the lines before the error are then incomplete.
///
/// # Errors
///
/// Fails as `take` does.
pub(crate) fn each(
    root: &dyn Tree,
    path: &str,
    mut take: impl FnMut(Option<&str>) -> io::Result<()>,
) -> io::Result<Result<bool, Errno>> {
    each_of_bytes(root, path, |line| match line {
        Some(line) => {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            take(Some(&text))
        }
        None => take(None),
    })
}

/// The same as bytes, of which only the newline at the end of a line is left out.
///
/// # Errors
///
/// Fails as `take` does.
pub(crate) fn each_of_bytes(
    root: &dyn Tree,
    path: &str,
    mut take: impl FnMut(Option<&[u8]>) -> io::Result<()>,
) -> io::Result<Result<bool, Errno>> {
    let file = match root.open(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(Ok(false)),
        Err(error) => return Ok(Err(error)),
    };
    let size = file.size();
    if size > MAX_TEXT {
        return Ok(Err(Errno::FBIG));
    }
    let (mut chunk, mut line, mut too_long) = (vec![0; CHUNK], Vec::new(), false);
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from(size - offset).map_or(CHUNK, |left| left.min(CHUNK));
        let part = &mut chunk[..length];
        if file.read_exact_at(part, offset).is_err() {
            return Ok(Err(Errno::IO));
        }
        offset += length as u64;
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n");
            let fits = line.len() + piece.len() <= MAX_LINE;
            too_long |= !fits;
            if fits {
                line.extend_from_slice(text.unwrap_or(piece));
            }
            if text.is_some() {
                hand_on(&mut line, &mut too_long, &mut take)?;
            }
        }
    }
    if !line.is_empty() || too_long {
        hand_on(&mut line, &mut too_long, &mut take)?;
    }
    Ok(Ok(true))
}

fn hand_on(
    line: &mut Vec<u8>,
    too_long: &mut bool,
    take: &mut impl FnMut(Option<&[u8]>) -> io::Result<()>,
) -> io::Result<()> {
    take((!*too_long).then_some(line.as_slice()))?;
    line.clear();
    *too_long = false;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::root::Root;

    fn of(text: &[u8]) -> Vec<Option<String>> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), text).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut all = Vec::new();
        let found = each(&root, "/file", |line| {
            all.push(line.map(str::to_owned));
            Ok(())
        });
        assert_eq!(found.unwrap(), Ok(true));
        all
    }

    #[test]
    fn lines_are_those_of_the_text_wherever_it_is_cut() {
        for text in [
            String::new(),
            "\n\n".into(),
            "a\r\nb\n\nc".into(),
            format!("{}\nend", "x".repeat(3 * CHUNK)),
            "0123456789abcde\n".repeat(20_000),
        ] {
            let expected: Vec<_> = text.lines().map(|line| Some(line.to_owned())).collect();
            assert_eq!(of(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_none_and_those_around_it_are_read() {
        let long = "x".repeat(MAX_LINE + 1);
        let some = |text: &str| Some(text.to_owned());
        let found = of(format!("a\n{long}\nb\n").as_bytes());
        assert_eq!(found, [some("a"), None, some("b")]);
        assert_eq!(of(format!("a\n{long}").as_bytes()), [some("a"), None]);
    }

    #[test]
    fn what_is_no_file_or_too_long_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("long")).unwrap();
        file.set_len(MAX_TEXT + 1).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let none = |_: Option<&str>| -> io::Result<()> { unreachable!("no line") };
        assert_eq!(each(&root, "/long", none).unwrap(), Err(Errno::FBIG));
        assert_eq!(each(&root, "/none", none).unwrap(), Ok(false));
    }
}
