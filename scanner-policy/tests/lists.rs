//! What a title says there is none of is held to what distributions name it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckResult, CheckStatus},
    inventory::{
        Collected, CommandEntry, FileEntry, FileKind, Inventory, OsRelease, Package, Process, User,
    },
};
use scanner_policy::Profile;
use serde::Deserialize;

/// By check, and by who names it so.
type Lists = BTreeMap<String, BTreeMap<String, Vec<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    commands: Lists,
    packages: Lists,
    processes: Lists,
    files: Lists,
    exempt: BTreeMap<String, String>,
}

fn lists() -> File {
    let text = include_str!("../profiles/tests/lists.yaml");
    serde_saphyr::from_str(text).unwrap()
}

fn profiles() -> Vec<Profile> {
    let shipped = Profile::SHIPPED.iter();
    shipped
        .map(|name| Profile::shipped(name).unwrap())
        .collect()
}

fn complete<T>(data: T) -> Collected<T> {
    Collected::Complete { data }
}

/// An inventory in which everything was looked at, and nothing is there.
fn empty() -> Inventory {
    Inventory {
        files: complete(vec![]),
        commands: complete(vec![]),
        packages: complete(vec![]),
        processes: complete(vec![]),
        users: complete(vec![]),
        ..Inventory::default()
    }
}

fn result(profile: &Profile, id: &str, inventory: &Inventory) -> CheckResult {
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let findings = profile.evaluate(inventory, &today);
    let mut results = findings.results.into_iter();
    results.find(|result| result.id == id).unwrap()
}

fn status(profile: &Profile, id: &str, inventory: &Inventory) -> CheckStatus {
    result(profile, id, inventory).status
}

/// How many things a check finds.
fn found(profile: &Profile, id: &str, inventory: &Inventory) -> u64 {
    let result = result(profile, id, inventory);
    let fails = result.status == CheckStatus::Fail;
    if fails { result.evidence_total } else { 0 }
}

/// Every name of the lists that its check does not find. `put` adds one to an inventory.
fn missed(lists: &Lists, put: impl Fn(&str, &mut Inventory)) -> Vec<String> {
    let profiles = profiles();
    let mut missed = Vec::new();
    for (id, by) in lists {
        let profile = profiles.iter().find(|p| p.ids().any(|known| known == id));
        let profile = profile.unwrap_or_else(|| unreachable!("no check {id}"));
        assert_eq!(status(profile, id, &empty()), CheckStatus::Pass, "{id}");
        let request = profile.request_of(id).unwrap();
        let is_found = |names: &[String]| {
            let mut inventory = empty();
            for name in names {
                put(name, &mut inventory);
            }
            let commands = inventory.commands.data().into_iter().flatten();
            // A scan only finds what was asked for.
            let mut asked = commands.map(|c| request.commands.contains(&c.name));
            asked.all(|asked| asked) && found(profile, id, &inventory) == names.len() as u64
        };
        for (who, names) in by.iter().filter(|(_, names)| !is_found(names)) {
            let one = |name: &&String| !is_found(std::slice::from_ref(*name));
            let names: Vec<&String> = names.iter().filter(one).collect();
            missed.push(format!("{id} ({who}): {names:?}"));
        }
    }
    missed
}

fn add<T>(list: &mut Collected<Vec<T>>, item: T) {
    if let Collected::Complete { data } = list {
        data.push(item);
    }
}

#[test]
fn every_command_package_process_and_file_that_distributions_name_is_found() {
    let lists = lists();
    let mut all = missed(&lists.commands, |name, inventory| {
        let path = format!("/usr/bin/{name}");
        let command = CommandEntry {
            name: name.into(),
            path: path.as_str().into(),
        };
        add(&mut inventory.commands, command);
    });
    all.extend(missed(&lists.packages, |name, inventory| {
        let package = Package {
            name: name.into(),
            version: "1".into(),
            ..Package::default()
        };
        add(&mut inventory.packages, package);
    }));
    all.extend(missed(&lists.processes, |name, inventory| {
        let process = Process {
            pid: 7,
            // The kernel keeps 15 bytes of a name.
            name: name.chars().take(15).collect(),
            ..Process::default()
        };
        add(&mut inventory.processes, process);
    }));
    all.extend(missed(&lists.files, |path, inventory| {
        let file = FileEntry {
            path: path.into(),
            exists: true,
            kind: FileKind::File,
            mode: 0o600,
            size: 1,
            ..FileEntry::default()
        };
        add(&mut inventory.files, file);
    }));
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn every_title_that_says_no_is_held_to_a_list_or_says_why_not() {
    let lists = lists();
    let listed: BTreeSet<&String> = [
        &lists.commands,
        &lists.packages,
        &lists.processes,
        &lists.files,
    ]
    .into_iter()
    .flat_map(BTreeMap::keys)
    .chain(lists.exempt.keys())
    .collect();
    let ends = [
        " present",
        " installed",
        " running",
        " reachable",
        " listening",
        " crontab",
    ];
    let today = Evaluation::on(jiff::civil::date(2026, 1, 31));
    let mut held = 0;
    for profile in profiles() {
        for check in profile.evaluate(&Inventory::default(), &today).results {
            let says_no =
                check.title.starts_with("No ") && ends.iter().any(|end| check.title.ends_with(end));
            held += usize::from(says_no);
            assert!(
                !says_no || listed.contains(&check.id) || check.tags.contains(&"pod".to_owned()),
                "{}: {}",
                check.id,
                check.title
            );
        }
    }
    assert!(held > 20, "{held}");
}

#[test]
fn what_distributions_do_not_name_so_is_not_found() {
    let profiles = profiles();
    for (id, name) in [
        ("compiler-packages", "gcc-12-base"),
        ("compiler-packages", "libgcc-s1"),
        ("compiler-packages", "golang-docker-credential-helpers"),
        ("compiler-packages", "openjdk-17-jre-headless"),
        ("compiler-packages", "rust-libs"),
        ("debug-packages", "libcurl4"),
        ("debug-packages", "linux-libc-dev"),
        ("setuid-packages", "libpolkit-gobject-1-0"),
        ("server-packages", "openssh-client"),
    ] {
        let profile = profiles
            .iter()
            .find(|p| p.ids().any(|known| known == id))
            .unwrap();
        let mut inventory = empty();
        inventory.packages = complete(vec![Package {
            name: name.into(),
            ..Package::default()
        }]);
        assert_eq!(
            status(profile, id, &inventory),
            CheckStatus::Pass,
            "{id} {name}"
        );
    }
}

#[test]
fn homes_are_those_of_the_accounts() {
    let profile = Profile::shipped("container-baseline").unwrap();
    let account = |home: &str| User {
        name: "a".into(),
        home: home.into(),
        ..User::default()
    };
    let directory = |path: &str, mode| FileEntry {
        path: path.into(),
        exists: true,
        kind: FileKind::Directory,
        mode,
        ..FileEntry::default()
    };
    for (home, path, mode, wanted) in [
        ("/var/lib/app", "/var/lib/app", 0o777, CheckStatus::Fail),
        ("/var/lib/app/", "/var/lib/app", 0o770, CheckStatus::Fail),
        ("/srv/app", "/srv/app", 0o1777, CheckStatus::Fail),
        ("/srv/app", "/srv/app", 0o755, CheckStatus::Pass),
        ("/srv/app", "/srv/other", 0o777, CheckStatus::Pass),
        ("/srv/app", "/srv/app/public", 0o777, CheckStatus::Pass),
        ("/srv/app", "/home/old", 0o777, CheckStatus::Fail),
        ("/var/mail", "/var/mail", 0o2775, CheckStatus::Pass),
    ] {
        let mut inventory = empty();
        inventory.users = complete(vec![account(home)]);
        inventory.files = complete(vec![directory(path, mode)]);
        let found = status(&profile, "home-permissions", &inventory);
        assert_eq!(found, wanted, "{home} {path} {mode:o}");
    }
}

#[test]
fn a_release_is_supported_ended_or_not_checked() {
    let profile = Profile::shipped("packages").unwrap();
    let release = |id: &str, version: &str| {
        let inventory = Inventory {
            os: complete(OsRelease {
                id: id.into(),
                version: version.into(),
                ..OsRelease::default()
            }),
            ..Inventory::default()
        };
        result(&profile, "os-end-of-life", &inventory)
    };
    let of = |id: &str, version: &str| release(id, version).status;
    let why = release("other", "1").message;
    assert_eq!(why, "input end_of_life has no other 1");
    let ended = [
        ("alpine", "2.7.9 3.0.1 3.9.6 3.12.12 3.14.10 3.15.1 3.19.9"),
        ("debian", "6 7 8 9 10"),
        (
            "ubuntu",
            "10.04 12.04 14.04 16.04 17.10 18.04 18.10 19.04 19.10 20.04 20.10 21.04 21.10 22.10 23.04 23.10 24.10",
        ),
        ("centos", "5 6 6.10 7 8"),
        ("rhel", "5.11 6.10 7.9"),
        ("fedora", "20 33 39 40 41"),
        ("amzn", "2015.09 2016.09 2017.03 2018.03"),
        ("opensuse-leap", "42.1 42.3 15.0 15.4 15.5"),
        ("sles", "11.4 12.5 15 15.4 15.5"),
        ("ol", "5.11 6.10 7.9"),
    ];
    for (id, versions) in ended {
        for version in versions.split(' ') {
            assert_eq!(of(id, version), CheckStatus::Fail, "{id} {version}");
        }
    }
    let supported = [
        ("alpine", "3.22.1 3.23"),
        ("debian", "12 13"),
        ("ubuntu", "22.04 24.04"),
        ("fedora", "43"),
        ("amzn", "2023"),
        ("rocky", "9.5"),
        ("centos", "9 10"),
        ("wolfi", "20230201"),
        ("chainguard", "20230214"),
        ("opensuse-tumbleweed", "20261120"),
        ("gentoo", "2.17"),
        ("manjaro", "25.0.10"),
    ];
    for (id, versions) in supported {
        for version in versions.split(' ') {
            assert_eq!(of(id, version), CheckStatus::Pass, "{id} {version}");
        }
    }
    assert_eq!(of("arch", ""), CheckStatus::Pass);
    for (id, version) in [
        ("alpine", "3.199"),
        ("alpine", "edge"),
        ("debian", ""),
        ("debian", "99"),
        ("debian", "sid"),
        ("ubuntu", "19.07"),
        ("ubuntu", "99.04"),
        ("wolfi-like", "20230201"),
        ("other", "1"),
        ("", "12"),
        ("", ""),
    ] {
        assert_eq!(of(id, version), CheckStatus::Error, "{id} {version}");
    }
}
