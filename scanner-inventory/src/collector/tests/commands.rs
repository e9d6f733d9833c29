//! Programs that exist, that do not exist, and about which nothing is known.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::*;
use crate::GapKind;

/// A user without rights.
const OTHER: [&str; 4] = [
    "setpriv",
    "--reuid=10101",
    "--regid=10101",
    "--clear-groups",
];

fn program(path: &Path, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn look(shell: &[&str], path: &str, names: &[&str]) -> Collected<Vec<crate::CommandEntry>> {
    let request = InventoryRequest {
        sections: [Section::Commands].into(),
        commands: names.iter().map(|&name| name.to_owned()).collect(),
        ..InventoryRequest::default()
    };
    let shell = [&OTHER[..], shell].concat();
    let path = format!("{path}:/usr/bin:/bin");
    let bytes = run(&shell, Some(path.as_ref()), &request);
    let read = parse::inventory(NAME, &bytes, "n0nce", &request);
    read.unwrap().commands
}

#[test]
fn a_place_that_is_shut_is_not_one_without_programs() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to look as another user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    mode(root, 0o755);
    program(&root.join("bin/x-su"), 0o4750);
    program(&root.join("bin/x-data"), 0o644);
    program(&root.join("t/x-nmap"), 0o755);
    program(&root.join("home/bin/x-tool"), 0o755);
    program(&root.join("file"), 0o755);
    symlink(root.join("t/x-nmap"), root.join("bin/x-nmap")).unwrap();
    symlink("none", root.join("bin/x-gone")).unwrap();
    program(&root.join("a\nb/x-odd"), 0o755);
    for shut in ["t", "home"] {
        mode(&root.join(shut), 0o700);
    }
    let own = root.to_str().unwrap();
    let path =
        format!("bin::{own}/bin//:{own}/home/bin:{own}/none:{own}/file:{own}/a\nb:{own}/bin");
    let names = ["x-data", "x-gone", "x-nmap", "x-odd", "x-su", "x-tool"];
    for shell in SHELLS {
        let Collected::Partial { data, gaps } = look(shell, &path, &names) else {
            panic!("{shell:?}: two places are shut")
        };
        let found: Vec<_> = data
            .iter()
            .map(|c| c.path.to_bytes().into_owned())
            .collect();
        let expected = [format!("{own}/a\nb/x-odd"), format!("{own}/bin/x-su")];
        assert_eq!(found, expected.map(String::into_bytes), "{shell:?}");
        let mut gaps: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.kind, gap.path.clone()))
            .collect();
        gaps.sort();
        let shut = |place: &str| {
            (
                GapKind::NotSearchable,
                Some(format!("{own}/{place}").as_str().into()),
            )
        };
        assert_eq!(gaps, [shut("bin/x-nmap"), shut("home/bin")], "{shell:?}");
        let complete = look(shell, &format!("{own}/bin"), &["x-su", "x-data"]);
        assert!(matches!(complete, Collected::Complete { data } if data.len() == 1));
    }
}

#[test]
fn no_more_directories_are_searched_than_a_limit() {
    let many: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    let path = format!("/usr/bin:/bin:{}", many.join(":"));
    for shell in SHELLS {
        let request = everything();
        let bytes = run(shell, Some(path.as_ref()), &request);
        let read = parse::inventory(NAME, &bytes, "n0nce", &request).unwrap();
        let Collected::Partial { gaps, .. } = read.commands else {
            panic!("{shell:?}: there were too many")
        };
        assert!(
            gaps.iter()
                .all(|gap| gap.kind == GapKind::OverLimit && gap.path.is_none())
        );
    }
}
