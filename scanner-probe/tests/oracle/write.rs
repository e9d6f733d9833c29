//! Writes archives byte by byte, in the dialects of tar that are about, and with what their writers do wrong.

/// How a header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Pax,
    Gnu,
    Star,
}

/// How the numbers of a header are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Zeros in front, a zero byte at the end.
    Zeros,
    /// Spaces in front, a space and a zero byte at the end, as old programs do.
    Spaces,
    /// In the bytes themselves.
    Binary,
}

/// How a file with holes is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sparse {
    Version00,
    Version01,
    Version10,
    /// GNU's old form, which runtimes refuse.
    Old,
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) mode: u64,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) device: (u64, u64),
    pub(crate) dialect: Dialect,
    pub(crate) numbers: Numbers,
    pub(crate) signed: bool,
    /// Records of PAX, also before a header of another dialect.
    pub(crate) records: Vec<(Vec<u8>, Vec<u8>)>,
    /// The header's size, where it is not that of the data.
    pub(crate) size: Option<u64>,
    /// A header before all others that say something of the entry, and its data.
    pub(crate) before: Option<(u8, Vec<u8>)>,
    /// With a prefix where GNU has times, as Go wrote before 1.8.
    pub(crate) misplaced: bool,
    /// Pieces of data by their offset, and the size of the whole.
    pub(crate) sparse: Option<(Sparse, Vec<(usize, usize)>)>,
}

impl Entry {
    pub(crate) fn new(kind: u8, name: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            data: Vec::new(),
            link: Vec::new(),
            device: (0, 0),
            dialect: Dialect::Pax,
            numbers: Numbers::Zeros,
            signed: false,
            records: Vec::new(),
            size: None,
            before: None,
            misplaced: false,
            sparse: None,
        }
    }

    pub(crate) fn file(name: &[u8], data: &[u8]) -> Self {
        Self {
            data: data.to_vec(),
            ..Self::new(b'0', name)
        }
    }

    pub(crate) fn link(kind: u8, name: &[u8], to: &[u8]) -> Self {
        Self {
            link: to.to_vec(),
            mode: 0o777,
            ..Self::new(kind, name)
        }
    }

    pub(crate) fn directory(name: &[u8]) -> Self {
        Self {
            mode: 0o755,
            ..Self::new(b'5', name)
        }
    }

    pub(crate) fn record(mut self, name: &[u8], value: &[u8]) -> Self {
        self.records.push((name.to_vec(), value.to_vec()));
        self
    }

    /// Adds the entry to an archive.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Some((kind, body)) = &self.before {
            Self::new(*kind, b"").block(b"before", b"", body.len() as u64, &[], out);
            padded(body, out);
        }
        let mut records = self.records.clone();
        let mut name = self.name.clone();
        let mut data = self.data.clone();
        let mut extra = Vec::new();
        if let Some((form, pieces)) = &self.sparse {
            let whole = data.len();
            let mut dense: Vec<u8> = Vec::new();
            for (offset, length) in pieces {
                dense.extend(&data[*offset..offset + length]);
            }
            let number = |n: usize| n.to_string().into_bytes();
            let mut say = |name: &[u8], value: Vec<u8>| records.push((name.to_vec(), value));
            match form {
                Sparse::Version00 | Sparse::Version01 => {
                    say(b"GNU.sparse.size", number(whole));
                    say(b"GNU.sparse.numblocks", number(pieces.len()));
                    if *form == Sparse::Version00 {
                        for (offset, length) in pieces {
                            say(b"GNU.sparse.offset", number(*offset));
                            say(b"GNU.sparse.numbytes", number(*length));
                        }
                    } else {
                        say(b"GNU.sparse.name", name.clone());
                        let map = pieces.iter().map(|(o, l)| format!("{o},{l}"));
                        say(b"GNU.sparse.map", map.collect::<Vec<_>>().join(",").into());
                        name = b"GNUSparseFile.7/x".to_vec();
                    }
                }
                Sparse::Version10 => {
                    say(b"GNU.sparse.major", number(1));
                    say(b"GNU.sparse.minor", number(0));
                    say(b"GNU.sparse.name", name.clone());
                    say(b"GNU.sparse.realsize", number(whole));
                    name = b"GNUSparseFile.7/x".to_vec();
                    let mut map = format!("{}\n", pieces.len());
                    for (offset, length) in pieces {
                        map = format!("{map}{offset}\n{length}\n");
                    }
                    let mut map = map.into_bytes();
                    map.resize(map.len().next_multiple_of(512), 0);
                    dense.splice(0..0, map);
                }
                Sparse::Old => {
                    for (at, (offset, length)) in pieces.iter().take(4).enumerate() {
                        extra.push((386 + at * 24, format!("{offset:011o}\0{length:011o}\0")));
                    }
                    extra.push((483, format!("{whole:011o}\0")));
                }
            }
            data = dense;
        }
        let mut link = self.link.clone();
        match self.dialect {
            Dialect::Gnu => {
                for (kind, long) in [(b'K', &mut link), (b'L', &mut name)] {
                    if long.len() > 100 {
                        let mut body = long.clone();
                        body.push(0);
                        let header = Self {
                            dialect: Dialect::Gnu,
                            ..Self::new(kind, b"././@LongLink")
                        };
                        header.block(b"././@LongLink", b"", body.len() as u64, &[], out);
                        padded(&body, out);
                    }
                }
            }
            Dialect::Pax => {
                for (key, long) in [(&b"linkpath"[..], &link), (b"path", &name)] {
                    let own = records.iter().any(|(name, _)| name == key);
                    let odd = long.len() > 100 || !long.is_ascii();
                    if odd && !own && !long.contains(&0) {
                        records.push((key.to_vec(), long.clone()));
                    }
                }
            }
            Dialect::V7 | Dialect::Ustar | Dialect::Star => {}
        }
        if !records.is_empty() {
            let body: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v)).collect();
            Self::new(b'x', b"").block(b"PaxHeaders.0/x", b"", body.len() as u64, &[], out);
            padded(&body, out);
        }
        if self.misplaced {
            extra.push((345, "old/go".to_owned()));
        }
        let size = self.size.unwrap_or(data.len() as u64);
        self.block(&name, &link, size, &extra, out);
        padded(&data, out);
    }

    fn block(
        &self,
        name: &[u8],
        link: &[u8],
        size: u64,
        extra: &[(usize, String)],
        out: &mut Vec<u8>,
    ) {
        let mut block = [0u8; 512];
        let mut put = |at: usize, most: usize, bytes: &[u8]| {
            let bytes = &bytes[..bytes.len().min(most)];
            block[at..at + bytes.len()].copy_from_slice(bytes);
        };
        let prefix_size = match self.dialect {
            Dialect::Ustar | Dialect::Pax => 155,
            Dialect::Star => 131,
            Dialect::V7 | Dialect::Gnu => 0,
        };
        let split = (name.len() > 100).then(|| {
            let mut places = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            places.find(|(at, _)| name.len() - at - 1 <= 100 && *at <= prefix_size && *at > 0)
        });
        match split.flatten() {
            Some((at, _)) => {
                put(345, prefix_size, &name[..at]);
                put(0, 100, &name[at + 1..]);
            }
            None => put(0, 100, name),
        }
        put(157, 100, link);
        for (at, width, value) in [
            (100, 8, self.mode),
            (108, 8, self.uid),
            (116, 8, self.gid),
            (124, 12, size),
            (136, 12, 1_700_000_000),
        ] {
            put(at, width, &number(value, width, self.numbers));
        }
        put(156, 1, &[self.kind]);
        let magic: &[u8] = match self.dialect {
            Dialect::V7 => b"",
            Dialect::Gnu => b"ustar  \0",
            Dialect::Ustar | Dialect::Pax | Dialect::Star => b"ustar\x0000",
        };
        put(257, 8, magic);
        if self.dialect != Dialect::V7 {
            put(329, 8, &number(self.device.0, 8, self.numbers));
            put(337, 8, &number(self.device.1, 8, self.numbers));
        }
        if self.dialect == Dialect::Star {
            put(508, 4, b"tar\0");
        }
        for (at, text) in extra {
            put(*at, 24, text.as_bytes());
        }
        let mut sum = 8 * i64::from(b' ');
        for (at, byte) in block.iter().enumerate() {
            if !(148..156).contains(&at) {
                sum += if self.signed {
                    i64::from(byte.cast_signed())
                } else {
                    i64::from(*byte)
                };
            }
        }
        block[148..156].copy_from_slice(format!("{:06o}\0 ", sum.max(0)).as_bytes());
        out.extend(block);
    }
}

fn number(value: u64, width: usize, numbers: Numbers) -> Vec<u8> {
    let digits = width - 1;
    let fits = value < 1 << (3 * digits).min(63);
    match numbers {
        Numbers::Zeros if fits => format!("{value:0digits$o}\0").into_bytes(),
        Numbers::Spaces if value < 1 << (3 * (digits - 1)) => {
            let digits = digits - 1;
            format!("{value:digits$o} \0").into_bytes()
        }
        _ => {
            let bytes = [[0; 8], value.to_be_bytes()].concat();
            let mut bytes = bytes[16 - width..].to_vec();
            bytes[0] |= 0x80;
            bytes
        }
    }
}

/// A record of PAX, which starts with its own length.
pub(crate) fn record(name: &[u8], value: &[u8]) -> Vec<u8> {
    let body = [b" ", name, b"=", value, b"\n"].concat();
    let mut length = body.len();
    while length.to_string().len() + body.len() != length {
        length = length.to_string().len() + body.len();
    }
    [length.to_string().into_bytes(), body].concat()
}

fn padded(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// A whole archive.
pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        entry.write(&mut out);
    }
    out.resize(out.len() + 1024, 0);
    out
}
