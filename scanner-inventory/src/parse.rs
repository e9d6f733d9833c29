//! Turns the sections of a proven answer into an inventory. A line that cannot be read makes its
//! section partial; nothing is dropped in silence.

mod files;
mod language;
mod line;
pub(crate) mod proc;
mod reader;
mod sections;
pub(crate) mod sockets;

use std::collections::BTreeSet;

use crate::{
    changes,
    collected::Collected,
    gap::{Gap, GapKind},
    gaps::Gaps,
    inventory::Inventory,
    model::{
        CommandEntry, EnvVar, Group, KernelFacts, OsRelease, Package, PasswordState, Process,
        ShadowEntry, User,
    },
    request::{InventoryRequest, Section},
    wire::{Ending, RawSection, WireError},
};

pub use reader::AnswerReader;

use reader::Item;

use line::{Parsed, each, each_of_bytes, field, number, number_of};

/// Reads a whole answer of the agent of that name.
///
/// # Errors
///
/// Fails when the answer is cut, forged or malformed. Sections that are missing from it are
/// [`Collected::Unavailable`].
pub fn inventory(
    agent: &str,
    bytes: &[u8],
    nonce: &str,
    request: &InventoryRequest,
) -> Result<Inventory, WireError> {
    let mut reader = AnswerReader::new(agent, nonce, request);
    reader.push(bytes)?;
    let end = reader.finish()?;
    let (mut inventory, mut files) = (Inventory::default(), Vec::new());
    for item in reader.take() {
        match item {
            Item::Sections(sections) => inventory = *sections,
            Item::File(file) => files.push(file),
        }
    }
    end.complete(&mut inventory, files);
    Ok(inventory)
}

/// Processes that were there all the time, as the shell saw them by itself, are in what its tools say
/// too: otherwise something hides them.
fn all_seen(
    processes: Collected<Vec<Process>>,
    changes: Option<&changes::Changes>,
) -> Collected<Vec<Process>> {
    let Collected::Complete { data } = processes else {
        return processes;
    };
    let seen: BTreeSet<i64> = data.iter().map(|p| p.pid).collect();
    let stayed = changes.map_or(&[][..], |changes| &changes.stayed);
    let hidden = stayed.iter().filter(|(pid, _)| !seen.contains(pid));
    let gaps = hidden.map(|(pid, name)| {
        Gap::new(GapKind::Hidden)
            .of_item(&format!("process {pid} ({name})"))
            .with_note("it is in /proc and was left out by the target's tools")
    });
    let gaps = gaps.collect();
    Collected::with_gaps(data, gaps)
}

/// Lines of a section that are read. A check may compare each item with each other one, so that a
/// hostile target could keep a scan busy for hours with what fits into one answer.
const fn max_lines(section: Section) -> usize {
    match section {
        Section::Users | Section::Groups | Section::Shadow | Section::Env => 2_000,
        _ => 50_000,
    }
}

/// A section without its data: its gaps, those that the reader adds included.
fn section<T>(
    raw: RawSection<'_>,
    over: u64,
    parse: impl FnOnce(&[&[u8]]) -> Parsed<T>,
) -> Collected<T> {
    let mut gaps = match gaps_of(raw.gaps, raw.ending, over) {
        Ok(gaps) => gaps,
        Err(reason) => return Collected::Unavailable { reason },
    };
    let (data, unreadable) = parse(&raw.lines);
    note_unreadable(unreadable, &mut gaps);
    Collected::with_gaps(data, gaps)
}

/// What an agent says of a section at its end, `over` lines of which were left out; the reason where nothing could be
/// collected.
fn gaps_of(named: Vec<Gap>, ending: Ending, over: u64) -> Result<Gaps, String> {
    let mut gaps = match ending {
        Ending::Missing(reason) => return Err(reason),
        Ending::Partial(lost, reason) => reported(named, &reason, lost),
        Ending::Ok => named.into_iter().collect(),
    };
    if over > 0 {
        let note = format!("{over} lines beyond the first ones were left out");
        gaps.add_counted(Gap::new(GapKind::OverLimit).with_note(&note), over);
    }
    Ok(gaps)
}

fn note_unreadable(lines: u64, gaps: &mut Gaps) {
    if lines > 0 {
        let note = format!("{lines} lines could not be read");
        gaps.add_counted(Gap::new(GapKind::Malformed).with_note(&note), lines);
    }
}

/// The gaps of a section that an agent calls partial. Its reason goes to the first of them that has no place; where the
/// agent named the place of each, those say all, and where it named none, the reason stands alone.
fn reported(mut named: Vec<Gap>, reason: &str, lost: u64) -> Gaps {
    if named.is_empty() {
        named.push(Gap::new(GapKind::Unknown));
    }
    if let Some(gap) = named.iter_mut().find(|gap| gap.path.is_none()) {
        *gap = gap.clone().with_note(reason);
    }
    let mut gaps = Gaps::default();
    for gap in named {
        gaps.add_counted(gap, 0);
    }
    gaps.count(lost);
    gaps
}

fn password(text: &str) -> Option<PasswordState> {
    match text {
        "empty" => Some(PasswordState::Empty),
        "locked" => Some(PasswordState::Locked),
        "shadowed" => Some(PasswordState::Shadowed),
        "hashed" => Some(PasswordState::Hashed),
        _ => None,
    }
}

fn user(line: &[u8]) -> Option<User> {
    let mut fields = line.splitn(6, |byte| *byte == b':');
    Some(User {
        password: password(std::str::from_utf8(fields.next()?).ok()?)?,
        uid: number_of(fields.next()?)?,
        gid: number_of(fields.next()?)?,
        name: field(fields.next()?),
        home: fields.next()?.into(),
        shell: fields.next()?.into(),
    })
}

fn group(line: &str) -> Option<Group> {
    let mut fields = line.splitn(3, ':');
    Some(Group {
        gid: number(fields.next()?)?,
        name: fields.next()?.into(),
        members: fields
            .next()?
            .split(',')
            .filter(|m| !m.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn shadow(line: &str) -> Option<ShadowEntry> {
    let mut fields = line.splitn(3, ':');
    Some(ShadowEntry {
        password: password(fields.next()?)?,
        algorithm: fields.next()?.into(),
        name: fields.next()?.into(),
    })
}

fn env(line: &str) -> Option<EnvVar> {
    let mut fields = line.splitn(3, ' ');
    Some(EnvVar {
        length: number(fields.next()?)?,
        shape: fields.next()?.into(),
        name: fields.next()?.into(),
    })
}

fn command(line: &[u8]) -> Option<CommandEntry> {
    let mut fields = line.splitn(2, |byte| *byte == b' ');
    Some(CommandEntry {
        name: field(fields.next()?),
        path: fields.next()?.into(),
    })
}

/// Paragraphs of dpkg's status and apk's installed database, cut to a few fields; those of rpm in the
/// form of apk.
fn packages(lines: &[String]) -> Parsed<Vec<Package>> {
    let (mut all, mut unreadable) = (Vec::new(), 0);
    let (mut manager, mut current, mut installed) = ("", None::<Package>, true);
    for line in lines {
        match line.as_str() {
            "@dpkg" => manager = "dpkg",
            "@apk" => manager = "apk",
            "@rpm" => manager = "rpm",
            _ => {
                let Some((key, value)) = line.split_once(':') else {
                    unreadable += 1;
                    continue;
                };
                let value = value.trim();
                match (key, &mut current) {
                    ("Package" | "P", _) => {
                        all.extend(current.take().filter(|_| installed));
                        installed = true;
                        current = Some(Package {
                            name: value.into(),
                            manager: manager.into(),
                            ..Package::default()
                        });
                    }
                    // Removed packages stay in dpkg's status. In every other state files of the package are
                    // on the disk, though its scripts or triggers have not all run: see dpkg(1).
                    ("Status", Some(_)) => {
                        let state = value.rsplit(' ').next();
                        installed = !matches!(state, Some("not-installed" | "config-files"));
                    }
                    ("Version" | "V", Some(package)) => package.version = value.into(),
                    ("Architecture" | "A", Some(package)) => package.arch = value.into(),
                    _ => unreadable += 1,
                }
            }
        }
    }
    all.extend(current.filter(|_| installed));
    (all, unreadable)
}

fn os(lines: &[String]) -> Parsed<OsRelease> {
    let (mut os, mut unreadable) = (OsRelease::default(), 0);
    for line in lines {
        let (key, value) = line.split_once('=').unwrap_or_default();
        let value = value.trim_matches(['"', '\'']).to_owned();
        match key {
            "ID" => os.id = value,
            "VERSION_ID" => os.version = value,
            "PRETTY_NAME" => os.name = value,
            _ => unreadable += 1,
        }
    }
    (os, unreadable)
}

fn kernel(lines: &[String]) -> Parsed<KernelFacts> {
    let (mut facts, mut unreadable) = (KernelFacts::default(), 0);
    for line in lines {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "release" => facts.release = value.into(),
            "label" => facts.lsm_label = value.into(),
            "writable" => facts.proc_sys_writable = value == "yes",
            _ => unreadable += 1,
        }
    }
    (facts, unreadable)
}

#[cfg(test)]
mod tests;
