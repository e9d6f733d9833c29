//! The static agent: inventories a root filesystem and its processes, for containers without tools.
//!
//! It answers exactly the compiled request, in the same wire format as the shell collector. It reads only, runs no program,
//! opens no network connection and keeps one frame in memory.

mod accounts;
#[cfg(feature = "archive")]
pub mod archive;
mod changes;
mod commands;
mod contents;
mod end;
pub mod inside;
mod language;
#[cfg(feature = "archive")]
pub mod layers;
mod lines;
mod listing;
mod mounted;
mod owners;
mod packages;
mod places;
mod proc_file;
pub mod procs;
mod real;
pub mod root;
mod subject;
#[cfg(feature = "archive")]
mod tar;
mod threads;
pub mod tree;
mod walk;

use std::io::{self, Write};

use scanner_inventory::{
    InventoryRequest, Section,
    changes::PART,
    wire::{FrameWriter, encode_gap},
};

use end::End;

pub use procs::of_container;
pub use root::Root;
pub use subject::Subject;
pub use tree::Tree;

/// Name of this agent in reports.
pub const NAME: &str = "probe";

/// Answers `request`.
///
/// # Errors
///
/// Fails when the reader is gone. Does not fail on what cannot be read: the answer says so.
pub fn answer(
    subject: &Subject,
    request: &InventoryRequest,
    nonce: &str,
    out: impl Write,
) -> io::Result<()> {
    let mut out = FrameWriter::new(out, nonce);
    let before = request.changes.then(|| changes::Moment::of(subject));
    let mut count = 0;
    for section in request.answered() {
        count += 1;
        writeln!(out, "@{nonce} section {section}")?;
        let end = write_section(subject, request, section, &mut out)?;
        let end = if is_of_files(section) {
            end.with(
                subject.root.elsewhere(),
                "some runtimes have different files there",
            )
        } else {
            end
        };
        match end {
            End::Ok => writeln!(out, "!ok")?,
            End::Partial(gaps, reason) => {
                for gap in &gaps {
                    out.write_all(&encode_gap(gap))?;
                    writeln!(out)?;
                }
                writeln!(
                    out,
                    "!partial {} {}",
                    gaps.total(),
                    reason.replace('\n', " ")
                )?;
            }
            End::Missing(reason) => writeln!(out, "!missing {}", reason.replace('\n', " "))?,
        }
    }
    if let Some(before) = before {
        writeln!(out, "@{nonce} section {PART}")?;
        before.compare(&changes::Moment::of(subject), &mut out)?;
        writeln!(out, "!ok")?;
    }
    writeln!(out, "@{nonce} done {count}")?;
    out.finish()
}

/// Whether a section is read from the files of the root filesystem.
const fn is_of_files(section: Section) -> bool {
    matches!(
        section,
        Section::Files
            | Section::Users
            | Section::Groups
            | Section::Shadow
            | Section::Packages
            | Section::LanguagePackages
            | Section::Os
            | Section::Commands
    )
}

fn write_section(
    subject: &Subject,
    request: &InventoryRequest,
    section: Section,
    out: &mut impl Write,
) -> io::Result<End> {
    let root = &*subject.root;
    match section {
        Section::Files => {
            let gaps = if request.owners {
                let owners = owners::Owners::of(root);
                tree::files(
                    root,
                    request,
                    &mut owners::annotated::Annotated::new(owners, out),
                )?
            } else {
                tree::files(root, request, out)?
            };
            if gaps.is_empty() {
                return Ok(End::Ok);
            }
            let reason = format!("{} not readable by this probe", gaps.total());
            Ok(End::Partial(gaps, reason))
        }
        Section::Users => accounts::users(root, out),
        Section::Groups => accounts::groups(root, out),
        Section::Shadow => accounts::shadow(root, out),
        Section::Packages => packages::packages(root, out),
        Section::LanguagePackages => language::packages(root, out),
        Section::Os => accounts::os(root, out),
        Section::Commands => commands::commands(subject, &request.commands, out),
        Section::Identity
        | Section::Processes
        | Section::Listeners
        | Section::Connections
        | Section::Mounts
        | Section::Env
        | Section::Kernel => procs::section(subject, section, out),
        Section::Pod => Ok(End::Missing("the cluster says it, not an agent".into())),
    }
}

#[cfg(test)]
mod tests;
