//! Accounts and the system's release, from files of the root. Hashes never leave it.

use std::io::{self, Write};

use crate::{end::End, tree::Tree};

fn each(
    root: &dyn Tree,
    path: &str,
    out: &mut impl Write,
    mut line: impl FnMut(&str) -> Option<String>,
) -> io::Result<End> {
    match root.text(path) {
        Ok(None) => Ok(End::Ok),
        Err(error) => Ok(End::missing(path, error)),
        Ok(Some(text)) => {
            for found in text.lines().filter(|l| !l.is_empty()).map(&mut line) {
                // What cannot be read is sent as a line that the reader counts.
                writeln!(out, "{}", found.as_deref().unwrap_or("?"))?;
            }
            Ok(End::Ok)
        }
    }
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
        if let Ok(Some(text)) = root.text(path) {
            fields(&text, &["ID=", "VERSION_ID=", "PRETTY_NAME="], out)?;
            return Ok(End::Ok);
        }
    }
    Ok(End::Missing(
        "there is no os-release that can be read".into(),
    ))
}

/// Writes the lines of `text` that start with one of `keys`.
pub(crate) fn fields(text: &str, keys: &[&str], out: &mut impl Write) -> io::Result<()> {
    let wanted = |line: &&str| keys.iter().any(|key| line.starts_with(key));
    for line in text.lines().filter(wanted) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
