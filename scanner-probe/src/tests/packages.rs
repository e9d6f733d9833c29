//! Packages of every manager, also side by side and broken.

use super::*;

/// An rpm database of three packages, one of them with a header of 126 kB.
fn rpm() -> Vec<u8> {
    let packed: &[u8] = include_bytes!("../../testdata/rpmdb.sqlite.gz");
    let mut bytes = Vec::new();
    let mut plain = flate2::read::GzDecoder::new(packed);
    std::io::Read::read_to_end(&mut plain, &mut bytes).unwrap();
    bytes
}

/// What `rpm -qa --qf '%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE}'` says of it.
const RPMS: [&str; 3] = [
    "rpm gamma 0.9~rc1-1 noarch",
    "rpm beta-Libs 0.9~rc1-1 noarch",
    "rpm alpha 2:1.2-3.el9 noarch",
];

/// Names and versions of the packages below `root`, and whether they are all.
fn of(root: &Path) -> Collected<Vec<String>> {
    let text = |data: Vec<scanner_inventory::Package>| {
        let texts = data
            .iter()
            .map(|p| format!("{} {} {} {}", p.manager, p.name, p.version, p.arch));
        texts.collect()
    };
    match look(root, &request(&[Section::Packages], vec![])).packages {
        Collected::Complete { data } => Collected::Complete { data: text(data) },
        Collected::Partial { data, gaps } => Collected::Partial {
            data: text(data),
            gaps,
        },
        Collected::Unavailable { reason } => Collected::Unavailable { reason },
        Collected::NotRequested => Collected::NotRequested,
    }
}

/// The same of a root with `files`.
fn packages(files: &[(&str, &[u8])]) -> Collected<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    of(dir.path())
}

#[test]
fn packages_of_distroless_images_and_of_either_apk_are_read() {
    // As in gcr.io/distroless: a file for each package, without a Status.
    let distroless = [
        (
            "var/lib/dpkg/status.d/base",
            b"Package: base-files\nVersion: 12.4\nArchitecture: amd64\nDescription: x\n".as_slice(),
        ),
        ("var/lib/dpkg/status.d/base.md5sums", b"00 etc/x\n"),
        (
            "var/lib/dpkg/status.d/tzdata",
            b"Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n",
        ),
    ];
    let expected = ["dpkg base-files 12.4 amd64", "dpkg tzdata 2024a-0 all"].map(str::to_owned);
    let data = expected.to_vec();
    assert_eq!(packages(&distroless), Collected::Complete { data });
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let data = vec!["apk musl 1.2-r3 x86_64".to_owned()];
        let found = packages(&[(path, b"P:musl\nV:1.2-r3\nA:x86_64\n")]);
        assert_eq!(found, Collected::Complete { data }, "{path}");
    }
}

#[test]
fn two_databases_of_apk_are_both_read_and_one_under_two_names_once() {
    let old: &[u8] = b"P:base\nV:1-r0\nA:x\n\n";
    let new: &[u8] = b"P:base\nV:1-r0\nA:x\n\nP:openssh\nV:9-r0\nA:x\n\nP:base\nV:2-r0\nA:x\n";
    let data = texts(&["apk base 1-r0 x", "apk openssh 9-r0 x", "apk base 2-r0 x"]);
    for [lib, usr] in [[old, new], [new, new]] {
        let found = packages(&[
            ("lib/apk/db/installed", lib),
            ("usr/lib/apk/db/installed", usr),
        ]);
        assert_eq!(found, Collected::Complete { data: data.clone() });
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&text| text.to_owned()).collect()
}

/// Where rpm keeps its database, by the versions of distributions.
const PLACES: [&str; 3] = [
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/share/rpm/rpmdb.sqlite",
];

#[test]
fn an_rpm_database_is_read_as_rpm_reads_it() {
    let rpm = rpm();
    for place in PLACES {
        let found = packages(&[(place, &rpm), ("var/lib/rpm/.rpm.lock", b"")]);
        let data = texts(&RPMS);
        assert_eq!(found, Collected::Complete { data }, "{place}");
    }
    // One place that leads to the other is one database.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("usr/lib/sysimage/rpm")).unwrap();
    fs::create_dir_all(dir.path().join("var/lib")).unwrap();
    fs::write(dir.path().join(PLACES[1]), &rpm).unwrap();
    symlink("../../usr/lib/sysimage/rpm", dir.path().join("var/lib/rpm")).unwrap();
    let data = texts(&RPMS);
    assert_eq!(of(dir.path()), Collected::Complete { data });
}

#[test]
fn managers_beside_each_other_are_all_read() {
    let rpm = rpm();
    let dpkg: (&str, &[u8]) = ("var/lib/dpkg/status", b"Package: a\nVersion: 1\n");
    let apk: (&str, &[u8]) = ("lib/apk/db/installed", b"P:b\nV:2\nA:x\n");
    let found = packages(&[dpkg, apk, (PLACES[0], &rpm)]);
    let mut data = texts(&["dpkg a 1 ", "apk b 2 x"]);
    data.extend(texts(&RPMS));
    assert_eq!(found, Collected::Complete { data });
}

#[test]
fn an_rpm_database_that_cannot_be_read_is_never_left_out_in_silence() {
    let rpm = rpm();
    let cut = &rpm[..rpm.len() / 2];
    let dpkg: (&str, &[u8]) = ("var/lib/dpkg/status", b"Package: a\nVersion: 1\n");
    let log: (&str, &[u8]) = ("var/lib/rpm/rpmdb.sqlite-wal", b"changes");
    for (files, reason) in [
        (
            vec![("var/lib/rpm/Packages", &b"x"[..])],
            "not a whole database",
        ),
        (
            vec![("usr/lib/sysimage/rpm/Packages.db", &b""[..])],
            "not a whole database",
        ),
        (
            vec![("var/lib/rpm/rpmdb.new", &b""[..])],
            "no rpm database of a format that is known",
        ),
        (vec![(PLACES[0], &b""[..])], "not a whole database"),
        (
            vec![(PLACES[0], &b"SQLite format 3\0"[..])],
            "not a whole database",
        ),
        (vec![(PLACES[1], cut)], "not a whole database"),
        (vec![(PLACES[0], &rpm[..]), log], "write-ahead log"),
    ] {
        let mut files = files;
        files.push(dpkg);
        let found = packages(&files);
        let Collected::Partial { data, gaps } = found else {
            unreachable!("{reason}: {found:?}");
        };
        assert_eq!(data[0], "dpkg a 1 ");
        assert!(gaps.to_string().contains(reason), "{reason}: {gaps}");
        files.pop();
        let alone = packages(&files);
        assert!(!matches!(alone, Collected::Complete { .. }), "{alone:?}");
    }
}

#[test]
fn text_that_is_too_long_is_never_cut_in_silence() {
    let mut long = b"Package: a\nVersion: 1\n".to_vec();
    long.resize((16 << 20) + 1, b'\n');
    let found = packages(&[("var/lib/dpkg/status", &long)]);
    assert!(matches!(found, Collected::Unavailable { .. }), "{found:?}");
}

#[test]
fn an_answer_names_the_packages_of_files_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("var/lib/dpkg/info")).unwrap();
    let list = dir.path().join("var/lib/dpkg/info/base.list");
    fs::write(list, "/etc\n/etc/issue\n").unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/issue"), "x").unwrap();
    let mut asked = request(&[Section::Files], vec![FileSelector::default()]);
    for owners in [false, true] {
        asked.owners = owners;
        let found = look(dir.path(), &asked);
        let Collected::Complete { data } = found.files else {
            unreachable!("complete");
        };
        let of = |path: &str| {
            data.iter()
                .find(|f| f.path == path)
                .unwrap()
                .package
                .clone()
        };
        let expected = if owners { "base" } else { "" };
        assert_eq!(of("/etc/issue"), expected);
        assert_eq!(of("/etc"), "");
    }
}
