//! Which reader reads which section.

use super::{
    accounts, identity, language,
    line::{Parsed, each, each_of_bytes, text},
    mounts,
    packages::packages,
    proc,
    section::section,
    sockets,
    system::{command, env, kernel, os},
};
use crate::{
    collected::Collected,
    collector,
    inventory::Inventory,
    request::{InventoryRequest, Section},
    wire::RawSection,
};

/// Puts a section into the inventory, after `over` of its lines were left out.
pub(super) fn put(inventory: &mut Inventory, name: Section, raw: RawSection<'_>, over: u64) {
    match name {
        Section::Identity => inventory.identity = texts(raw, over, identity::identity),
        Section::Users => inventory.users = accounts::users(raw, over),
        Section::Groups => inventory.groups = accounts::groups(raw, over),
        Section::Shadow => inventory.shadow = accounts::shadow(raw, over),
        Section::Processes => inventory.processes = section(raw, over, proc::processes),
        Section::Listeners => inventory.listeners = texts(raw, over, sockets::listeners),
        Section::Connections => inventory.connections = texts(raw, over, sockets::connections),
        Section::Mounts => inventory.mounts = section(raw, over, mounts::mounts),
        Section::Env => inventory.env = section(raw, over, |l| each(l, env)),
        Section::Commands => inventory.commands = section(raw, over, |l| each_of_bytes(l, command)),
        Section::Packages => inventory.packages = texts(raw, over, packages),
        Section::LanguagePackages => {
            inventory.language_packages =
                section(raw, over, |l| each_of_bytes(l, language::package));
        }
        Section::Os => inventory.os = texts(raw, over, os),
        Section::Kernel => inventory.kernel = texts(raw, over, kernel),
        // Files are read one by one, and the cluster describes the pod.
        Section::Files | Section::Pod => {}
    }
}

/// Puts the environment of the container's first process into the inventory.
pub(super) fn put_process_env(inventory: &mut Inventory, raw: RawSection<'_>, over: u64) {
    inventory.process_env = section(raw, over, |l| each(l, env));
}

/// A section whose lines are text.
fn texts<T>(
    raw: RawSection<'_>,
    over: u64,
    parse: impl FnOnce(&[String]) -> Parsed<T>,
) -> Collected<T> {
    section(raw, over, |lines| parse(&text(lines)))
}

/// The inventory of an agent that has answered nothing.
pub(super) fn nothing_answered(agent: &str, request: &InventoryRequest) -> Inventory {
    let asked = |section: Section| request.sections.contains(&section);
    Inventory {
        identity: unanswered(asked(Section::Identity)),
        files: unanswered(asked(Section::Files)),
        users: unanswered(asked(Section::Users)),
        groups: unanswered(asked(Section::Groups)),
        shadow: unanswered(asked(Section::Shadow)),
        processes: unanswered(asked(Section::Processes)),
        listeners: unanswered(asked(Section::Listeners)),
        connections: unanswered(asked(Section::Connections)),
        mounts: unanswered(asked(Section::Mounts)),
        env: unanswered(asked(Section::Env)),
        process_env: unanswered(asked(Section::Env) && agent == collector::NAME),
        commands: unanswered(asked(Section::Commands)),
        packages: unanswered(asked(Section::Packages)),
        language_packages: unanswered(asked(Section::LanguagePackages)),
        os: unanswered(asked(Section::Os)),
        kernel: unanswered(asked(Section::Kernel)),
        ..Inventory::default()
    }
}

fn unanswered<T>(asked: bool) -> Collected<T> {
    if !asked {
        return Collected::NotRequested;
    }
    Collected::Unavailable {
        reason: "the agent did not answer this section".into(),
    }
}
