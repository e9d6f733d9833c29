//! Files: a line for each, and lines after it for what is in it.
//!
//! `MODE UID GID SIZE PATH` is a file, `- PATH` says that there is none. `=DIGEST` and `>TARGET`
//! speak of the file before them, or of the one that a line with a path alone has named since;
//! `=DIGEST PATH` says itself which one it means. `~TARGET` is `>TARGET` as escaped text. `^XATTR` is the attribute `security.capability` of the
//! file before it in hexadecimal, empty when it has none.

use std::collections::BTreeMap;

use super::{
    line::{Parsed, number_of},
    proc,
};
use crate::{
    collected::Collected,
    gap::{Attribute, Gap, GapKind},
    gaps::Gaps,
    model::{FileEntry, FileKind},
    path::FilePath,
    request::{FileSelector, InventoryRequest, MAX_DIGEST},
    wire::{decode_path, escaped_text},
};

/// Length of a SHA-256 digest in hexadecimal.
const DIGEST: usize = 64;

pub(super) fn files(lines: &[&[u8]]) -> Parsed<Vec<FileEntry>> {
    let mut found: Vec<FileEntry> = Vec::new();
    let mut named: BTreeMap<FilePath, Contents> = BTreeMap::new();
    let (mut current, mut unreadable) = (None::<FilePath>, 0);
    for line in lines {
        let line = *line;
        let read = match line.split_first() {
            Some((b'/' | b'\\', _)) => {
                current = decode_path(line);
                current.is_some()
            }
            Some((mark @ (b'>' | b'~'), text)) => {
                let target = match mark {
                    b'>' => Some(FilePath::from_bytes(text)),
                    _ => escaped_text(text),
                };
                match (target, &current, found.last_mut()) {
                    (Some(target), Some(path), _) => {
                        named.entry(path.clone()).or_default().link(target);
                        true
                    }
                    (Some(target), None, Some(last)) => {
                        last.link = target;
                        true
                    }
                    _ => false,
                }
            }
            Some((b'=', text)) => {
                let (digest, path) = match text.iter().position(|byte| *byte == b' ') {
                    Some(space) => (&text[..space], decode_path(&text[space + 1..])),
                    None => (text, current.clone()),
                };
                let placed = text.len() == digest.len() || path.is_some();
                match (is_digest(digest).filter(|_| placed), path, found.last_mut()) {
                    (Some(digest), Some(path), _) => {
                        named.entry(path).or_default().digest(digest);
                        true
                    }
                    (Some(digest), None, Some(last)) => {
                        digest.clone_into(&mut last.digest);
                        true
                    }
                    _ => false,
                }
            }
            Some((b'^', text)) => {
                let last = found.last_mut().filter(|_| current.is_none());
                match (last, capabilities(text)) {
                    (Some(last), Some(capabilities)) => {
                        last.capabilities = capabilities;
                        last.capabilities_known = true;
                        true
                    }
                    _ => false,
                }
            }
            _ => {
                current = None;
                file(line).map(|entry| found.push(entry)).is_some()
            }
        };
        unreadable += u64::from(!read);
    }
    give(&mut found, &named);
    (found, unreadable)
}

/// What lines said of a path.
#[derive(Default)]
struct Contents {
    digest: String,
    link: FilePath,
    doubtful: bool,
}

impl Contents {
    fn digest(&mut self, text: &str) {
        self.doubtful |= !self.digest.is_empty() && self.digest != text;
        text.clone_into(&mut self.digest);
    }

    fn link(&mut self, target: FilePath) {
        self.doubtful |= !self.link.is_empty() && self.link != target;
        self.link = target;
    }
}

/// Gives each file what was said of its path, unless that contradicts itself.
fn give(found: &mut [FileEntry], named: &BTreeMap<FilePath, Contents>) {
    if named.is_empty() {
        return;
    }
    for entry in found {
        let Some(contents) = named.get(&entry.path).filter(|c| !c.doubtful) else {
            continue;
        };
        match entry.kind {
            FileKind::File => entry.digest.clone_from(&contents.digest),
            FileKind::Symlink => entry.link.clone_from(&contents.link),
            _ => {}
        }
    }
}

/// Names of capabilities in a `security.capability`, permitted or inheritable; see `struct vfs_cap_data` in
/// `linux/capability.h`.
fn capabilities(hex: &[u8]) -> Option<Vec<String>> {
    if hex.is_empty() {
        return Some(Vec::new());
    }
    let pairs = hex.chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = pairs.map(byte).collect::<Option<_>>()?;
    let words: Vec<u64> = bytes
        .chunks(4)
        .map(|word| Some(u64::from(u32::from_le_bytes(word.try_into().ok()?))))
        .collect::<Option<_>>()?;
    let mask = match *words.as_slice() {
        // The revision is in the first byte; that of namespaces has their root's id at the end.
        [0x0100_0000..=0x0100_0001, permitted, inheritable] => permitted | inheritable,
        [0x0200_0000..=0x0200_0001, a, b, c, d] | [0x0300_0000..=0x0300_0001, a, b, c, d, _] => {
            a | b | (c | d) << 32
        }
        _ => return None,
    };
    Some(proc::capability_names(mask))
}

/// Adds a gap for each file of which something was asked for and is not here.
pub(super) fn without_contents(
    files: Collected<Vec<FileEntry>>,
    request: &InventoryRequest,
) -> Collected<Vec<FileEntry>> {
    let (data, mut gaps) = match files {
        Collected::Complete { data } => (data, Gaps::default()),
        Collected::Partial { data, gaps } => (data, gaps),
        other => return other,
    };
    let asking = |asks: fn(&FileSelector) -> bool, only: fn(&mut FileSelector)| {
        let mut asked: Vec<FileSelector> = request.files.clone();
        asked.retain(asks);
        asked.iter_mut().for_each(only);
        asked
    };
    let digests = asking(|s| s.digest, |s| s.capabilities = false);
    let capabilities = asking(|s| s.capabilities, |s| s.digest = false);
    for entry in &data {
        if digests.iter().any(|s| s.misses(entry)) {
            let too_large = u64::try_from(entry.size).is_ok_and(|size| size > MAX_DIGEST);
            let gap = if too_large {
                Gap::new(GapKind::OverLimit).with_note("larger than what is read")
            } else {
                Gap::new(GapKind::Unknown)
                    .with_note("not readable, not read, or changed while they were read")
            };
            gaps.add(gap.at(entry.path.clone()).of_attribute(Attribute::Digest));
        }
        if capabilities.iter().any(|s| s.misses(entry)) {
            let gap = Gap::new(GapKind::Unsupported)
                .with_note("not known: only strategies with a probe read them");
            gaps.add(
                gap.at(entry.path.clone())
                    .of_attribute(Attribute::Capabilities),
            );
        }
    }
    Collected::with_gaps(data, gaps)
}

fn is_digest(text: &[u8]) -> Option<&str> {
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let whole = text.len() == DIGEST && text.iter().all(hex);
    std::str::from_utf8(text).ok().filter(|_| whole)
}

fn file(line: &[u8]) -> Option<FileEntry> {
    if let Some(path) = line.strip_prefix(b"- ") {
        return Some(FileEntry {
            path: decode_path(path)?,
            ..FileEntry::default()
        });
    }
    let mut fields = line.splitn(5, |byte| *byte == b' ');
    let mode = std::str::from_utf8(fields.next()?).ok()?;
    let mode = i64::from_str_radix(mode, 16).ok()?;
    let (uid, gid, size) = (
        number_of(fields.next()?)?,
        number_of(fields.next()?)?,
        number_of(fields.next()?)?,
    );
    // File types of inode(7).
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        0o060_000 => FileKind::BlockDevice,
        0o020_000 => FileKind::CharDevice,
        0o010_000 => FileKind::Fifo,
        0o140_000 => FileKind::Socket,
        _ => return None,
    };
    Some(FileEntry {
        path: decode_path(fields.next()?)?,
        exists: true,
        kind,
        mode: mode & 0o7777,
        uid,
        gid,
        size,
        ..FileEntry::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_bits_and_odd_names() {
        let found = file(b"8dff 0 42 10 /a b/c").unwrap();
        assert_eq!(
            (found.kind, found.mode, found.gid),
            (FileKind::File, 0o6777, 42)
        );
        assert_eq!(found.path, "/a b/c");
        assert!(!file(b"- /etc/gshadow").unwrap().exists);
        for bad in [
            "",
            "zz 0 0 0 /a",
            "81ed 0 0 0 a",
            "81ed -1 0 0 /a",
            "1ff 0 0 0 /a",
            "- a",
        ] {
            assert!(file(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    fn lines(text: &str) -> Vec<&[u8]> {
        text.lines().map(str::as_bytes).collect()
    }

    const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

    #[test]
    fn contents_go_to_the_file_that_they_are_of() {
        let text = format!(
            "81ed 0 0 1 /a\n={ONE}\na1ff 0 0 1 /l\n>b c\n81ed 0 0 1 /b c\n81ed 0 0 1 /d\n\
             ={TWO} /b c\n/l2\n>x\na1ff 0 0 1 /l2\n=zz /d\n"
        );
        let (found, unreadable) = files(&lines(&text));
        let seen: Vec<_> = found
            .iter()
            .map(|f| (f.path.as_text(), f.digest.as_str(), f.link.as_text()))
            .collect();
        let expected = [
            ("/a", ONE, ""),
            ("/l", "", "b c"),
            ("/b c", TWO, ""),
            ("/d", "", ""),
            ("/l2", "", "x"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(unreadable, 1, "a digest that is none");
    }

    #[test]
    fn names_that_differ_in_one_byte_are_two_files_with_contents_of_their_own() {
        let text = [
            b"89ed 0 0 1 /bin/su\xff\n81ed 0 0 1 /bin/su\xfe\n81ed 0 0 1 \\/a\\x0ab\n=",
            ONE.as_bytes(),
            b" /bin/su\xfe\n=",
            TWO.as_bytes(),
            b" \\/a\\x0ab\n\\/l\\x0a\n~x\\x0ay\na1ff 0 0 1 \\/l\\x0a",
        ]
        .concat();
        let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
        let (found, unreadable) = files(&lines);
        let seen: Vec<_> = found
            .iter()
            .map(|f| {
                let path = f.path.to_bytes().into_owned();
                (path, f.mode, &*f.digest, f.link.as_text())
            })
            .collect();
        let expected = [
            (b"/bin/su\xff".to_vec(), 0o4755, "", ""),
            (b"/bin/su\xfe".to_vec(), 0o755, ONE, ""),
            (b"/a\nb".to_vec(), 0o755, TWO, ""),
            (b"/l\n".to_vec(), 0o777, "", r"x\x0ay"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(unreadable, 0);
    }

    #[test]
    fn two_digests_of_one_path_are_given_to_none() {
        let text = format!("81ed 0 0 1 /a\n={ONE} /a\n={TWO} /a\n");
        let (found, _) = files(&lines(&text));
        assert!(found[0].digest.is_empty(), "{found:?}");
    }

    #[test]
    fn a_digest_that_is_missing_makes_the_section_partial() {
        let text = format!("81ed 0 0 1 /a\n={ONE}\n81ed 0 0 1 /b\n41ed 0 0 1 /\n- /none\n");
        let request = |digest| InventoryRequest {
            files: vec![FileSelector {
                digest,
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        let data = files(&lines(&text)).0;
        let all = Collected::Complete { data };
        assert_eq!(without_contents(all.clone(), &request(false)), all);
        let Collected::Partial { gaps, .. } = without_contents(all, &request(true)) else {
            unreachable!("must be partial");
        };
        assert_eq!(gaps.total(), 1);
        let gap = gaps.iter().next().unwrap();
        assert_eq!(gap.path, Some("/b".into()));
        assert_eq!(gap.attribute, Some(Attribute::Digest));
    }

    #[test]
    fn capabilities_are_read_as_the_kernel_keeps_them() {
        let text = "81ed 0 0 1 /a\n^0100000200200000000000000000000000000000\n81ed 0 0 1 /b\n^\n\
                    81ed 0 0 1 /c\n^zz\n81ed 0 0 1 /d\n^01000002\n81ed 0 0 1 /e\n\
                    81ed 0 0 1 /f\n^010000030000000000000000040000000000000000000000\n";
        let (found, unreadable) = files(&lines(text));
        let seen: Vec<_> = found
            .iter()
            .map(|f| {
                (
                    f.path.as_text(),
                    f.capabilities.join(","),
                    f.capabilities_known,
                )
            })
            .collect();
        let expected = [
            ("/a", "CAP_NET_RAW".to_owned(), true),
            ("/b", String::new(), true),
            ("/c", String::new(), false),
            ("/d", String::new(), false),
            ("/e", String::new(), false),
            ("/f", "CAP_SYSLOG".to_owned(), true),
        ];
        assert_eq!(seen, expected);
        assert_eq!(unreadable, 2);
        let request = InventoryRequest {
            files: vec![FileSelector {
                capabilities: true,
                ..FileSelector::default()
            }],
            ..InventoryRequest::default()
        };
        let all = Collected::Complete { data: found };
        let Collected::Partial { gaps, .. } = without_contents(all, &request) else {
            unreachable!("must be partial");
        };
        assert_eq!(gaps.total(), 3);
        assert!(gaps.to_string().contains("capabilities"), "{gaps}");
    }

    proptest::proptest! {
        #[test]
        fn hostile_lines_never_panic_and_give_no_digest_that_was_not_sent(
            text in proptest::collection::vec("[-=>~/^ a-f0-9?81\\\\]{0,90}|\\^0[123]0000[0-9a-f]{0,42}|=[0-9a-f]{64}( /[ab?])?|81ed 0 0 1 /[ab?]|/[ab?]|>[a-z/]{0,3}", 0..30)
        ) {
            let lines: Vec<&[u8]> = text.iter().map(String::as_bytes).collect();
            let (found, unreadable) = files(&lines);
            proptest::prop_assert!(found.len() as u64 + unreadable <= text.len() as u64);
            for entry in found.iter().filter(|f| !f.digest.is_empty()) {
                let sent = format!("={}", entry.digest);
                proptest::prop_assert!(text.iter().any(|line| line.starts_with(&sent)));
            }
        }
    }
}
