//! Files of a package of rpm: names, directories, and which name is in which directory; see `rpmtag.h`.

use super::header::{INT32, MAX_ENTRIES, word};

const DIRINDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRNAMES: u32 = 1118;
const STRING_ARRAY: u32 = 8;

/// Gives `take` the path of each file that a header names; `None` where it cannot be read to its end.
pub(super) fn each(header: &[u8], take: &mut dyn FnMut(&[u8])) -> Option<()> {
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
        return Some(());
    };
    let dirs: Vec<&[u8]> = strings(data, dirs)?.collect();
    for (number, name) in strings(data, names)?.enumerate() {
        let at = number.checked_mul(4)?.checked_add(indexes)?;
        let dir = dirs.get(usize::try_from(word(data, at)?).ok()?)?;
        take(&[dir, name].concat());
    }
    Some(())
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
        let data = b"\0\0\0\0\0\0\0\x01\0\0\0\x01ls\0a\0b\0/usr/bin/\0/etc/\0";
        let entries = [
            [DIRINDEXES, INT32, 0, 3],
            [BASENAMES, STRING_ARRAY, 12, 3],
            [DIRNAMES, STRING_ARRAY, 19, 2],
        ];
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
        });
        (paths, whole.is_some())
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
