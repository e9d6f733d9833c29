//! Accounts and the system's release, from files of the root. Hashes never leave it.

use std::io::{self, Write};

use crate::{end::End, lines, tree::Tree};

fn each(
    root: &dyn Tree,
    path: &str,
    out: &mut impl Write,
    mut line: impl FnMut(&str) -> Option<String>,
) -> io::Result<End> {
    let read = lines::each(root, path, |text| {
        if text == Some("") {
            return Ok(());
        }
        // What cannot be read is sent as a line that the reader counts.
        let found = text.and_then(&mut line);
        writeln!(out, "{}", found.as_deref().unwrap_or("?"))
    })?;
    Ok(match read {
        Ok(_) => End::Ok,
        Err(error) => End::missing(path, error),
    })
}

pub(crate) fn users(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    each(root, "/etc/passwd", out, |line| {
        let f: Vec<&str> = line.split(':').collect();
        let &[name, pass, uid, gid, _, home, shell] = f.as_slice() else {
            return None;
        };
        let state = match pass {
            "" => "empty",
            "x" => "shadowed",
            _ if pass.starts_with(['!', '*']) => "locked",
            _ => "hashed",
        };
        Some(format!("{state}:{uid}:{gid}:{name}:{home}:{shell}"))
    })
}

pub(crate) fn groups(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    each(root, "/etc/group", out, |line| {
        let f: Vec<&str> = line.split(':').collect();
        let &[name, _, gid, members] = f.as_slice() else {
            return None;
        };
        Some(format!("{gid}:{name}:{members}"))
    })
}

pub(crate) fn shadow(root: &dyn Tree, out: &mut impl Write) -> io::Result<End> {
    each(root, "/etc/shadow", out, |line| {
        let mut fields = line.split(':');
        let (name, pass) = (fields.next()?, fields.next()?);
        let (state, kind) = match pass {
            "" => ("empty", ""),
            _ if pass.starts_with(['!', '*']) => ("locked", ""),
            _ => match pass.strip_prefix('$').and_then(|p| p.split_once('$')) {
                Some((kind, _)) => ("hashed", kind),
                None => ("hashed", "des"),
            },
        };
        Some(format!("{state}:{kind}:{name}"))
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

/// Writes a line that starts with one of `keys`, and one that is too long as what the reader counts.
pub(crate) fn field(line: Option<&str>, keys: &[&str], out: &mut impl Write) -> io::Result<()> {
    match line {
        Some(line) if keys.iter().any(|key| line.starts_with(key)) => writeln!(out, "{line}"),
        Some(_) => Ok(()),
        None => writeln!(out, "?"),
    }
}
