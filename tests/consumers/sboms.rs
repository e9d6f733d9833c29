//! Bills of materials as scanners for vulnerabilities read them: the distribution, packages, and the source packages under
//! whose names vulnerabilities are known.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use scanner_core::inventory::{Collected, InventoryRequest, Section, parse};
use scanner_probe::{Root, Subject, answer};
use scanner_report::Format;
use serde_json::{Value, json};

use crate::{consumers, reports, rpm, run, write};

/// The programs that read a bill with the packages of these scanners.
const TRIVY: &str = "trivy";
const GRYPE: &str = "grype";

/// What a scanner finds in the bill of materials of a root filesystem that the probe has read.
fn seen(by: &str, root: &Path) -> Vec<String> {
    let request = InventoryRequest {
        sections: [Section::Packages, Section::LanguagePackages, Section::Os].into(),
        ..InventoryRequest::default()
    };
    let subject = Subject {
        root: Box::new(Root::open(root).unwrap()),
        process: None,
        container: String::new(),
    };
    let mut out = Vec::new();
    answer(&subject, &request, "n", &mut out).unwrap();
    let found = parse::inventory(scanner_probe::NAME, &out, "n", &request).unwrap();
    let mut report = reports().swap_remove(0).1;
    report["packages"] = json!({
        "os": data(&found.os),
        "items": data(&found.packages),
        "language": data(&found.language_packages),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "bill", &report, Format::CycloneDx);
    let mut program = Command::new(consumers().join(by));
    program.stdin(Stdio::from(fs::File::open(file).unwrap()));
    let (read, said) = run(&mut program);
    assert!(read, "{said}");
    said.lines().map(str::to_owned).collect()
}

fn data<T: serde::Serialize>(section: &Collected<T>) -> Value {
    json!(section.data().unwrap())
}

/// A root with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Packages of sources with other names and versions, half-installed ones, and one that is gone.
fn debian() -> tempfile::TempDir {
    root(&[
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        (
            "var/lib/dpkg/status",
            "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1~deb12u1\nArchitecture: amd64\n\n\
             Source: glibc (2.36-9)\nPackage: libc-bin\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+b1\n\n\
             Package: git\nStatus: install ok half-configured\nArchitecture: amd64\nVersion: 1:2.39.5-0+deb12u1\n\n\
             Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n",
        ),
    ])
}

/// A system whose packages name their origin, and packages of six languages.
fn alpine() -> tempfile::TempDir {
    let root = root(&[
        ("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n"),
        (
            "lib/apk/db/installed",
            "C:Q1x=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\no:openssl\n\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\no:musl\n",
        ),
        (
            "app/node_modules/@babel/core/package.json",
            r#"{"name":"@babel/core","version":"7.26.0"}"#,
        ),
        (
            "app/node_modules/ms/package.json",
            r#"{"name":"ms","version":"2.1.3"}"#,
        ),
        (
            "usr/lib/python3/Flask_Cors-5.0.0.dist-info/METADATA",
            "Name: Flask_Cors\nVersion: 5.0.0\n\n",
        ),
        ("usr/lib/ruby/specifications/rack-test-2.1.0.gemspec", ""),
        ("app/log4j-1.2-api-2.17.1.jar", ""),
    ]);
    let jar = fs::File::create(root.path().join("app/slf4j.JAR")).unwrap();
    jar_of(jar, "org.Slf4j", "slf4j-api", "2.0.16");
    root
}

#[test]
fn trivy_sees_a_debian_system_with_its_source_packages() {
    assert_eq!(
        seen(TRIVY, debian().path()),
        [
            "os debian 12",
            "package git 0:1:2.39.5-0+deb12u1| of git 1:2.39.5|0+deb12u1",
            "package libc-bin 0:2.36-9+b1| of glibc 0:2.36|9",
            "package libssl3 0:3.0.11-1~deb12u1| of openssl 0:3.0.11|1~deb12u1",
        ]
    );
}

#[test]
fn grype_sees_a_debian_system_with_its_source_packages() {
    // A source without a version has that of its package.
    assert_eq!(
        seen(GRYPE, debian().path()),
        [
            "deb git 1:2.39.5-0+deb12u1",
            "deb libc-bin 2.36-9+b1 of glibc 2.36-9",
            "deb libssl3 3.0.11-1~deb12u1 of openssl ",
            "os debian 12",
        ]
    );
}

#[test]
fn trivy_sees_an_alpine_system_and_packages_of_languages() {
    assert_eq!(
        seen(TRIVY, alpine().path()),
        [
            "gemspec rack-test 2.1.0",
            "jar org.Slf4j:slf4j-api 2.0.16",
            "node-pkg @babel/core 7.26.0",
            "node-pkg ms 2.1.3",
            "os alpine 3.19.1",
            "package libcrypto3 0:3.1.4-r5| of openssl 0:3.1.4-r5|",
            "package musl 0:1.2.4_git20230717-r4| of musl 0:1.2.4_git20230717-r4|",
            "python-pkg Flask_Cors 5.0.0",
        ]
    );
}

#[test]
fn grype_sees_an_alpine_system_and_packages_of_languages() {
    assert_eq!(
        seen(GRYPE, alpine().path()),
        [
            "apk libcrypto3 3.1.4-r5 of openssl ",
            "apk musl 1.2.4_git20230717-r4",
            "gem rack-test 2.1.0",
            "java-archive slf4j-api 2.0.16",
            "npm @babel/core 7.26.0",
            "npm ms 2.1.3",
            "os alpine 3.19.1",
            "python Flask_Cors 5.0.0",
        ]
    );
}

/// Writes an archive with one stored file, as Maven puts it into every archive.
fn jar_of(mut into: impl std::io::Write, group: &str, artifact: &str, version: &str) {
    let name = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    let text = format!("groupId={group}\nartifactId={artifact}\nversion={version}\n");
    let sum = crc(text.as_bytes());
    let size = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    // The common fields of a file's header and its directory entry.
    let common = [
        &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &sum.to_le_bytes(),
        &size(&text),
        &size(&text),
        &short(name.len()),
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), text.as_bytes()].concat();
    let entry = [
        b"PK\x01\x02\x0a\x00",
        &common[..],
        &[0; 14],
        name.as_bytes(),
    ]
    .concat();
    let end = [
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
        &u32::try_from(entry.len()).unwrap().to_le_bytes()[..],
        &u32::try_from(local.len()).unwrap().to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    into.write_all(&[local, entry, end].concat()).unwrap();
}

/// The checksum of archives.
fn crc(bytes: &[u8]) -> u32 {
    let shift = |sum: u32| {
        if sum & 1 == 1 {
            (sum >> 1) ^ 0xedb8_8320
        } else {
            sum >> 1
        }
    };
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| shift(sum))
    });
    !sum
}

/// A system with this database of the samples.
fn of_rpm(database: &str, id: &str, version: &str) -> tempfile::TempDir {
    let all = rpm::databases();
    let database = all
        .iter()
        .find(|path| path.parent().unwrap().ends_with(database))
        .unwrap_or_else(|| panic!("{database}: {all:?}"));
    let release = format!("ID={id}\nVERSION_ID=\"{version}\"\n");
    let root = root(&[("etc/os-release", &release)]);
    let place = root.path().join("var/lib/rpm");
    fs::create_dir_all(&place).unwrap();
    fs::copy(database, place.join(database.file_name().unwrap())).unwrap();
    root
}

#[test]
fn scanners_see_systems_of_rpm_with_their_source_packages() {
    let centos8 = of_rpm("centos8-modularitylabel", "centos", "8");
    let rhel7 = of_rpm("centos7-plain", "rhel", "7.9");
    for (by, root, os, expected) in [
        (
            TRIVY,
            &centos8,
            "os centos 8",
            "package openssl-libs 1:1.1.1c|15.el8 of openssl 1:1.1.1c|15.el8",
        ),
        (
            TRIVY,
            &rhel7,
            "os redhat 7.9",
            "package openssl-libs 1:1.0.2k|12.el7 of openssl 1:1.0.2k|12.el7",
        ),
        (
            GRYPE,
            &centos8,
            "os centos 8",
            "rpm openssl-libs 1:1.1.1c-15.el8 of openssl 1.1.1c-15.el8",
        ),
        (
            GRYPE,
            &rhel7,
            "os redhat 7.9",
            "rpm openssl-libs 1:1.0.2k-12.el7 of openssl 1.0.2k-12.el7",
        ),
    ] {
        let seen = seen(by, root.path());
        assert!(seen.contains(&os.to_owned()), "{by}: {seen:?}");
        assert!(seen.contains(&expected.to_owned()), "{by}: {seen:#?}");
        let kind = expected.split(' ').next().unwrap();
        let packages = seen.iter().filter(|line| line.starts_with(kind));
        assert!(packages.count() > 100, "{by}");
    }
}
