//! Databases of packages in every shell. Their places are folders of the test.

use std::fs;

use super::*;

/// What every shell reads of packages where the databases are those of `files`.
fn read(files: &[(&str, &str)]) -> Vec<Collected<Vec<String>>> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let request = InventoryRequest {
        sections: [Section::Packages].into(),
        ..InventoryRequest::default()
    };
    let mut script = script(&request, "n0nce");
    for place in [
        "/var/lib/dpkg/",
        "/lib/apk/db/installed",
        "/usr/lib/apk/db/installed",
    ] {
        script = script.replace(&format!(" {place}"), &format!(" {root}{place}"));
    }
    script = script.replace("dir=/var/lib/dpkg", &format!("dir={root}/var/lib/dpkg"));
    let places = "/var/lib/rpm /usr/lib/sysimage/rpm /usr/share/rpm";
    assert!(script.contains(places), "the places of rpm");
    script = script.replace(places, &format!("{root}/rpm"));
    let of = |shell: &&[&str]| {
        let child = started(shell, &script);
        let out = child.wait_with_output().unwrap().stdout;
        let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
        let text = |data: Vec<crate::Package>| {
            let line = |p: &crate::Package| {
                let (name, version, arch) = (&p.name, &p.version, &p.arch);
                format!(
                    "{} {name} {version} {arch} {} {}",
                    p.manager, p.source, p.source_version
                )
            };
            data.iter().map(line).collect()
        };
        match found.packages {
            Collected::Complete { data } => Collected::Complete { data: text(data) },
            Collected::Partial { data, gaps } => Collected::Partial {
                data: text(data),
                gaps,
            },
            Collected::Unavailable { reason } => Collected::Unavailable { reason },
            Collected::NotRequested => Collected::NotRequested,
        }
    };
    SHELLS.iter().map(of).collect()
}

#[test]
fn both_databases_of_apk_are_read_and_what_is_in_both_counts_once() {
    let old = "C:Q1\nP:base\nV:1-r0\nA:x\no:src\n\n";
    let new = "A:x\nV:1-r0\no:src\nP:base\n\nF:etc\nR:x\n\nP:openssh\nV:9-r0\nA:x\n";
    for found in read(&[
        ("lib/apk/db/installed", old),
        ("usr/lib/apk/db/installed", new),
    ]) {
        let data = ["apk base 1-r0 x src ", "apk openssh 9-r0 x  "];
        let data = data.map(str::to_owned).to_vec();
        assert_eq!(found, Collected::Complete { data });
    }
}

#[test]
fn fields_of_dpkg_come_in_any_order_and_in_letters_of_any_size() {
    let status = "Status: deinstall ok config-files\nPackage: gone\nVersion: 1\n\n\
        status: install ok half-installed\nVERSION: 2\npackage: half\n\
        Description: x\n Package: no\n\nPackage: libc-bin\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\n\n\
        Source: openssl\nPackage: libssl3\nStatus: install ok triggers-awaited\nVersion: 3\n";
    for found in read(&[
        ("var/lib/dpkg/status", status),
        ("var/lib/dpkg/status.d/base", "Package: base\nVersion: 4\n"),
    ]) {
        let data = [
            "dpkg half 2   ",
            "dpkg libc-bin 2.36-9+b1  glibc 2.36-9",
            "dpkg libssl3 3  openssl ",
            "dpkg base 4   ",
        ];
        let data = data.map(str::to_owned).to_vec();
        assert_eq!(found, Collected::Complete { data });
    }
}

#[test]
fn a_database_that_cannot_be_read_is_never_left_out_in_silence() {
    let dpkg = ("var/lib/dpkg/status", "Package: a\nVersion: 1\n");
    for other in [
        ("rpm/Packages", "x"),
        // A directory in place of a database.
        ("usr/lib/apk/db/installed/x", "x"),
        ("var/lib/dpkg/status.d/folder/x", "x"),
    ] {
        for found in read(&[dpkg, other]) {
            let Collected::Partial { data, gaps } = found else {
                unreachable!("{other:?}: {found:?}");
            };
            assert_eq!((data.len(), gaps.total()), (1, 1), "{other:?}");
        }
        for found in read(&[other]) {
            assert!(matches!(found, Collected::Unavailable { .. }), "{found:?}");
        }
    }
}

#[test]
fn a_database_below_a_directory_that_is_shut_is_not_missing() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to read as another user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(root, 0o755);
    fs::create_dir_all(root.join("shut/lib")).unwrap();
    fs::write(root.join("status"), "Package: a\nVersion: 1\n").unwrap();
    mode(&root.join("shut"), 0o700);
    let request = InventoryRequest {
        sections: [Section::Packages].into(),
        ..InventoryRequest::default()
    };
    let own = root.to_str().unwrap();
    let read = |shell: &[&str], from: &str, to: &str| {
        let script = script(&request, "n0nce")
            .replace(" /var/lib/dpkg/status", &format!(" {own}/status"))
            .replace(from, to);
        let user = [
            "setpriv",
            "--reuid=10101",
            "--regid=10101",
            "--clear-groups",
        ];
        let child = started(&[&user[..], shell].concat(), &script);
        let out = child.wait_with_output().unwrap().stdout;
        let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
        found.packages.coverage()
    };
    for shell in SHELLS {
        for (from, place) in [
            ("in /var/lib/rpm", "in {}/lib/rpm"),
            ("dir=/var/lib/dpkg/status.d", "dir={}/lib/status.d"),
        ] {
            let of = |dir: &str| read(shell, from, &place.replace("{}", &format!("{own}/{dir}")));
            let shut = of("shut");
            assert!(
                matches!(shut, crate::Coverage::Partial { .. }),
                "{shell:?} {from}: {shut:?}"
            );
            let missing = of("none");
            assert_eq!(missing, crate::Coverage::Complete, "{shell:?} {from}");
        }
    }
}
