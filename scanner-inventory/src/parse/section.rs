//! Reads a section of an answer: its data and its gaps.

use std::collections::BTreeSet;

use super::line::Parsed;
use crate::{
    changes,
    collected::Collected,
    gap::{Gap, GapKind},
    gaps::Gaps,
    model::Process,
    request::Section,
    wire::{Ending, RawSection},
};

/// Checks that the output of the tools has the processes that the shell itself saw all the time: otherwise something hides
/// them.
pub(super) fn all_seen(
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

/// Most lines of a section that are read. A check may compare each item with each other one, so that a hostile target could
/// otherwise keep a scan busy for hours with a single answer.
pub(super) const fn max_lines(section: Section) -> usize {
    match section {
        Section::Groups | Section::Shadow | Section::Env => 2_000,
        // Up to two lines each.
        Section::Users => 4_000,
        // Up to six lines each.
        Section::Packages => 150_000,
        _ => 50_000,
    }
}

/// A section with its data and gaps, including gaps that the reader adds.
pub(super) fn section<T>(
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

/// The gaps that an agent reports at the end of a section, `over` lines of which were left out; the error is the reason why
/// nothing could be collected.
pub(super) fn gaps_of(named: Vec<Gap>, ending: Ending, over: u64) -> Result<Gaps, String> {
    let mut gaps = match ending {
        Ending::Missing(reason) => return Err(reason),
        Ending::Partial(lost, reason) => reported(named, &reason, lost),
        Ending::Ok => named.into_iter().collect(),
    };
    note_left_out(over, &mut gaps);
    Ok(gaps)
}

pub(super) fn note_left_out(lines: u64, gaps: &mut Gaps) {
    if lines > 0 {
        let note = format!("{lines} lines beyond the first ones were left out");
        gaps.add_counted(Gap::new(GapKind::OverLimit).with_note(&note), lines);
    }
}

pub(super) fn note_unreadable(lines: u64, gaps: &mut Gaps) {
    if lines > 0 {
        let note = format!("{lines} lines could not be read");
        gaps.add_counted(Gap::new(GapKind::Malformed).with_note(&note), lines);
    }
}

/// The gaps of a section that an agent calls partial. The first gap without a place gets its reason. If the agent named the
/// place of each, no reason is needed; if it named none, the reason is a gap of its own.
pub(super) fn reported(mut named: Vec<Gap>, reason: &str, lost: u64) -> Gaps {
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
