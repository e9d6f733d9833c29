//! Tests of the readers of sections.

use super::{
    accounts, identity,
    line::{each, each_of_bytes, text},
    mounts,
    packages::packages,
    proc,
    section::all_seen,
    system::{command, env, kernel, os},
};
use crate::{
    changes,
    collected::Collected,
    model::Process,
    wire::{Ending, RawSection},
};

fn lines(text: &str) -> Vec<&[u8]> {
    text.lines().map(str::as_bytes).collect()
}

#[test]
fn packages_that_were_removed_are_not_installed() {
    let all = "@dpkg\nPackage: a\nStatus: install ok installed\nArchitecture: amd64\n\
                Version: 1:2-3\nPackage: b\nStatus: deinstall ok config-files\nVersion: 2\n\
                @apk\nP:musl\nV:1.2-r3\nA:x86_64\n";
    let (found, unreadable) = packages(&text(&lines(all)));
    let names: Vec<_> = found
        .iter()
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    assert_eq!(names, ["a 1:2-3", "musl 1.2-r3"]);
    assert_eq!(unreadable, 0);
}

#[test]
fn packages_of_every_state_that_leaves_files_are_installed() {
    for (state, is_installed) in [
        ("installed", true),
        ("triggers-pending", true),
        ("triggers-awaited", true),
        ("half-configured", true),
        ("unpacked", true),
        ("half-installed", true),
        ("config-files", false),
        ("not-installed", false),
    ] {
        for want in ["install ok", "hold ok", "deinstall reinstreq"] {
            let text = format!("@dpkg\nPackage: a\nStatus: {want} {state}\nVersion: 1\n");
            let text: Vec<String> = text.lines().map(str::to_owned).collect();
            let (found, _) = packages(&text);
            assert_eq!(found.len(), usize::from(is_installed), "{want} {state}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn hostile_lines_never_panic(
        lines in proptest::collection::vec("(@dpkg|@apk|@rpm|[PVA]:|Package: |Status: )?[^\n]{0,40}", 0..20)
    ) {
        let (found, lost) = packages(&lines);
        proptest::prop_assert!(found.len() as u64 + lost <= lines.len() as u64);
        let _ = (os(&lines), kernel(&lines));
        let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        let _ = (each(&lines, env), each_of_bytes(&lines, command));
    }
}

#[test]
fn a_process_that_only_the_shell_saw_is_reported_as_hidden() {
    let seen = |pid| Process {
        pid,
        ..Process::default()
    };
    let changes = changes::Changes {
        stayed: vec![(1, "web".into()), (7, "miner".into())],
        ..changes::Changes::default()
    };
    let data = vec![seen(1), seen(7)];
    let honest = all_seen(Collected::Complete { data }, Some(&changes));
    assert!(matches!(honest, Collected::Complete { .. }));
    let data = vec![seen(1)];
    let Collected::Partial { gaps, .. } = all_seen(Collected::Complete { data }, Some(&changes))
    else {
        unreachable!("hidden");
    };
    assert!(
        gaps.to_string().starts_with("process 7 (miner): "),
        "{gaps}"
    );
}

#[test]
fn what_the_kernel_always_reports_cannot_be_left_out() {
    assert!(identity::identity(&[]).1 >= 3);
    assert_eq!(proc::processes(&[]).1, 1);
    assert_eq!(mounts::mounts(&[]).1, 1);
    assert_eq!(mounts::mounts(&lines("overlay / overlay ro 0 0")).1, 0);
}

#[test]
fn lines_that_were_left_out_make_a_section_partial() {
    let raw = RawSection {
        lines: vec![b"shadowed:a:1:1::/:/bin/sh"; 5],
        gaps: Vec::new(),
        ending: Ending::Ok,
    };
    let Collected::Partial { data, gaps } = accounts::users(raw, 3) else {
        unreachable!("must be partial");
    };
    assert_eq!((data.len(), gaps.total()), (5, 3));
}

#[test]
fn a_line_that_cannot_be_read_makes_a_section_partial() {
    let raw = RawSection {
        lines: lines("shadowed:root:0:0::/root:/bin/sh\ngarbage"),
        gaps: Vec::new(),
        ending: Ending::Ok,
    };
    let Collected::Partial { data, gaps } = accounts::users(raw, 0) else {
        unreachable!("must be partial");
    };
    assert_eq!((data.len(), gaps.total()), (1, 1));
}

#[test]
fn source_packages_are_read_of_every_manager() {
    for (manager, field, expected) in [
        ("dpkg", "Source: glibc (2.36-9)", ("glibc", "2.36-9")),
        ("dpkg", "SOURCE:openssl", ("openssl", "")),
        ("dpkg", "Source: odd (", ("odd", "")),
        ("apk", "o:openssl", ("openssl", "")),
        (
            "rpm",
            "o:openssl-3.0.7-24.el9.src.rpm",
            ("openssl", "3.0.7-24.el9"),
        ),
        ("rpm", "o:a-b-1~rc1-2.nosrc.rpm", ("a-b", "1~rc1-2")),
        ("rpm", "o:(none)", ("", "")),
        ("rpm", "o:x.src.rpm", ("", "")),
    ] {
        let name = if manager == "dpkg" { "Package" } else { "P" };
        for fields in [[field, "P"], ["P", field]] {
            let named = format!("{name}: a");
            let fields = fields.map(|field| if field == "P" { &named } else { field });
            let all = format!("@{manager}\n{}\n@\n", fields.join("\n"));
            let (found, unreadable) = packages(&text(&lines(&all)));
            assert_eq!((found.len(), unreadable), (1, 0), "{all}");
            let found = (&*found[0].source, &*found[0].source_version);
            assert_eq!(found, expected, "{all}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn packages_are_the_same_whatever_the_order_of_their_fields(
        states in proptest::collection::vec((0_usize..8, 0_usize..24), 1..12)
    ) {
        let all = [
            "installed", "triggers-pending", "triggers-awaited", "half-configured", "unpacked", "half-installed",
            "config-files", "not-installed",
        ];
        let mut text = "@dpkg\n".to_owned();
        let mut expected = Vec::new();
        for (number, (state, order)) in states.iter().enumerate() {
            let mut fields = [
                format!("Package: p{number}"),
                format!("Status: install ok {}", all[*state]),
                format!("Version: {number}"),
                format!("Source: s{number}"),
            ];
            fields.rotate_left(order % 4);
            fields.swap(0, order % 3);
            text.push_str(&fields.join("\n"));
            text.push_str("\n@\n");
            if *state < 6 {
                expected.push(format!("p{number} {number} s{number}"));
            }
        }
        let (found, unreadable) = packages(&super::line::text(&lines(&text)));
        let found: Vec<String> = found.iter().map(|p| format!("{} {} {}", p.name, p.version, p.source)).collect();
        proptest::prop_assert_eq!((found, unreadable), (expected, 0));
    }
}
