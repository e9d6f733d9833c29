//! Files of a package of rpm: names, directories, and which name is in which directory; see `rpmtag.h`.

use std::ops::ControlFlow;

use super::header::{INT32, MAX_ENTRIES, word};
use crate::tree::MAX_PATH;

const DIRINDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRNAMES: u32 = 1118;
const STRING_ARRAY: u32 = 8;
/// Most directories of a header.
const MAX_DIRS: usize = 65_536;

/// Passes the path of each file that a header names to `take`, until it breaks; `None` if the header cannot be read
/// completely. A path that is longer than the kernel allows is skipped.
pub(super) fn each(
    header: &[u8],
    take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Option<ControlFlow<()>> {
    let entries = usize::try_from(word(header, 0)?).ok()?;
    if entries > MAX_ENTRIES {
        return None;
    }
    let data = header.get(8 + entries * 16..)?;
    let (mut indexes, mut names, mut dirs) = (None, None, None);
    for entry in header[8..8 + entries * 16].chunks_exact(16) {
        let slot = match (word(entry, 0)?, word(entry, 4)?) {
            (DIRINDEXES, INT32) => &mut indexes,
            (BASENAMES, STRING_ARRAY) => &mut names,
            (DIRNAMES, STRING_ARRAY) => &mut dirs,
            _ => continue,
        };
        let [at, count] = [word(entry, 8)?, word(entry, 12)?].map(usize::try_from);
        *slot = Some((at.ok()?, count.ok()?));
    }
    // A package without files has none of them.
    let (Some((indexes, _)), Some(names), Some(dirs)) = (indexes, names, dirs) else {
        return Some(ControlFlow::Continue(()));
    };
    let dirs: Vec<&[u8]> = strings(data, dirs)?.take(MAX_DIRS).collect();
    for (number, name) in strings(data, names)?.enumerate() {
        let at = number.checked_mul(4)?.checked_add(indexes)?;
        let dir = dirs.get(usize::try_from(word(data, at)?).ok()?)?;
        // Every name of a header may have the same directory, which may be as long as the header.
        if dir.len() + name.len() > MAX_PATH {
            continue;
        }
        if take(&[dir, name].concat()).is_break() {
            return Some(ControlFlow::Break(()));
        }
    }
    Some(ControlFlow::Continue(()))
}

/// Texts of an array, each with a zero at its end.
fn strings(data: &[u8], (at, count): (usize, usize)) -> Option<impl Iterator<Item = &[u8]>> {
    let texts = data.get(at..)?.split_inclusive(|byte| *byte == 0);
    let whole = texts.take(count).map_while(|text| text.strip_suffix(&[0]));
    Some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Vec<u8> {
        header_of(&[0, 1, 1], "ls\0a\0b\0", "/usr/bin/\0/etc/\0")
    }

    /// A header of those names, each in the directory of that number.
    fn header_of(indexes: &[u32], names: &str, dirs: &str) -> Vec<u8> {
        let count = |text: &str| u32::try_from(text.matches('\0').count()).unwrap();
        let start = u32::try_from(indexes.len() * 4).unwrap();
        let after = start + u32::try_from(names.len()).unwrap();
        let entries = [
            [DIRINDEXES, INT32, 0, u32::try_from(indexes.len()).unwrap()],
            [BASENAMES, STRING_ARRAY, start, count(names)],
            [DIRNAMES, STRING_ARRAY, after, count(dirs)],
        ];
        let mut data: Vec<u8> = indexes.iter().flat_map(|at| at.to_be_bytes()).collect();
        data.extend(names.as_bytes());
        data.extend(dirs.as_bytes());
        let mut header = vec![0, 0, 0, 3];
        header.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        header.extend(entries.iter().flatten().flat_map(|word| word.to_be_bytes()));
        header.extend(data);
        header
    }

    fn read(header: &[u8]) -> (Vec<String>, bool) {
        let mut paths = Vec::new();
        let whole = each(header, &mut |path| {
            paths.push(String::from_utf8_lossy(path).into_owned());
            ControlFlow::Continue(())
        });
        (paths, whole.is_some())
    }

    #[test]
    fn names_of_a_directory_that_is_as_long_as_a_header_cost_nothing() {
        // A path for each of them would be two thousand gigabytes.
        let many = 1 << 20;
        let long = format!("/{}/\0/short/\0", "d".repeat(2 << 20));
        let mut indexes = vec![0; many];
        indexes[many - 1] = 1;
        let header = header_of(&indexes, &"n\0".repeat(many), &long);
        let mut paths = Vec::new();
        let read = each(&header, &mut |path| {
            paths.push(path.to_vec());
            // The first one too many shows enough.
            ControlFlow::Break(())
        });
        assert_eq!(read, Some(ControlFlow::Break(())));
        assert_eq!(paths, [b"/short/n"]);
    }

    #[test]
    fn who_takes_the_files_ends_the_reading() {
        let header = header_of(&vec![0; 1000], &"n\0".repeat(1000), "/d/\0");
        let mut taken = 0;
        let read = each(&header, &mut |_| {
            taken += 1;
            if taken < 10 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        assert_eq!((read, taken), (Some(ControlFlow::Break(())), 10));
    }

    #[test]
    fn directories_beyond_the_first_are_not_read() {
        let most = u32::try_from(MAX_DIRS).unwrap();
        let dirs = "/d/\0".repeat(MAX_DIRS + 1);
        let found = read(&header_of(&[most - 1, most, 0], "a\0b\0c\0", &dirs));
        assert_eq!(found, (vec!["/d/a".to_owned()], false));
    }

    #[test]
    fn each_name_is_in_its_directory() {
        let all = ["/usr/bin/ls", "/etc/a", "/etc/b"].map(str::to_owned);
        assert_eq!(read(&header()), (all.to_vec(), true));
        assert_eq!(read(&[0; 8]), (vec![], true));
        assert_eq!(read(&[0xff; 8]), (vec![], false));
    }

    proptest! {
        #[test]
        fn a_header_that_is_cut_or_changed_is_read_without_harm(
            cut in 0_usize..100, at in 0_usize..100, byte in any::<u8>(),
        ) {
            let mut header = header();
            let length = header.len();
            header[at % length] = byte;
            header.truncate(length - cut % length);
            let (paths, _) = read(&header);
            prop_assert!(paths.len() <= length);
        }
    }
}
