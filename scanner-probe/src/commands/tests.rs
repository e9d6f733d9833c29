//! Programs that exist, that do not exist, and about which nothing is known.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use scanner_inventory::{Collected, Inventory, InventoryRequest, Section, parse};

use super::*;
use crate::{NAME, Root, answer, inside::Process as Known};

/// The answer to a user without rights about these programs below `root`. Its thread alone is that user.
fn look(root: &Path, process: Option<Known>, names: &[&str]) -> Inventory {
    let request = InventoryRequest {
        sections: [Section::Commands].into(),
        commands: names.iter().map(|&name| name.to_owned()).collect(),
        ..InventoryRequest::default()
    };
    let mut out = Vec::new();
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            nix::unistd::setfsuid(10101.into());
            nix::unistd::setfsgid(10101.into());
            let subject = Subject {
                root: Box::new(Root::open(root).unwrap()),
                process,
                container: String::new(),
            };
            answer(&subject, &request, "n", &mut out).unwrap();
        });
        looks.join().unwrap();
    });
    parse::inventory(NAME, &out, "n", &request).unwrap()
}

fn program(path: &Path, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn gaps(found: &Inventory) -> Vec<(GapKind, String)> {
    let Collected::Partial { gaps, .. } = &found.commands else {
        return Vec::new();
    };
    let place = |gap: &Gap| {
        gap.path
            .as_ref()
            .map_or_else(String::new, FilePath::to_text)
    };
    gaps.iter().map(|gap| (gap.kind, place(gap))).collect()
}

fn found(found: &Inventory) -> Vec<&str> {
    let all = found.commands.data().into_iter().flatten();
    all.map(|command| command.path.as_text()).collect()
}

#[test]
fn a_program_that_its_user_may_not_execute_is_there() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to look as another user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mode(dir.path(), 0o755);
    program(&dir.path().join("usr/bin/su"), 0o4750);
    program(&dir.path().join("usr/bin/data"), 0o644);
    let all = look(dir.path(), None, &["su", "data", "none"]);
    assert_eq!(found(&all), ["/usr/bin/su"]);
    assert!(gaps(&all).is_empty(), "{:?}", all.commands.coverage());
}

#[test]
fn a_place_that_is_shut_is_not_one_without_programs() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to look as another user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    mode(root, 0o755);
    program(&root.join("usr/bin/sh"), 0o755);
    program(&root.join("opt/t/nmap"), 0o755);
    program(&root.join("usr/sbin/tool"), 0o755);
    symlink("/opt/t/nmap", root.join("usr/bin/nmap")).unwrap();
    symlink("none", root.join("usr/bin/gone")).unwrap();
    mode(&root.join("opt/t"), 0o700);
    mode(&root.join("usr/sbin"), 0o700);
    let all = look(root, None, &["gone", "nmap", "sh", "tool"]);
    assert_eq!(found(&all), ["/usr/bin/sh"]);
    let shut = |place: &str| (GapKind::NotSearchable, place.to_owned());
    assert_eq!(gaps(&all), [shut("/usr/sbin"), shut("/usr/bin/nmap")]);
}

/// A process with this PATH, which ends with the test.
struct Process(std::process::Child);

impl Process {
    fn with(path: &str) -> Self {
        let mut command = std::process::Command::new("/bin/sleep");
        let command = command.env_clear().env("PATH", path).arg("60");
        let child = command.spawn().unwrap();
        // It is spawned a moment before the kernel shows what it was given.
        let environ = format!("/proc/{}/environ", child.id());
        while fs::read(&environ).unwrap().is_empty() {
            std::thread::yield_now();
        }
        Self(child)
    }

    /// As the probe keeps it.
    fn known(&self) -> Known {
        Known::of(self.0.id()).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn programs_are_where_path_of_the_target_says() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    mode(root, 0o755);
    program(&root.join("opt/a\nb/nmap"), 0o755);
    program(&root.join("shut/bin/tool"), 0o755);
    program(&root.join("cwd/here"), 0o755);
    mode(&root.join("shut"), 0o700);
    let process = Process::with("cwd::/opt/a\nb//:/shut/bin:/none");
    // One that ended since.
    let ended = Process::with("/none").known();
    let all = look(root, Some(ended), &["nmap"]);
    assert_eq!(gaps(&all), [(GapKind::NotReadable, String::new())]);
    let subject = |process| Subject {
        root: Box::new(Root::open(root).unwrap()),
        process,
        container: String::new(),
    };
    let names = ["nmap", "here", "tool"].map(String::from).into();
    let mut out = Vec::new();
    let end = commands(&subject(Some(process.known())), &names, &mut out).unwrap();
    assert!(matches!(end, End::Ok));
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, "nmap \\/opt/a\\x0ab/nmap\ntool /shut/bin/tool\n");
    let many: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    let process = Process::with(&many.join(":"));
    let end = commands(&subject(Some(process.known())), &names, &mut Vec::new()).unwrap();
    let End::Partial(gaps, _) = end else {
        panic!("there were too many")
    };
    assert_eq!(gaps, Gap::new(GapKind::OverLimit).into());
}
