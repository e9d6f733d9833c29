//! Accounts and the system's release, from files of the root. Hashes never leave it.

use std::io::{self, Write};

use scanner_inventory::{FilePath, wire::encode_path};

use crate::{
    end::End,
    lines,
    real::{Finder, Unseen},
    tree::Tree,
};

/// Most looks at parts of the paths to homes, for all accounts together.
const MAX_LOOKS: u32 = 50_000;

/// Files that only targets with glibc have; in folders of Debian's architectures too.
const GLIBC: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// Writes every line of an account file; a line without fields becomes the character that the reader expects. Each C
/// library reads a line in its own way. `line` takes the name, the password and the rest.
fn each(
    root: &dyn Tree,
    path: &str,
    out: &mut impl Write,
    mut line: impl FnMut(&[u8], &[u8], &[u8]) -> Vec<u8>,
) -> io::Result<End> {
    let mut begun = false;
    let read = lines::each_of_bytes(root, path, |text| {
        if !begun {
            begun = true;
            libraries(root, out)?;
        }
        let mut found = match text {
            // A line that cannot be read is sent as one that the reader counts.
            None => b"?".to_vec(),
            Some(text) => match cut(text) {
                Some((name, rest)) => {
                    let (pass, rest) = cut(rest).unwrap_or((rest, b""));
                    line(name, pass, rest)
                }
                None => without_fields(text).to_vec(),
            },
        };
        // C libraries end a line at a byte that is 0.
        for byte in found.iter_mut().filter(|byte| **byte == 0) {
            *byte = 1;
        }
        found.push(b'\n');
        out.write_all(&found)
    })?;
    Ok(match read {
        Ok(_) => End::Ok,
        Err(error) => End::missing(path, error),
    })
}

/// Writes which C libraries the root has.
fn libraries(root: &dyn Tree, out: &mut impl Write) -> io::Result<()> {
    let names = |dir: &str| root.names(dir).unwrap_or_default();
    let is_there = |path: &str| matches!(root.meta(path), Ok(Some(_)));
    let musl = ["/lib", "/usr/lib"].into_iter().any(|dir| {
        let names = names(dir);
        let mut loaders = names.iter().filter(|name| name.starts_with("ld-musl-"));
        loaders.any(|name| is_there(&format!("{dir}/{name}")))
    });
    if musl {
        writeln!(out, "@musl")?;
    }
    let of_architecture = ["/lib", "/usr/lib"].into_iter().flat_map(|dir| {
        names(dir)
            .into_iter()
            .filter(|name| name.contains("-linux-gnu"))
            .map(move |name| format!("{dir}/{name}"))
    });
    let mut places = GLIBC.map(str::to_owned).into_iter().chain(of_architecture);
    if places.any(|dir| is_there(&format!("{dir}/libc.so.6"))) {
        writeln!(out, "@glibc")?;
    }
    Ok(())
}

/// Cuts a line at its first colon.
fn cut(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..at], &line[at + 1..]))
}

/// The character for a line without fields: an empty one or a comment, or any other.
fn without_fields(line: &[u8]) -> &'static [u8] {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c);
    match line.iter().find(|byte| !blank(byte)) {
        None | Some(b'#') => b"#",
        Some(_) => b".",
    }
}

pub(crate) fn users(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    let mut homes = Homes {
        finder: Finder::new(root, MAX_LOOKS),
        is_spent: false,
    };
    each(root, "/etc/passwd", out, |name, pass, rest| {
        let mut found = homes.leads(rest);
        let state: &[u8] = match pass {
            b"" => b"empty",
            b"x" => b"shadowed",
            [b'!' | b'*', ..] => b"locked",
            _ => b"hashed",
        };
        found.extend([state, name, rest].join(&b':'));
        found
    })
}

/// Where the homes of accounts are.
struct Homes<'a> {
    finder: Finder<'a>,
    /// Whether the looks ran out before one of them.
    is_spent: bool,
}

impl Homes<'_> {
    /// The line before that of an account whose home leads to another directory through links, or cannot be followed. When
    /// no looks are left, the first such account stands for all.
    fn leads(&mut self, rest: &[u8]) -> Vec<u8> {
        let home = rest.split(|byte| *byte == b':').nth(3).unwrap_or_default();
        let home = home.split(|byte| *byte <= 1).next().unwrap_or_default();
        if self.is_spent || !home.starts_with(b"/") {
            return Vec::new();
        }
        let home = FilePath::from_bytes(home);
        match self.finder.directory(&home) {
            Ok(Some(real)) if real != home => {
                [b"@home ", &*encode_path(&real.to_bytes()), b"\n"].concat()
            }
            Ok(_) => Vec::new(),
            Err(why) => {
                self.is_spent = why == Unseen::Spent;
                b"@home ?\n".to_vec()
            }
        }
    }
}

pub(crate) fn groups(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    each(root, "/etc/group", out, |name, _, rest| {
        [name, rest].join(&b':')
    })
}

pub(crate) fn shadow(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    each(root, "/etc/shadow", out, |name, pass, _| {
        let (state, kind): (&[u8], &[u8]) = match pass {
            b"" => (b"empty", b""),
            [b'!' | b'*', ..] => (b"locked", b""),
            [b'$', rest @ ..] => match rest.iter().position(|byte| *byte == b'$') {
                Some(end) => (b"hashed", &rest[..end]),
                None => (b"hashed", b"des"),
            },
            _ => (b"hashed", b"des"),
        };
        [state, kind, name].join(&b':')
    })
}

pub(crate) fn os(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        let keys = ["ID=", "VERSION_ID=", "PRETTY_NAME="];
        if let Ok(true) = lines::each(root, path, |line| field(line, &keys, out))? {
            return Ok(End::Ok);
        }
    }
    Ok(End::Missing(
        "there is no os-release that can be read".into(),
    ))
}

/// Writes a line that starts with one of `keys`; a line that is too long becomes one that the reader counts.
fn field(line: Option<&str>, keys: &[&str], out: &mut impl Write) -> io::Result<()> {
    match line {
        Some(line) if keys.iter().any(|key| line.starts_with(key)) => writeln!(out, "{line}"),
        Some(_) => Ok(()),
        None => writeln!(out, "?"),
    }
}
