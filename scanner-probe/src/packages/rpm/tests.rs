//! Headers and databases of rpm, whole, cut and changed.

mod berkeley;
mod ndb;

use proptest::prelude::*;

use super::*;

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.0.get(at..at + into.len());
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn is_unchanged(&self) -> bool {
        true
    }
}

fn database() -> Vec<u8> {
    let packed: &[u8] = include_bytes!("../../../testdata/rpmdb.sqlite.gz");
    let mut bytes = Vec::new();
    let mut plain = flate2::read::GzDecoder::new(packed);
    io::Read::read_to_end(&mut plain, &mut bytes).unwrap();
    bytes
}

fn read(bytes: Vec<u8>) -> (Vec<Option<Package>>, Result<(), Bad>) {
    read_as(Format::Sqlite, bytes)
}

fn read_as(format: Format, bytes: Vec<u8>) -> (Vec<Option<Package>>, Result<(), Bad>) {
    let mut found = Vec::new();
    let ended = each(&Bytes(bytes), format, &mut |package| {
        found.push(package);
        Ok(())
    });
    (found, ended.unwrap())
}

/// The header of a package of that name, of about `size` bytes.
fn sized(name: &str, size: usize) -> Vec<u8> {
    let rest = vec![b'x'; size];
    let name = name.as_bytes();
    header(&[
        (NAME, name),
        (VERSION, b"1"),
        (RELEASE, b"2"),
        (9999, &rest),
    ])
}

/// Names of what was read; `?` for what cannot be.
fn names(found: &[Option<Package>]) -> Vec<&str> {
    found
        .iter()
        .map(|p| p.as_ref().map_or("?", |p| p.name.as_str()))
        .collect()
}

/// A header of those tags, all of them texts.
fn header(tags: &[(u32, &[u8])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, text) in tags {
        for word in [*tag, STRING, u32::try_from(data.len()).unwrap(), 1] {
            index.extend(word.to_be_bytes());
        }
        data.extend_from_slice(text);
        data.push(0);
    }
    let mut all = u32::try_from(tags.len()).unwrap().to_be_bytes().to_vec();
    all.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    all.extend(index);
    all.extend(data);
    all
}

#[test]
fn a_header_is_written_with_one_line_for_each_field() {
    let tags: [(u32, &[u8]); 5] = [
        (NAME, b"evil\nP:other"),
        (VERSION, b"1\r"),
        (RELEASE, b"2"),
        (ARCH, b"x86_64"),
        (SOURCE, b"evil-1\n-2.src.rpm"),
    ];
    let found = package(&header(&tags)).unwrap();
    let mut out = Vec::new();
    found.write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = "P:evil?P:other\nV:1?-2\nA:x86_64\no:evil-1?-2.src.rpm\n@\n";
    assert_eq!(text, expected);
    // A source that cannot be read is not known, and the package is one.
    let mut cut = header(&tags);
    cut.truncate(cut.len() - 8);
    let without = package(&cut).unwrap();
    assert_eq!((without.source.as_str(), without.name), ("", found.name));
    for missing in 0..3 {
        let mut fewer = tags.to_vec();
        fewer.remove(missing);
        assert_eq!(package(&header(&fewer)), None, "without {missing}");
    }
}

#[test]
fn a_text_that_is_longer_than_a_name_can_be_is_no_package() {
    let of = |length| {
        let name = vec![b'n'; length];
        package(&header(&[(NAME, &name), (VERSION, b"1"), (RELEASE, b"2")]))
    };
    assert!(of(MAX_TEXT).is_some());
    assert!(of(MAX_TEXT + 1).is_none());
}

#[test]
fn a_database_that_is_cut_anywhere_is_reported() {
    let whole = database();
    let (found, ended) = read(whole.clone());
    assert_eq!((found.len(), ended), (3, Ok(())));
    for end in (0..whole.len()).step_by(4096) {
        let (found, ended) = read(whole[..end].to_vec());
        // What is cut off may be an index, which is not read.
        assert!(ended.is_err() || found.len() == 3, "cut at {end}");
    }
}

#[test]
fn pages_in_a_circle_end() {
    // Page 2 leads to itself, as the page of the schema would say.
    let mut bytes = database();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    for at in (page..bytes.len()).step_by(page) {
        let number = u32::try_from(at / page + 1).unwrap();
        bytes[at] = 5;
        bytes[at + 3..at + 5].copy_from_slice(&[0, 0]);
        bytes[at + 8..at + 12].copy_from_slice(&number.to_be_bytes());
    }
    assert_eq!(read(bytes).1, Err(Bad::Format));
}

/// A row of texts and small numbers.
fn row(columns: &[Result<&[u8], u8>]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len() * 2 + 13).unwrap();
    let mut all = vec![u8::try_from(columns.len() + 1).unwrap()];
    all.extend(columns.iter().map(|c| c.map_or(1, length)));
    for column in columns {
        match column {
            Ok(bytes) => all.extend_from_slice(bytes),
            Err(number) => all.push(*number),
        }
    }
    all
}

/// A page of 512 bytes whose header starts at `start`, with those cells.
fn page(start: usize, kind: u8, right: Option<u32>, cells: &[Vec<u8>]) -> Vec<u8> {
    let mut page = vec![0; 512];
    page[start] = kind;
    page[start + 4] = u8::try_from(cells.len()).unwrap();
    let mut pointers = start + 8;
    if let Some(right) = right {
        page[pointers..pointers + 4].copy_from_slice(&right.to_be_bytes());
        pointers += 4;
    }
    let mut end = 512;
    for cell in cells {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        let at = u16::try_from(end).unwrap();
        page[pointers..pointers + 2].copy_from_slice(&at.to_be_bytes());
        pointers += 2;
    }
    page
}

fn leaf(key: u8, row: &[u8]) -> Vec<u8> {
    let mut cell = vec![u8::try_from(row.len()).unwrap(), key];
    cell.extend_from_slice(row);
    cell
}

#[test]
fn rows_that_come_a_second_time_are_reported() {
    let schema = [
        Ok(&b"table"[..]),
        Ok(b"Packages"),
        Ok(b"Packages"),
        Err(2),
        Ok(b""),
    ];
    let mut first = page(100, 0x0d, None, &[leaf(1, &row(&schema))]);
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16] = 2;
    first[59] = 1;
    let header = header(&[(NAME, b"a"), (VERSION, b"1"), (RELEASE, b"2")]);
    let third = page(0, 0x0d, None, &[leaf(1, &row(&[Err(1), Ok(&header)]))]);
    for (cells, right, expected) in [
        (vec![], 3, (1, Ok(()))),
        // A tree whose two branches are one page.
        (vec![vec![0, 0, 0, 3, 1]], 3, (1, Err(Bad::Format))),
        (vec![], 4, (0, Err(Bad::Format))),
        (vec![], 0, (0, Err(Bad::Format))),
    ] {
        let second = page(0, 0x05, Some(right), &cells);
        let (found, ended) = read([first.clone(), second, third.clone()].concat());
        assert_eq!((found.len(), ended), expected);
    }
}

proptest! {
    #[test]
    fn hostile_headers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = package(&bytes);
    }

    #[test]
    fn changed_headers_never_panic(changes in proptest::collection::vec((0..80usize, any::<u8>()), 1..6)) {
        let mut bytes = header(&[(NAME, b"a"), (VERSION, b"1"), (RELEASE, b"2")]);
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = package(&bytes);
    }

    #[test]
    fn changed_databases_never_panic(
        changes in proptest::collection::vec((prop_oneof![0..200usize, 0..350_000usize], any::<u8>()), 1..20)
    ) {
        let mut bytes = database();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = read(bytes);
    }

    #[test]
    fn hostile_rows_never_panic(row in proptest::collection::vec(any::<u8>(), 0..60), index in 0..6usize) {
        let _ = sqlite::blob(&row, index);
    }
}
