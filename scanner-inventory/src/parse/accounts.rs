//! Accounts, groups and states of passwords, as the C library of the target reads their files.
//!
//! An agent sends every line of a file, its password as a state. A line that names no field is one character: `#` if it
//! is empty or a comment, `.` if it is neither. Before them come `@musl` and `@glibc` where the target has that C library; no
//! line of a file is one of these, since one without a colon is sent as that character.
//! In the section of users, whose lines begin with a state, `@home` and a path come before an account whose home is that
//! directory because links lead there, and `@home ?` before one of which that could not be seen.

use super::{
    line::field,
    number::{Libc, glibc_number, musl_number},
    section::{note_left_out, section},
};
use crate::{
    collected::Collected,
    gap::{Gap, GapKind},
    gaps::Gaps,
    model::{Group, PasswordState, ShadowEntry, User},
    path::FilePath,
    wire::{RawSection, decode_path},
};

/// The shell of an account that names none; see passwd(5).
const DEFAULT_SHELL: &[u8] = b"/bin/sh";
/// What comes before the directory that links of the next account's home lead to. The lines of groups begin with a name, which
/// may be the same.
const HOME: &[u8] = b"@home ";
/// Most entries of one file that are read.
const MAX_ENTRIES: usize = 2_000;
/// Stands for a byte that is 0, at which C libraries end a line.
const END: u8 = 1;

/// What a line is.
enum Line<T> {
    Entry(T),
    /// A comment, which every C library skips.
    Comment,
    /// No C library reads it as an entry.
    NoEntry,
    /// The agent could not send it.
    Unreadable,
}

pub(super) fn users(raw: RawSection<'_>, over: u64) -> Collected<Vec<User>> {
    entries(
        raw,
        over,
        "/etc/passwd",
        Some(HOME),
        |line, libc, leads| match user(line, libc) {
            Line::Entry(mut user) => {
                user.real_home = leads.unwrap_or_else(|| user.home.clone());
                Line::Entry(user)
            }
            other => other,
        },
    )
}

pub(super) fn groups(raw: RawSection<'_>, over: u64) -> Collected<Vec<Group>> {
    entries(raw, over, "/etc/group", None, |line, libc, _| {
        group(line, libc)
    })
}

pub(super) fn shadow(raw: RawSection<'_>, over: u64) -> Collected<Vec<ShadowEntry>> {
    entries(raw, over, "/etc/shadow", None, |line, _, _| {
        shadow_entry(line)
    })
}

/// The entries of a file. A line that begins with `beside`, if that is given, is about the line after it.
fn entries<T>(
    raw: RawSection<'_>,
    over: u64,
    file: &str,
    beside: Option<&[u8]>,
    read: impl Fn(&[u8], Libc, Option<FilePath>) -> Line<T>,
) -> Collected<Vec<T>> {
    let (mut odd, mut left_out) = (Gaps::default(), 0);
    let found = section(raw, over, |lines| {
        let (mut all, mut unreadable, mut libc) = (Vec::new(), 0, Libc::default());
        let (mut number, mut leads) = (0_u64, None);
        for line in lines {
            if let Some(path) = beside.and_then(|mark| line.strip_prefix(mark)) {
                leads = decode_path(path);
                unreadable += u64::from(leads.is_none());
                continue;
            }
            match *line {
                b"@musl" => libc.musl = true,
                b"@glibc" => libc.glibc = true,
                _ => {
                    number += 1;
                    match read(line, libc, leads.take()) {
                        Line::Entry(_) if all.len() >= MAX_ENTRIES => left_out += 1,
                        Line::Entry(entry) => all.push(entry),
                        Line::Comment => {}
                        Line::NoEntry => odd.add(
                            Gap::new(GapKind::NoEntry).of_item(&format!("line {number} of {file}")),
                        ),
                        Line::Unreadable => unreadable += 1,
                    }
                }
            }
        }
        (all, unreadable)
    });
    note_left_out(left_out, &mut odd);
    found.and_gaps(odd)
}

fn password(text: &[u8]) -> Option<PasswordState> {
    match text {
        b"empty" => Some(PasswordState::Empty),
        b"locked" => Some(PasswordState::Locked),
        b"shadowed" => Some(PasswordState::Shadowed),
        b"hashed" => Some(PasswordState::Hashed),
        _ => None,
    }
}

/// The line up to where a C library ends it, or its kind if it has no fields.
fn fields<T>(line: &[u8]) -> Result<&[u8], Line<T>> {
    match line {
        b"?" => Err(Line::Unreadable),
        b"#" => Err(Line::Comment),
        b"." => Err(Line::NoEntry),
        _ => Ok(line.split(|byte| *byte == END).next().unwrap_or_default()),
    }
}

/// Cuts a line at its first colon.
fn cut(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match line.iter().position(|byte| *byte == b':') {
        Some(at) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    }
}

/// A name as each C library reads it, if it accepts it.
struct Names<'a> {
    glibc: Option<&'a [u8]>,
    musl: Option<&'a [u8]>,
}

/// Why no C library accepts a name.
enum NotNamed {
    Comment,
    Nis,
}

impl<T> From<NotNamed> for Line<T> {
    fn from(why: NotNamed) -> Self {
        match why {
            NotNamed::Comment => Self::Comment,
            NotNamed::Nis => Self::NoEntry,
        }
    }
}

/// A name as each C library reads it. glibc skips blanks before it and comments, and leaves lines for NIS to NIS; musl
/// reads all of these as names.
fn names(name: &[u8], libc: Libc) -> Result<Names<'_>, NotNamed> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = name.iter().position(|byte| !blank(byte));
    let plain = &name[start.unwrap_or(name.len())..];
    let is_comment = plain.starts_with(b"#");
    let by_glibc = !is_comment && !plain.starts_with(b"+") && !plain.starts_with(b"-");
    let glibc = (by_glibc && libc.is_glibc()).then_some(plain);
    // Without a sign of musl, a line that is meant as a comment or for NIS counts as one.
    let musl = (libc.musl || (by_glibc && libc.is_musl())).then_some(name);
    if glibc.is_none() && musl.is_none() {
        return Err(if is_comment {
            NotNamed::Comment
        } else {
            NotNamed::Nis
        });
    }
    Ok(Names { glibc, musl })
}

/// If it is not known which C library reads the line, the reading that gives more rights.
fn either<T>(glibc: Option<T>, musl: Option<T>, join: impl FnOnce(T, T) -> T) -> Line<T> {
    match (glibc, musl) {
        (Some(one), Some(two)) => Line::Entry(join(one, two)),
        (Some(one), None) | (None, Some(one)) => Line::Entry(one),
        (None, None) => Line::NoEntry,
    }
}

fn user(line: &[u8], libc: Libc) -> Line<User> {
    let line = match fields(line) {
        Ok(line) => line,
        Err(other) => return other,
    };
    let (state, rest) = cut(line);
    let Some(password) = password(state) else {
        return Line::Unreadable;
    };
    let (name, rest) = cut(rest.unwrap_or_default());
    let rest = rest.unwrap_or_default();
    let Names { glibc, musl } = match names(name, libc) {
        Ok(names) => names,
        Err(why) => return why.into(),
    };
    let of = |name: &[u8], uid: u32, gid: u32, home: &[u8], shell: &[u8]| User {
        name: field(name),
        uid: uid.into(),
        gid: gid.into(),
        home: home.into(),
        real_home: FilePath::default(),
        shell: if shell.is_empty() {
            DEFAULT_SHELL
        } else {
            shell
        }
        .into(),
        password,
    };
    // The last fields may be left out, and a shell may have colons.
    let by_glibc = |name| {
        let (uid, rest) = glibc_number(rest)?;
        let (gid, rest) = glibc_number(rest?)?;
        let (_, rest) = cut(rest.unwrap_or_default());
        let (home, shell) = cut(rest.unwrap_or_default());
        Some(of(name, uid, gid, home, shell.unwrap_or_default()))
    };
    let by_musl = |name| {
        let (uid, rest) = musl_number(rest)?;
        let (gid, rest) = musl_number(rest)?;
        let (home, shell) = cut(cut(rest).1?);
        Some(of(name, uid, gid, home, shell?))
    };
    either(
        glibc.and_then(by_glibc),
        musl.and_then(by_musl),
        |one, two| User {
            uid: one.uid.min(two.uid),
            gid: one.gid.min(two.gid),
            ..one
        },
    )
}

fn group(line: &[u8], libc: Libc) -> Line<Group> {
    let line = match fields(line) {
        Ok(line) => line,
        Err(other) => return other,
    };
    let (name, rest) = cut(line);
    let Some(rest) = rest else {
        return Line::Unreadable;
    };
    let Names { glibc, musl } = match names(name, libc) {
        Ok(names) => names,
        Err(why) => return why.into(),
    };
    let of = |name: &[u8], gid: u32, members: &[u8]| Group {
        name: field(name),
        gid: gid.into(),
        members: members
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii_start)
            .filter(|member| !member.is_empty())
            .map(field)
            .collect(),
    };
    let by_glibc = |name| {
        let (gid, members) = glibc_number(rest)?;
        Some(of(name, gid, members.unwrap_or_default()))
    };
    let by_musl = |name| {
        let (gid, members) = musl_number(rest)?;
        Some(of(name, gid, members))
    };
    either(
        glibc.and_then(by_glibc),
        musl.and_then(by_musl),
        |one, two| Group {
            gid: one.gid.min(two.gid),
            ..one
        },
    )
}

/// Programs disagree on which other fields a line needs, so every line with a password field counts.
fn shadow_entry(line: &[u8]) -> Line<ShadowEntry> {
    let line = match fields(line) {
        Ok(line) => line,
        Err(other) => return other,
    };
    let (state, rest) = cut(line);
    let (kind, name) = cut(rest.unwrap_or_default());
    match (password(state), name) {
        (Some(_), Some(name)) if name.trim_ascii_start().starts_with(b"#") => Line::Comment,
        (Some(password), Some(name)) => Line::Entry(ShadowEntry {
            password,
            algorithm: field(kind),
            name: field(name),
        }),
        _ => Line::Unreadable,
    }
}

#[cfg(test)]
mod tests;
