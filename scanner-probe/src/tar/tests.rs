//! Archives that other readers take differently, and those that none may take.

use std::{
    io::{BufReader, Seek as _, SeekFrom, Write as _},
    time::Instant,
};

use ::tar::{EntryType, Header};

use super::*;

fn header(name: &str, kind: EntryType, size: u64) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn entry(name: &str, kind: EntryType, data: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, data.len() as u64);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in records {
        let rest = format!(" {name}={value}\n");
        let mut length = rest.len();
        while length.to_string().len() + rest.len() != length {
            length = length.to_string().len() + rest.len();
        }
        body = format!("{body}{length}{rest}");
    }
    entry("pax", EntryType::XHeader, body.as_bytes())
}

/// Names, sizes and contents.
fn list(bytes: &[u8]) -> io::Result<Vec<(String, u64, Vec<u8>)>> {
    let mut reader = Reader::new(Stream(bytes));
    let mut found = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut data = Vec::new();
        reader.read_to_end(&mut data)?;
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        found.push((name, entry.size, data));
    }
    Ok(found)
}

fn names(bytes: &[u8]) -> Vec<String> {
    let found = list(bytes).unwrap();
    found.into_iter().map(|(name, ..)| name).collect()
}

fn file(name: &str, data: &str) -> Vec<u8> {
    entry(name, EntryType::Regular, data.as_bytes())
}

#[test]
fn records_are_as_long_as_they_say() {
    let decoy = records(&[("SCHILY.xattr.user.n", "z\n18 path=etc/decoy")]);
    let read = [decoy, file("etc/passwd", "toor")].concat();
    assert_eq!(names(&read), ["etc/passwd"]);
    // A size behind such a value holds, or two files would be taken for data.
    let size = records(&[("SCHILY.xattr.user.n", "a\nb"), ("size", "1")]);
    let mut swallowed = header("readme", EntryType::Regular, 1536);
    swallowed.extend([b'r'; BLOCK]);
    let read = [size, swallowed, file("etc/passwd", "toor"), file("su", "")].concat();
    assert_eq!(names(&read), ["readme", "etc/passwd", "su"]);
    for body in [
        "9 path=x\n1",
        "8 path=x\n",
        "11 path=x\n",
        "+9 path=x\n",
        "9 pathxx\n",
        "6 =x\n\n",
    ] {
        let read = [
            entry("pax", EntryType::XHeader, body.as_bytes()),
            file("a", ""),
        ]
        .concat();
        assert!(list(&read).is_err(), "{body:?}");
    }
}

#[test]
fn what_is_no_file_has_no_data_whatever_its_size() {
    for kind in [
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
    ] {
        let read = [header("opt", kind, 1024), file("etc/passwd", "toor")].concat();
        assert_eq!(names(&read), ["opt", "etc/passwd"], "{kind:?}");
    }
}

#[test]
fn a_global_header_changes_nothing_but_itself() {
    let mut global = records(&[("comment", "by hand"), ("path", "other"), ("size", "0")]);
    global[156] = b'g';
    let mut header = Header::from_byte_slice(&global[..BLOCK]).clone();
    header.set_cksum();
    global[..BLOCK].copy_from_slice(header.as_bytes());
    let found = list(&[global, file("a", "abc")].concat()).unwrap();
    assert_eq!(found[0].0, "other");
    assert_eq!(found[1], ("a".into(), 3, b"abc".to_vec()));
}

#[test]
fn files_with_holes_have_their_own_name_and_size_in_every_version() {
    let whole = [&[0; 600][..], b"data", &[0; 400]].concat();
    let by_map = records(&[
        ("GNU.sparse.name", "db"),
        ("GNU.sparse.size", "1004"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.map", "600,4"),
    ]);
    let by_records = records(&[
        ("path", "db"),
        ("GNU.sparse.size", "1004"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "600"),
        ("GNU.sparse.numbytes", "4"),
    ]);
    let in_data = records(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "db"),
        ("GNU.sparse.realsize", "1004"),
    ]);
    let mut map = b"1\n600\n4\n".to_vec();
    map.resize(BLOCK, 0);
    map.extend(b"data");
    let map = String::from_utf8(map).unwrap();
    for read in [
        [by_map, file("GNUSparseFile.1/db", "data")].concat(),
        [by_records, file("GNUSparseFile.1/db", "data")].concat(),
        [in_data, file("GNUSparseFile.1/db", &map)].concat(),
    ] {
        let found = list(&[read, file("next", "n")].concat()).unwrap();
        assert_eq!(found[0], ("db".into(), 1004, whole.clone()));
        assert_eq!(found[1].0, "next");
    }
    let map = |map: &str, count: &str| {
        let said = [
            ("GNU.sparse.numblocks", count),
            ("GNU.sparse.map", map),
            ("GNU.sparse.size", "1004"),
        ];
        list(&[records(&said), file("x", "data")].concat())
    };
    assert!(map("600,4", "1").is_ok());
    for (wrong, count) in [
        ("600,5", "1"),
        ("1001,4", "1"),
        ("4,2,0,2", "2"),
        ("-1,4", "1"),
        ("600,4", "2"),
        ("9223372036854775807,4", "1"),
    ] {
        assert!(map(wrong, count).is_err(), "{wrong}");
    }
    let old = list(&entry("x", EntryType::GNUSparse, b"data")).unwrap_err();
    assert!(old.to_string().contains("--format=posix"), "{old}");
}

#[test]
fn long_names_sizes_and_counts_are_refused_at_their_header() {
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        assert!(list(&header("x", kind, 60 << 30)).is_err(), "{kind:?}");
    }
    for size in [u64::MAX, u64::MAX - 3, 1 << 63] {
        let mut bytes = header("x", EntryType::Regular, 0);
        bytes[124..136].copy_from_slice(&[&[0x80, 0, 0, 0], &size.to_be_bytes()[..]].concat());
        let mut fixed = Header::from_byte_slice(&bytes).clone();
        fixed.set_cksum();
        assert!(list(fixed.as_bytes()).is_err(), "{size}");
    }
    let endless = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    let map = format!("{}\n", i64::MAX) + &"0\n".repeat(2000);
    assert!(list(&[records(&endless), file("x", &map)].concat()).is_err());
}

#[test]
fn numbers_and_checksums_are_right_or_refused() {
    let at = |place: usize, bytes: &[u8]| {
        let mut block = file("x", "");
        block[place..place + bytes.len()].copy_from_slice(bytes);
        let mut fixed = Header::from_byte_slice(&block).clone();
        fixed.set_cksum();
        Reader::new(Stream(fixed.as_bytes().as_slice())).next()
    };
    assert_eq!(at(100, b"  4755 \0").unwrap().unwrap().mode, 0o4755);
    assert_eq!(
        at(108, &[0x80, 0, 0, 0, 0, 1, 0, 0]).unwrap().unwrap().uid,
        65536
    );
    assert_eq!(at(108, &[0xff; 8]).unwrap().unwrap().uid, -1);
    for wrong in [&b"0000009\0"[..], b"00 0001\0", b"+000001\0", b"0x00001\0"] {
        assert!(at(100, wrong).is_err(), "{wrong:?}");
        assert!(at(136, wrong).is_err(), "{wrong:?}");
    }
    let mut broken = file("x", "");
    broken[0] = b'y';
    assert!(list(&broken).is_err());
}

#[test]
fn an_archive_ends_as_its_writer_likes_and_not_in_the_middle() {
    let one = file("a", "abc");
    for end in [0, BLOCK, 2 * BLOCK, 20 * BLOCK] {
        assert_eq!(names(&[one.clone(), vec![0; end]].concat()), ["a"], "{end}");
    }
    assert_eq!(
        names(&[one.clone(), vec![0; 1024], one.clone()].concat()),
        ["a"]
    );
    assert_eq!(
        names(&one[..BLOCK + 3]),
        ["a"],
        "without what fills the last block"
    );
    assert!(list(&[one.clone(), vec![0; BLOCK], one.clone()].concat()).is_err());
    assert!(list(&one[..BLOCK + 2]).is_err());
    assert!(list(&one[..BLOCK - 1]).is_err());
}

#[test]
fn an_entry_of_more_than_8_gib_is_leaped_over() {
    const HUGE: u64 = 9 << 30;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&header("huge", EntryType::Regular, HUGE))
        .unwrap();
    file.seek(SeekFrom::Current(i64::try_from(HUGE).unwrap()))
        .unwrap();
    let by_record = [
        records(&[("size", &HUGE.to_string())]),
        header("large", EntryType::Regular, 0),
    ];
    file.write_all(&by_record.concat()).unwrap();
    file.seek(SeekFrom::Current(i64::try_from(HUGE).unwrap()))
        .unwrap();
    file.write_all(&self::file("after", "x")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let started = Instant::now();
    let mut reader = Reader::new(BufReader::new(file));
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        found.push((entry.name, entry.size));
    }
    assert_eq!(
        found,
        [
            (b"huge".to_vec(), HUGE),
            (b"large".to_vec(), HUGE),
            (b"after".to_vec(), 1)
        ]
    );
    assert!(started.elapsed().as_secs() < 10);
}

proptest::proptest! {
    #[test]
    fn changed_archives_never_panic(
        changes in proptest::collection::vec((0..4000usize, proptest::prelude::any::<u8>()), 1..20)
    ) {
        let holes = records(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9")]);
        let mut bytes = [holes, file("h", &("1\n0\n1\n".to_owned() + &"\0".repeat(506) + "x")), file("a", "b")].concat();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let mut reader = Reader::new(Stream(bytes.as_slice()));
        while let Ok(Some(_)) = reader.next() {
            let _ = io::copy(&mut reader.by_ref().take(1 << 20), &mut io::sink());
        }
    }
}
