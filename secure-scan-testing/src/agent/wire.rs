//! Writes an inventory as the agents do, in the wire format of `scanner_inventory::wire`.

mod files;
mod mask;
mod process;
mod sockets;

use std::io::Write as _;

use scanner_inventory::{
    Collected, Gaps, Identity, Inventory, Package, PasswordState, Process, Section,
    changes::PART,
    wire::{FrameWriter, encode_path},
};

use super::request::Asked;
use files::{absent, file};
use mask::mask;
use process::write_process;
use sockets::{connection, end, listener};

/// Process id of the agent itself.
const AGENT: i64 = 4_000_000;
/// The whole answer, frames and trailer.
pub(super) fn answer(inventory: &Inventory, asked: &Asked) -> Vec<u8> {
    let (nonce, mut text) = (&asked.nonce, Vec::new());
    for section in asked.answered() {
        let _ = writeln!(text, "@{nonce} section {section}");
        write_section(inventory, section, asked, &mut text);
    }
    if asked.changes {
        let _ = writeln!(text, "@{nonce} section {PART}");
        changes(inventory, &mut text);
        text.extend_from_slice(b"!ok\n");
    }
    let _ = writeln!(text, "@{nonce} done {}", asked.sections.len());
    let mut out = Vec::new();
    let mut writer = FrameWriter::new(&mut out, nonce);
    // Writing to memory does not fail.
    let _ = writer.write_all(&text);
    let _ = writer.finish();
    out
}

fn write_section(all: &Inventory, section: Section, asked: &Asked, out: &mut Vec<u8>) {
    match section {
        Section::Identity => one(&all.identity, out, identity),
        Section::Files => one(&all.files, out, |files, out| {
            for entry in files {
                file(entry, out);
            }
            let named = asked
                .paths
                .iter()
                .filter(|path| files.iter().all(|f| f.path != **path));
            for path in named {
                absent(path.as_bytes(), out);
            }
        }),
        Section::Users => each(&all.users, out, |u| {
            let state = password(u.password);
            let real = u.real_home.to_bytes();
            let mut line = match &real[..] {
                b"" => Vec::new(),
                _ => [b"@home ", &real[..], b"\n"].concat(),
            };
            line.extend(format!("{state}:{}:{}:{}::", u.name, u.uid, u.gid).into_bytes());
            line.extend_from_slice(&u.home.to_bytes());
            line.push(b':');
            line.extend_from_slice(&u.shell.to_bytes());
            line
        }),
        Section::Groups => each(&all.groups, out, |g| {
            format!("{}:{}:{}", g.name, g.gid, g.members.join(","))
        }),
        Section::Shadow => {
            each(&all.shadow, out, |s| {
                format!("{}:{}:{}", password(s.password), s.algorithm, s.name)
            });
        }
        Section::Processes => one(&all.processes, out, |processes, out| {
            let _ = writeln!(out, "self {AGENT}\ncontainer {AGENT}");
            // In the namespaces of the container, like the processes that have not left it.
            let inside = processes.iter().find(|p| p.other_namespaces == Some(false));
            let own = Process {
                pid: AGENT,
                name: "agent".into(),
                user_namespace: inside.and_then(|p| p.user_namespace),
                mount_namespace: inside.and_then(|p| p.mount_namespace),
                ..Process::default()
            };
            for process in processes.iter().chain([&own]) {
                write_process(process, out);
            }
        }),
        Section::Listeners => each(&all.listeners, out, listener),
        Section::Connections => each(&all.connections, out, connection),
        Section::Mounts => each(&all.mounts, out, |m| {
            let mut line = octal(m.source.as_bytes());
            line.push(b' ');
            line.extend(octal(&m.target.to_bytes()));
            let _ = write!(line, " {} {} 0 0", m.fstype, m.options.join(","));
            line
        }),
        Section::Env => each(&all.env, out, |v| {
            format!("{} {} {}", v.length, v.shape, v.name)
        }),
        Section::Commands => each(&all.commands, out, |c| {
            let mut line = format!("{} ", c.name).into_bytes();
            line.extend_from_slice(&c.path.to_bytes());
            line
        }),
        Section::Packages => one(&all.packages, out, |packages, out| {
            write_packages(packages, out);
        }),
        Section::LanguagePackages => each(&all.language_packages, out, |p| {
            let mut line = Vec::new();
            for field in [&p.ecosystem, &p.name, &p.version, &p.license] {
                let _ = write!(line, "{field}\t");
            }
            line.extend_from_slice(&encode_path(&p.path.to_bytes()));
            line
        }),
        Section::Os => one(&all.os, out, |os, out| {
            let _ = writeln!(
                out,
                "ID={}\nVERSION_ID=\"{}\"\nPRETTY_NAME=\"{}\"",
                os.id, os.version, os.name
            );
        }),
        Section::Kernel => one(&all.kernel, out, |kernel, out| {
            let writable = if kernel.proc_sys_writable {
                "yes"
            } else {
                "no"
            };
            let _ = writeln!(
                out,
                "release {}\nlabel {}\nwritable {writable}",
                kernel.release, kernel.lsm_label
            );
        }),
        Section::Pod => out.extend_from_slice(b"!missing the cluster says it, not an agent\n"),
    }
}

fn identity(who: &Identity, out: &mut Vec<u8>) {
    let groups: Vec<String> = who.groups.iter().map(ToString::to_string).collect();
    let (uid, gid) = (who.uid, who.gid);
    let _ = write!(
        out,
        "/proc/self/status:Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n/proc/self/status:Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n\
         /proc/self/status:Groups:\t{}\n/proc/self/status:CapEff:\t{}\n/proc/self/status:CapBnd:\t{}\n\
         /proc/self/status:NoNewPrivs:\t{}\n/proc/self/status:Seccomp:\t{}\n",
        groups.join(" "),
        mask(&who.capabilities),
        mask(&who.bounding),
        u8::from(who.no_new_privs),
        who.seccomp,
    );
    if let Some(agent) = &who.agent {
        let groups: Vec<String> = agent.groups.iter().map(ToString::to_string).collect();
        let (uid, gid) = (agent.uid, agent.gid);
        let _ = write!(
            out,
            "agent Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nagent Gid:\t{gid}\t{gid}\t{gid}\t{gid}\nagent Groups:\t{}\n\
             agent CapEff:\t{}\n",
            groups.join(" "),
            mask(&agent.capabilities),
        );
    }
}

/// Writes the data of a section, and how it ended.
fn one<T>(section: &Collected<T>, out: &mut Vec<u8>, write: impl FnOnce(&T, &mut Vec<u8>)) {
    match section {
        Collected::Complete { data } => {
            write(data, out);
            out.extend_from_slice(b"!ok\n");
        }
        Collected::Partial { data, gaps } => {
            write(data, out);
            partial(gaps, out);
        }
        Collected::Unavailable { reason } => {
            let _ = writeln!(out, "!missing {}", reason.replace('\n', " "));
        }
        Collected::NotRequested => {
            out.extend_from_slice(b"!missing the fake's inventory has none\n");
        }
    }
}

/// A gap that has an item but no path is only in the text: the protocol has no field for it.
fn partial(gaps: &Gaps, out: &mut Vec<u8>) {
    for gap in gaps.iter().filter(|gap| gap.item.is_none()) {
        let _ = write!(out, "!gap {}", gap.kind.code());
        if let Some(attribute) = gap.attribute {
            let _ = write!(out, "/{}", attribute.code());
        }
        if let Some(path) = &gap.path {
            out.push(b' ');
            out.extend_from_slice(&encode_path(&path.to_bytes()));
        }
        out.push(b'\n');
    }
    let _ = writeln!(out, "!partial {} {gaps}", gaps.total());
}

fn each<T, L: AsRef<[u8]>>(section: &Collected<Vec<T>>, out: &mut Vec<u8>, line: impl Fn(&T) -> L) {
    one(section, out, |items, out| {
        for item in items {
            out.extend_from_slice(line(item).as_ref());
            out.push(b'\n');
        }
    });
}

/// A field of a mount table: bytes that would end it are in octal digits, see `seq_path(9)`.
fn octal(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    for byte in field {
        match byte {
            b'\\' | b' ' | b'\t' | b'\n' => {
                let _ = write!(out, "\\{byte:03o}");
            }
            byte => out.push(*byte),
        }
    }
    out
}

fn password(state: PasswordState) -> &'static str {
    match state {
        PasswordState::Empty => "empty",
        PasswordState::Locked => "locked",
        PasswordState::Shadowed => "shadowed",
        PasswordState::Hashed => "hashed",
    }
}

fn write_packages(packages: &[Package], out: &mut Vec<u8>) {
    for manager in ["dpkg", "apk", "rpm"] {
        let of = packages.iter().filter(|package| package.manager == manager);
        let of: Vec<&Package> = of.collect();
        if of.is_empty() {
            continue;
        }
        let _ = writeln!(out, "@{manager}");
        for package in of {
            write_package(package, out);
            out.extend_from_slice(b"@\n");
        }
    }
}

fn write_package(package: &Package, out: &mut Vec<u8>) {
    let fields = if package.manager == "dpkg" {
        ["Package", "Version", "Architecture", "Source"]
    } else {
        ["P", "V", "A", "o"]
    };
    let source = match (package.source_version.as_str(), package.manager.as_str()) {
        ("", _) => package.source.clone(),
        (version, "rpm") => format!("{}-{version}.src.rpm", package.source),
        (version, _) => format!("{} ({version})", package.source),
    };
    let values = [&package.name, &package.version, &package.arch, &source];
    for (field, value) in fields.iter().zip(values) {
        if !value.is_empty() {
            let _ = writeln!(out, "{field}: {value}");
        }
    }
}

/// Two snapshots that are the same, of the processes that the inventory has.
fn changes(inventory: &Inventory, out: &mut Vec<u8>) {
    let _ = writeln!(out, "self {AGENT}");
    let none = Vec::new();
    let processes = inventory.processes.data().unwrap_or(&none);
    let init = Process {
        pid: 1,
        name: "app".into(),
        ..Process::default()
    };
    let init = Some(&init).filter(|_| processes.is_empty());
    for when in ["b", "a"] {
        for process in processes.iter().chain(init) {
            let (pid, name, parent) = (process.pid, &process.name, process.ppid);
            let _ = writeln!(
                out,
                "{when} p {pid} ({name}) S {parent} {}1",
                "0 ".repeat(17)
            );
        }
        for socket in inventory.listeners.data().into_iter().flatten() {
            let place = end(&socket.address, socket.port);
            let _ = writeln!(out, "{when} s {} {place} 1", socket.protocol);
        }
    }
    let files = inventory.files.data().map_or(0, Vec::len).max(1);
    let _ = writeln!(out, "same f {files}");
}

#[cfg(test)]
mod tests {
    use scanner_inventory::{
        FileEntry, FileKind, FilePath, Gap, GapKind, InventoryRequest, Mount, parse,
    };

    use super::*;
    use crate::samples;

    #[test]
    fn paths_and_gaps_of_any_bytes_are_read_back() {
        let odd = || FilePath::from_bytes(b"/a \n\\\xff");
        let mut link = FileEntry::default();
        (link.path, link.exists, link.kind) = (odd(), true, FileKind::Symlink);
        link.link = odd();
        let mut mount = Mount::default();
        (mount.target, mount.fstype) = (odd(), "tmpfs".into());
        (mount.source, mount.options) = ("a b".into(), vec!["rw".into()]);
        let root = Mount {
            target: "/".into(),
            ..mount.clone()
        };
        let gap = Gap::new(GapKind::NotSearchable).at(odd());
        let given = Inventory {
            files: Collected::Partial {
                data: vec![link],
                gaps: gap.clone().into(),
            },
            mounts: Collected::Complete {
                data: vec![root, mount],
            },
            ..Inventory::default()
        };
        let request = InventoryRequest {
            sections: [Section::Files, Section::Mounts].into(),
            ..InventoryRequest::default()
        };
        let bytes = answer(&given, &Asked::of(&request, "nonce"));
        let read = parse::inventory("probe", &bytes, "nonce", &request).expect("an answer");
        assert_eq!(read.mounts, given.mounts);
        assert_eq!(read.files.data(), given.files.data());
        let Collected::Partial { gaps, .. } = &read.files else {
            unreachable!("{:?}", read.files);
        };
        assert_eq!(gaps.total(), 1);
        assert!(gaps.iter().any(|found| *found == gap), "{gaps}");
    }

    #[test]
    fn what_is_written_is_what_a_scanner_reads() {
        let request = InventoryRequest {
            sections: Section::ALL.into_iter().collect(),
            changes: true,
            ..InventoryRequest::default()
        };
        let given = samples::healthy();
        let bytes = answer(&given, &Asked::of(&request, "nonce"));
        let read = parse::inventory("probe", &bytes, "nonce", &request).expect("an answer");
        for (name, same) in [
            ("identity", given.identity == read.identity),
            ("files", given.files == read.files),
            ("users", given.users == read.users),
            ("groups", given.groups == read.groups),
            ("shadow", given.shadow == read.shadow),
            ("processes", given.processes == read.processes),
            ("listeners", given.listeners == read.listeners),
            ("connections", given.connections == read.connections),
            ("mounts", given.mounts == read.mounts),
            ("env", given.env == read.env),
            ("commands", given.commands == read.commands),
            ("packages", given.packages == read.packages),
            (
                "language packages",
                given.language_packages == read.language_packages,
            ),
            ("os", given.os == read.os),
            ("kernel", given.kernel == read.kernel),
        ] {
            assert!(same, "{name}: {given:?}\n{read:?}");
        }
        let changes = read.changes.data().expect("changes");
        assert!(changes.differences.is_empty(), "{changes:?}");
        assert!(
            matches!(read.changes, Collected::Complete { .. }),
            "{:?}",
            read.changes
        );
    }
}
