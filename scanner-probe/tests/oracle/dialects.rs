//! Layers as the programs write them that make most images: never may one of these be refused.

use crate::{
    random::Random,
    write::{Dialect, Entry, archive},
};

/// A program that writes layers, and one stack in its manner.
pub(crate) type Habit = (&'static str, fn(&mut Random) -> Vec<Vec<u8>>);

/// Each program by name.
pub(crate) const ALL: [Habit; 7] = [
    ("docker", docker),
    ("buildkit", buildkit),
    ("kaniko", kaniko),
    ("ko", ko),
    ("bazel", bazel),
    ("umoci", umoci),
    ("git archive and GNU tar", tar),
];

const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn data(random: &mut Random) -> Vec<u8> {
    let length = random.one(&[0, 1, 100, 511, 512, 513, 3000]);
    (0..length).map(|_| random.byte()).collect()
}

fn word(random: &mut Random) -> Vec<u8> {
    let long = random.rarely(6);
    let length = if long {
        60 + random.below(140)
    } else {
        1 + random.below(6)
    };
    let mut word = vec![b'a' + random.byte() % 6; length];
    if random.rarely(12) {
        word.extend("ü-日本".bytes());
    }
    word
}

/// A tree in the order of a walk, parents first: names that end in a slash are directories.
fn tree(random: &mut Random) -> Vec<Vec<u8>> {
    let mut paths = std::collections::BTreeSet::new();
    for _ in 0..3 + random.below(8) {
        let mut path = Vec::new();
        for _ in 0..=random.below(4) {
            path.extend(word(random));
            path.push(b'/');
            paths.insert(path.clone());
        }
        path.extend(b"file");
        paths.insert(path);
    }
    paths.into_iter().collect()
}

fn entries(random: &mut Random, dialect: Dialect) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for path in tree(random) {
        let mut entry = if path.ends_with(b"/") {
            Entry::directory(&path)
        } else {
            let body = data(random);
            Entry::file(&path, &body)
        };
        if entry.kind == b'0' {
            entry.mode = random.one(&[0o644, 0o755, 0o4755]);
            entry.uid = random.one(&[0, 101, 65_534]);
            let files: Vec<Entry> = all.iter().filter(|e| e.kind == b'0').cloned().collect();
            if random.rarely(4) && !files.is_empty() {
                let first = files[random.below(files.len())].clone();
                entry = Entry {
                    name: path,
                    kind: b'1',
                    link: first.name.clone(),
                    data: Vec::new(),
                    ..first
                };
            } else if random.rarely(4) {
                entry = Entry::link(
                    b'2',
                    &path,
                    random.one(&[&b"../file"[..], b"/etc/hosts", b"x"]),
                );
            }
        }
        entry.dialect = dialect;
        all.push(entry);
    }
    all
}

/// What a layer hides of the one below it.
fn whiteouts(random: &mut Random, below: &[Entry], dialect: Dialect) -> Vec<Entry> {
    let mut all = Vec::new();
    for entry in below.iter().filter(|e| e.kind != b'5') {
        if random.rarely(4) {
            let at = entry
                .name
                .iter()
                .rposition(|byte| *byte == b'/')
                .map_or(0, |at| at + 1);
            let mut name = entry.name.clone();
            name.splice(at..at, *b".wh.");
            let mut whiteout = Entry::file(&name, b"");
            whiteout.dialect = dialect;
            whiteout.mode = random.one(&[0, 0o600]);
            all.push(whiteout);
        }
    }
    all
}

/// Go's tar by moby: PAX only where a name needs it, capabilities as records.
fn docker(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lower = entries(random, Dialect::Pax);
    for entry in lower.iter_mut().filter(|e| e.kind == b'0') {
        if random.rarely(5) {
            let name = b"SCHILY.xattr.security.capability".to_vec();
            entry.records.push((name, CAPABILITY.to_vec()));
        }
    }
    lower.push(Entry {
        device: (1, 3),
        ..Entry::new(b'3', b"dev-null")
    });
    let mut upper = entries(random, Dialect::Pax);
    upper.extend(whiteouts(random, &lower, Dialect::Pax));
    vec![archive(&lower), archive(&upper), archive(&[])]
}

/// continuity's differ: whiteouts where the file would be, parents repeated, times as records.
fn buildkit(random: &mut Random) -> Vec<Vec<u8>> {
    let lower: Vec<Entry> = entries(random, Dialect::Pax)
        .into_iter()
        .map(|entry| {
            entry
                .record(b"mtime", b"1700000000.123456789")
                .record(b"atime", b"0")
        })
        .collect();
    let mut upper = whiteouts(random, &lower, Dialect::Pax);
    upper.extend(lower.iter().filter(|e| e.kind == b'5').cloned());
    upper.push(Entry::file(b"opaque/.wh..wh..opq", b""));
    upper.push(Entry::file(b"opaque/new", b"x"));
    vec![archive(&lower), archive(&upper)]
}

/// Absolute directories first, names with a slash in front, hard links by full names.
fn kaniko(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lower = entries(random, Dialect::Pax);
    for entry in &mut lower {
        entry.name.splice(0..0, *b"/");
        if entry.kind == b'1' {
            entry.link.splice(0..0, *b"/");
        }
    }
    lower.insert(0, Entry::directory(b"/"));
    let mut upper = vec![Entry::directory(b"/")];
    upper.extend(whiteouts(random, &lower, Dialect::Pax));
    vec![archive(&lower), archive(&upper)]
}

/// One static program and its data, no owners, directories without a slash.
fn ko(random: &mut Random) -> Vec<Vec<u8>> {
    let mut app = Entry::file(b"/ko-app/server", &data(random));
    app.mode = 0o555;
    let mut folder = Entry::directory(b"ko-app");
    folder.mode = 0o555;
    let mut kodata = Entry::directory(b"/var/run/ko");
    kodata.mode = 0o555;
    let file = Entry::file(b"/var/run/ko/refs/HEAD", &data(random));
    vec![archive(&[kodata, file]), archive(&[folder, app])]
}

/// Python's tarfile: GNU long names, `./` in front, links into other layers, no parents; also bsdtar's mtree.
fn bazel(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lower = entries(random, Dialect::Gnu);
    for entry in &mut lower {
        entry.name.splice(0..0, *b"./");
        if entry.kind == b'1' {
            entry.link.splice(0..0, *b"./");
        }
        entry.uid = 0;
    }
    lower.push(Entry::link(b'2', b"./bin", b"usr/bin"));
    let mut upper = entries(random, Dialect::Ustar);
    upper.retain(|entry| entry.name.len() < 100 && entry.link.len() < 100);
    let kept: std::collections::BTreeSet<Vec<u8>> = upper.iter().map(|e| e.name.clone()).collect();
    upper.retain(|entry| entry.kind != b'1' || kept.contains(&entry.link));
    upper.push(Entry::file(
        b"./bin/tool",
        b"below a link of the layer under it",
    ));
    vec![
        archive(&[Entry::directory(b"./")]),
        archive(&lower),
        archive(&upper),
    ]
}

/// Its own generator: PAX for every entry, attributes of users, the root itself, opaque directories.
fn umoci(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lower: Vec<Entry> = entries(random, Dialect::Pax)
        .into_iter()
        .map(|entry| {
            entry
                .record(b"mtime", b"1700000000.5")
                .record(b"SCHILY.xattr.user.rootlesscontainers", b"\x08\x0a\x10\x0a")
        })
        .collect();
    lower.insert(0, Entry::directory(b"."));
    lower.push(Entry::new(b'6', b"fifo"));
    let upper = whiteouts(random, &lower, Dialect::Pax);
    vec![archive(&lower), archive(&upper)]
}

/// A global comment, old numbers, and many blocks of zeros at the end.
fn tar(random: &mut Random) -> Vec<Vec<u8>> {
    let mut lower = vec![Entry {
        data: crate::write::record(b"comment", b"0123456789abcdef0123456789abcdef01234567"),
        ..Entry::new(b'g', b"pax_global_header")
    }];
    lower.extend(entries(random, Dialect::Pax));
    let mut one = archive(&lower);
    one.resize(one.len().next_multiple_of(10_240), 0);
    let mut upper = entries(random, Dialect::Gnu);
    for entry in &mut upper {
        entry.numbers = crate::write::Numbers::Spaces;
    }
    let mut two = archive(&upper);
    two.resize(two.len().next_multiple_of(10_240), 0);
    vec![one, two]
}
