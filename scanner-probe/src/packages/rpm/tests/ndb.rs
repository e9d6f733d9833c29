//! Databases of rpm's own format, whole, cut and changed. What real ones hold is compared in
//! `tests/consumers`.

use super::*;

fn words(all: [u32; 4]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_le_bytes()).collect()
}

const fn tag(text: [u8; 4]) -> u32 {
    u32::from_le_bytes(text)
}

/// A database of one page of slots, of which every second is free.
fn database(packages: &[Vec<u8>]) -> Vec<u8> {
    let mut slots = words([tag(*b"RpmP"), 0, 7, 1]);
    slots.extend(words([0; 4]));
    let mut blobs = Vec::new();
    for (number, package) in (1..).zip(packages) {
        let at = u32::try_from((4096 + blobs.len()) / 16).unwrap();
        slots.extend(words([tag(*b"Slot"), 0, 0, 0]));
        slots.extend(words([tag(*b"Slot"), number, at, 1]));
        let length = u32::try_from(package.len()).unwrap();
        blobs.extend(words([tag(*b"BlbS"), number, 7, length]));
        blobs.extend(package);
        blobs.resize(blobs.len().next_multiple_of(16), 0);
    }
    while slots.len() < 4096 {
        slots.extend(words([tag(*b"Slot"), 0, 0, 0]));
    }
    slots.extend(blobs);
    slots
}

fn three() -> Vec<u8> {
    let packages = [("one", 10), ("two", 5000), ("three", 100)];
    database(&packages.map(|(name, size)| sized(name, size)))
}

fn read(bytes: Vec<u8>) -> (Vec<Option<Package>>, Result<(), Bad>) {
    read_as(Format::Ndb, bytes)
}

#[test]
fn packages_are_read_in_the_order_of_their_slots() {
    let (found, ended) = read(three());
    assert_eq!(
        (names(&found), ended),
        (vec!["one", "two", "three"], Ok(()))
    );
    assert_eq!(read(database(&[])), (vec![], Ok(())));
    let (found, ended) = read(database(&[b"no header".to_vec()]));
    assert_eq!((names(&found), ended), (vec!["?"], Ok(())));
}

#[test]
fn a_database_that_is_cut_or_changed_is_reported() {
    let whole = three();
    // The last blob is filled up with up to 15 bytes.
    for end in 0..whole.len() - 16 {
        assert_eq!(read(whole[..end].to_vec()).1, Err(Bad::Format), "{end}");
    }
    // Magic, version, no slots, a slot's magic, its package, its place, a blob's magic and package.
    for at in [0, 4, 12, 32, 53, 56, 4096, 4100] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert_eq!(read(bytes).1, Err(Bad::Format), "byte {at}");
    }
    let mut bytes = whole;
    bytes[13] = 9;
    assert_eq!(read(bytes).1, Err(Bad::Large));
}

#[test]
fn blobs_that_share_bytes_end() {
    let mut bytes = three();
    // Every slot names the second blob, of 5 kB.
    let second = bytes[32 + 3 * 16..32 + 4 * 16].to_vec();
    for slot in bytes[32..4096].chunks_exact_mut(16) {
        slot.copy_from_slice(&second);
    }
    let (found, ended) = read(bytes);
    assert_eq!((found.len(), ended), (1, Err(Bad::Format)));
}

proptest! {
    #[test]
    fn changed_databases_never_panic(
        changes in proptest::collection::vec((prop_oneof![0..200usize, 4090..4200usize, 0..10_000usize], any::<u8>()), 1..20)
    ) {
        let mut bytes = three();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = read(bytes);
    }
}

#[test]
fn files_are_those_of_their_packages() {
    let tags: [(u32, &[u8]); 6] = [
        (NAME, b"bash"),
        (VERSION, b"1"),
        (RELEASE, b"2"),
        (1116, &[0; 8]),
        (1117, b"bash\0sh"),
        (1118, b"/usr/bin/"),
    ];
    let mut bash = header(&tags);
    for (entry, kind, count) in [(3, INT32, 2_u32), (4, 8, 2), (5, 8, 1)] {
        let at = 8 + 16 * entry;
        bash[at + 4..at + 8].copy_from_slice(&kind.to_be_bytes());
        bash[at + 12..at + 16].copy_from_slice(&count.to_be_bytes());
    }
    let database = database(&[sized("none", 10), bash, b"no header".to_vec()]);
    let mut found = Vec::new();
    let read = each_file(&Bytes(database), Format::Ndb, &mut |package, path| {
        found.push(format!("{package} {}", String::from_utf8_lossy(path)));
        ControlFlow::Continue(())
    });
    assert!(read.is_continue());
    assert_eq!(found, ["bash /usr/bin/bash", "bash /usr/bin/sh"]);
}
