//! Variables, commands, the distribution and the kernel.

use super::line::{Parsed, field, number};
use crate::model::{CommandEntry, EnvVar, KernelFacts, OsRelease};

pub(super) fn env(line: &str) -> Option<EnvVar> {
    let mut fields = line.splitn(3, ' ');
    Some(EnvVar {
        length: number(fields.next()?)?,
        shape: fields.next()?.into(),
        name: fields.next()?.into(),
    })
}

pub(super) fn command(line: &[u8]) -> Option<CommandEntry> {
    let mut fields = line.splitn(2, |byte| *byte == b' ');
    Some(CommandEntry {
        name: field(fields.next()?),
        path: fields.next()?.into(),
    })
}

pub(super) fn os(lines: &[String]) -> Parsed<OsRelease> {
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

pub(super) fn kernel(lines: &[String]) -> Parsed<KernelFacts> {
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
