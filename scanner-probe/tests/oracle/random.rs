//! Random stacks of layers: few names, so that entries meet each other, in every dialect.

use crate::write::{
    Dialect::{self, Gnu, Pax, Star, Ustar, V7},
    Entry, Numbers,
    Sparse::{Old, Version00, Version01, Version10},
};

/// Numbers from a seed, by splitmix64: the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a limit that fits")
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// True in one of so many cases.
    pub(crate) fn rarely(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

const NAMES: [&[u8]; 30] = [
    b"a",
    b"b",
    b"c",
    b"a/x",
    b"b/x",
    b"c/x",
    b"a/x/y",
    b"a/l",
    b"l",
    b"l/x",
    b"m",
    b"m/x",
    b"b/l/z",
    b"l/l/x",
    b"etc/passwd",
    b"etc/shadow",
    b"usr/bin/su",
    b"bin/su",
    b"a/../b",
    b"./c",
    b"/a",
    b"a//x",
    b"b/",
    b"l/../c/x",
    b"../a",
    b".",
    b"d/e/f/g/h",
    b"d/e",
    b"m/../l",
    b"x",
];
const ODD: [&[u8]; 12] = [
    b"su\xff",
    b"su\xfe",
    b"a/su\xff",
    b"a\nb",
    b"a\\b",
    b"a\\x0ab",
    b"\xc3\xbc",
    b"a ",
    b" a",
    b"a\tb",
    b"x?y",
    b"bin/\xe9",
];
const TARGETS: [&[u8]; 24] = [
    b"a",
    b"b",
    b"/a",
    b"/b/x",
    b"../a",
    b"x",
    b"../../..",
    b"/c",
    b"m",
    b"l",
    b"/l/x",
    b".",
    b"..",
    b"a/../b",
    b"//a//x/",
    b"./b/.",
    b"l/../m",
    b"/m/../c",
    b"/../b",
    b"usr/bin",
    b"../b/l",
    b"nothing",
    b"nothing/../a",
    b"\xff",
];
const MODES: [u64; 9] = [
    0o755, 0o4755, 0o644, 0o777, 0o2755, 0o1777, 0o600, 0o100_644, 0o6711,
];
const OWNERS: [u64; 7] = [0, 0, 0, 7, 1000, 65_534, 3_000_000];

/// A stack of a few layers.
pub(crate) fn stack(random: &mut Random) -> Vec<Vec<u8>> {
    let count = random.one(&[1, 2, 2, 3]);
    if random.rarely(4) {
        return maze(random);
    }
    // Most archives are of one writer.
    let dialect = dialect(random);
    let mut files = Vec::new();
    let layer = |number| layer(random, number > 0, dialect, &mut files);
    (0..count).map(layer).collect()
}

/// A path of a few names, some of which are links and some lead up.
fn way(random: &mut Random, up: bool) -> Vec<u8> {
    let names: &[&[u8]] = &[b"a", b"b", b"l", b"m", b"n", b"..", b"..", b"."];
    let names = if up { names } else { &names[..5] };
    let parts: Vec<&[u8]> = (0..=random.below(4)).map(|_| random.one(names)).collect();
    let mut way = parts.join(&b'/');
    if random.rarely(4) {
        way.insert(0, b'/');
    }
    way
}

/// Links that lead through each other, and files below them.
fn maze(random: &mut Random) -> Vec<Vec<u8>> {
    let mut entries: Vec<Entry> = [&b"a"[..], b"b", b"a/b", b"b/a"]
        .map(Entry::directory)
        .into();
    let mut last = b"a/file".to_vec();
    entries.push(Entry::file(&last, b"0"));
    for _ in 0..2 + random.below(5) {
        let name = [
            random.one(&[&b""[..], b"a/", b"b/", b"a/b/"]),
            random.one(&[&b"l"[..], b"m", b"n"]),
        ]
        .concat();
        entries.push(Entry::link(b'2', &name, &way(random, true)));
    }
    for number in 0..2 + random.below(4) {
        let name = [&way(random, false), &b"/f"[..], &[b'0' + random.byte() % 4]].concat();
        if random.rarely(3) {
            let to = [&way(random, true), &b"/"[..], &last].concat();
            let to = if random.rarely(2) { last.clone() } else { to };
            entries.push(Entry::link(b'1', &name, &to));
        } else {
            entries.push(Entry::file(&name, &[b'0' + number.to_le_bytes()[0]]));
            last = name;
        }
    }
    let (lower, upper) = entries.split_at(random.below(entries.len()));
    vec![crate::write::archive(lower), crate::write::archive(upper)]
}

fn dialect(random: &mut Random) -> Dialect {
    random.one(&[Pax, Pax, Pax, Gnu, Gnu, Ustar, Star, V7])
}

/// A layer; `files` are the names so far that a hard link may lead to.
fn layer(random: &mut Random, upper: bool, dialect: Dialect, files: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let mut entries = Vec::new();
    if upper {
        for _ in 0..random.below(3) {
            entries.push(whiteout(random));
        }
    }
    for _ in 0..=random.below(7) {
        let mut entry = entry(random, files);
        if matches!(entry.kind, b'0' | b'2') {
            files.push(entry.name.clone());
        }
        entry.dialect = if random.rarely(10) {
            self::dialect(random)
        } else {
            dialect
        };
        entries.push(entry);
        // In the layer itself, at any place.
        if random.rarely(12) {
            entries.push(whiteout(random));
        }
    }
    let mut out = Vec::new();
    for entry in &entries {
        if random.rarely(40) {
            let mut global =
                Entry::new(b'g', random.one(&[&b"pax_global_header"[..], b"a", b"m/x"]));
            let mut body = crate::write::record(b"comment", b"built by hand");
            if random.rarely(4) {
                body.extend(crate::write::record(b"path", random.one(&NAMES)));
                body.extend(crate::write::record(b"uid", b"7"));
            }
            global.data = body;
            global.write(&mut out);
        }
        entry.write(&mut out);
    }
    end(random, &mut out);
    out
}

/// Ends an archive as its writer likes to.
fn end(random: &mut Random, out: &mut Vec<u8>) {
    match random.below(12) {
        0 => {}
        1 => out.resize(out.len() + 512, 0),
        2 => {
            out.resize(out.len() + 1024, 0);
            out.extend(b"garbage after the end");
        }
        3 => out.resize(out.len().next_multiple_of(10_240).max(out.len() + 1024), 0),
        _ => out.resize(out.len() + 1024, 0),
    }
}

fn whiteout(random: &mut Random) -> Entry {
    let mut name = random.one(&NAMES).to_vec();
    if random.rarely(4) {
        name = random
            .one(&[&b"a"[..], b"b", b"l", b"a/x", b"d", b"d/e", b"."])
            .to_vec();
        name.extend(b"/.wh..wh..opq");
        return Entry::file(&name, b"");
    }
    while name.last() == Some(&b'/') {
        name.pop();
    }
    let base = name
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    if name[base..].iter().all(|byte| *byte == b'.') {
        name = b"a".to_vec();
        return Entry::file(&[b".wh.", &name[..]].concat(), b"");
    }
    name.splice(base..base, *b".wh.");
    let kind = if random.rarely(10) { b'3' } else { b'0' };
    Entry::new(kind, &name)
}

fn entry(random: &mut Random, files: &[Vec<u8>]) -> Entry {
    let mut name = name(random);
    let mut entry = match random.one(b"ffffffffddddllllhhhcpz") {
        b'd' => {
            if random.rarely(2) {
                name.push(b'/');
            }
            Entry::directory(&name)
        }
        b'l' if random.rarely(25) => {
            // Too long for a header.
            let target = [random.one(&TARGETS), b"/"].concat();
            Entry::link(
                b'2',
                &name,
                &target.repeat(random.one(&[40, 80, 300, 1500])),
            )
        }
        b'l' => Entry::link(b'2', &name, random.one(&TARGETS)),
        b'h' if files.is_empty() => file(random, &name),
        b'h' => {
            let mut to = files[random.below(files.len())].clone();
            if random.rarely(20) {
                to = self::name(random);
            }
            if to == name {
                name = b"hard".to_vec();
            }
            if random.rarely(8) {
                to.splice(0..0, *b"/");
            }
            Entry::link(b'1', &name, &to)
        }
        b'c' => Entry {
            device: (1, 3),
            ..Entry::new(random.one(b"34"), &name)
        },
        b'p' => Entry::new(b'6', &name),
        b'z' => sparse(random, &name),
        _ => file(random, &name),
    };
    entry.mode = random.one(&MODES);
    entry.uid = random.one(&OWNERS);
    entry.gid = random.one(&OWNERS);
    odd(random, &mut entry);
    entry
}

fn name(random: &mut Random) -> Vec<u8> {
    match random.below(40) {
        0..=3 => random.one(&ODD).to_vec(),
        4 => {
            // Longer than a header has room for, or than a prefix.
            let part = vec![b'n'; random.one(&[60, 99, 100, 101, 155, 200, 255])];
            let parts = vec![part; random.one(&[1, 2, 3])];
            parts.join(&b'/')
        }
        5 => [&b"d/"[..], random.one(&NAMES)].concat(),
        _ => random.one(&NAMES).to_vec(),
    }
}

fn file(random: &mut Random, name: &[u8]) -> Entry {
    let data = format!("{}-{}", name.len(), random.below(9)).into_bytes();
    let data = match random.below(8) {
        0 => Vec::new(),
        1 => data.repeat(400),
        _ => data,
    };
    let mut entry = Entry::file(name, &data);
    // Old programs say neither file nor directory, but for a slash at the end.
    if random.rarely(10) {
        entry.kind = 0;
        if random.rarely(3) {
            entry.name.push(b'/');
            entry.data.clear();
        }
    }
    entry
}

fn sparse(random: &mut Random, name: &[u8]) -> Entry {
    let mut entry = Entry::file(name, &vec![0; 512 * (1 + random.below(8))]);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < entry.data.len() {
        let length = (1 + random.below(700)).min(entry.data.len() - at);
        if random.rarely(2) {
            entry.data[at..at + length].fill(b'd');
            pieces.push((at, length));
        }
        at += length;
    }
    if random.rarely(2) {
        pieces.push((entry.data.len(), 0));
    }
    let form = random.one(&[
        Version00, Version01, Version01, Version10, Version10, Version10, Old,
    ]);
    if form == Old {
        pieces.truncate(1);
        entry.kind = b'S';
    }
    // In versions 0.x the map is what makes it one.
    if pieces.is_empty() && form != Version10 {
        pieces.push((entry.data.len(), 0));
    }
    entry.sparse = Some((form, pieces));
    entry
}

/// What few writers do, and readers take differently.
fn odd(random: &mut Random, entry: &mut Entry) {
    let capability = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    if random.rarely(8) && entry.kind != b'2' {
        let mut value = capability;
        // A line's end in a value.
        value[4] = random.one(&[0, 0x0a, 0xff]);
        entry
            .records
            .push((b"SCHILY.xattr.security.capability".to_vec(), value.to_vec()));
    }
    match random.below(120) {
        0 => entry.numbers = Numbers::Spaces,
        1 => entry.numbers = Numbers::Binary,
        2 => entry.signed = true,
        3 => entry.uid = random.one(&[0xffff_ffff, 1 << 32, (1 << 32) + 7, 0xffff_fffe]),
        4 => entry.gid = random.one(&[0xffff_ffff, 1 << 32, (1 << 32) + 7]),
        5 => entry.records.push((
            b"uid".to_vec(),
            random.one(&[&b"7"[..], b"4294967296", b"-1", b""]).to_vec(),
        )),
        6 => entry
            .records
            .push((b"path".to_vec(), random.one(&NAMES).to_vec())),
        7 => entry
            .records
            .push((b"linkpath".to_vec(), random.one(&TARGETS).to_vec())),
        8 => {
            // The record is right, the header is not.
            let size = entry.data.len().to_string().into_bytes();
            if entry.sparse.is_none() {
                entry.records.push((b"size".to_vec(), size));
                entry.size = Some(random.next() % (1 << 16));
            }
        }
        9 if !matches!(entry.kind, b'0' | 0 | b'S') => {
            entry.size = Some(random.one(&[1, 512, 1 << 20]));
        }
        10 => entry.records.push((
            b"SCHILY.xattr.user.n".to_vec(),
            b"z\n18 path=etc/decoy".to_vec(),
        )),
        11 => {
            entry
                .records
                .push((b"SCHILY.xattr.user.n".to_vec(), b"a\nb".to_vec()));
            entry
                .records
                .push((b"comment".to_vec(), b"a=b\n12 size=99\n".to_vec()));
        }
        12 => entry.records.push((b"path".to_vec(), Vec::new())),
        13 => entry.records.push((
            b"SCHILY.xattr.trusted.overlay.opaque".to_vec(),
            b"y".to_vec(),
        )),
        14 => entry.records.push((
            b"mtime".to_vec(),
            random.one(&[&b"1.5"[..], b"-3.25", b"9e9", b"7"]).to_vec(),
        )),
        15 => entry.device = random.one(&[(0, 0), (8, 1), (1 << 20, 3)]),
        16 => entry
            .records
            .push((b"GNU.sparse.major".to_vec(), b"2".to_vec())),
        17 => entry.kind = random.one(b"7VDMXA"),
        18 => entry
            .records
            .push((b"hdrcharset".to_vec(), b"BINARY".to_vec())),
        _ => twice(random, entry),
    }
}

/// What is said in two ways or twice, and odd attributes.
fn twice(random: &mut Random, entry: &mut Entry) {
    match random.below(110) {
        // Headers of both ways to say a long name, of which one holds.
        0 => entry.before = Some((b'L', [random.one(&NAMES), b"\0rest"].concat())),
        1 => entry.before = Some((b'K', [random.one(&TARGETS), b"\0"].concat())),
        2 => {
            let path = crate::write::record(b"path", random.one(&NAMES));
            entry.before = Some((b'x', path));
        }
        3 => {
            entry.misplaced = true;
            entry.dialect = Gnu;
        }
        4 => {
            for _ in 0..2 {
                let (name, uid) = (
                    random.one(&NAMES).to_vec(),
                    random.one(&[&b"7"[..], b"8", b""]),
                );
                entry.records.push((b"path".to_vec(), name));
                entry.records.push((b"uid".to_vec(), uid.to_vec()));
            }
        }
        5 => {
            let name = random.one(&[
                &b"SCHILY.xattr."[..],
                b"SCHILY.xattr.user.a",
                b"SCHILY.xattr.user.",
                b"SCHILY.xattr.security.",
                b"SCHILY.xattr.system.posix_acl_access",
                b"SCHILY.xattr.system.posix_acl_default",
                b"SCHILY.xattr.other.a",
                b"SCHILY.xattr.security.selinux",
                b"LIBARCHIVE.xattr.security.capability",
                b"SCHILY.acl.access",
                b"PATH",
                b"GNU.sparse.realsize",
                b"RHT.security.selinux",
            ]);
            let value = random.one(&[
                &b""[..],
                b"x",
                b"system_u:object_r:bin_t:s0\0",
                b"\0\0\xff",
                b"\x02\0\0\0",
                b"\x01\0\0\0x",
                b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\x05\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff",
                b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff",
            ]);
            entry.records.push((name.to_vec(), value.to_vec()));
        }
        6 => entry.link = random.one(&TARGETS).to_vec(),
        _ => {}
    }
}
