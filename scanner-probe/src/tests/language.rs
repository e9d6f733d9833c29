//! Packages of languages, in their usual places, where they only seem to be, and in odd forms.

use std::io::Write as _;

use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use scanner_inventory::Coverage;

use super::*;

/// What is reported of the packages below `root`, one line each, and how completely.
fn of(root: &Path) -> (Vec<String>, Coverage) {
    let found = look(root, &request(&[Section::LanguagePackages], vec![]));
    let packages = found.language_packages;
    let coverage = packages.coverage();
    let lines = packages.data().into_iter().flatten().map(|p| {
        format!(
            "{} {} {} {} {}",
            p.ecosystem, p.name, p.version, p.license, p.path
        )
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    (lines, coverage)
}

/// The same of a root with `files`.
fn packages(files: &[(&str, &[u8])]) -> (Vec<String>, Coverage) {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    of(dir.path())
}

fn reasons(coverage: &Coverage) -> (u64, String) {
    match coverage {
        Coverage::Partial { gaps } => (gaps.total(), gaps.to_string()),
        other => unreachable!("{other:?}"),
    }
}

/// An archive of files, each stored or compressed.
fn jar(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, text, is_compressed) in files {
        let method = if *is_compressed {
            CompressionMethod::DEFLATE
        } else {
            CompressionMethod::STORE
        };
        let file = archive.new_file(name).compression_method(method);
        let (mut entry, config) = file.start().unwrap();
        let descriptor = if *is_compressed {
            let level = flate2::Compression::default();
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, level);
            let mut writer = config.wrap(encoder);
            writer.write_all(text).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(text).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

const POM: &str = "META-INF/maven/org.slf4j/slf4j-api/pom.properties";
const SLF4J: &[u8] = b"#Generated\nartifactId=slf4j-api\ngroupId=org.slf4j\nversion=2.0.16\n";

#[test]
fn packages_are_found_where_their_managers_leave_them() {
    let python = b"Metadata-Version: 2.4\nName: Flask_Cors\nVersion: 5.0.0\nLicense: UNKNOWN\n\
                   License-Expression: MIT\n\nName: not-this\n";
    let slf4j = jar(&[(POM, SLF4J, true)]);
    let boot = jar(&[
        ("BOOT-INF/lib/slf4j-api-2.0.16.jar", &slf4j, false),
        ("META-INF/MANIFEST.MF", b"Main-Class: a.B\r\nImplementation-Title: sh\r\n op\r\nImplementation-Version: 3.1\r\n\r\nName: x\r\n", true),
    ]);
    let bundle = jar(&[(
        "META-INF/MANIFEST.MF",
        b"Bundle-SymbolicName: org.osgi.core;singleton:=true\nBundle-Version: 8.0.0\n",
        true,
    )]);
    let plain = jar(&[("a/B.class", b"x", true)]);
    let mut signed = b"Bundle-SymbolicName: ecj\nBundle-Version: 3.38.0\n\n".to_vec();
    signed.resize(200_000, b'x');
    let signed = jar(&[("META-INF/MANIFEST.MF", &signed, true)]);
    let (found, coverage) = packages(&[
        (
            "usr/lib/node_modules/npm/package.json",
            br#"{"name":"npm","version":"10.9.2","license":"Artistic-2.0","x":[[],{}]}"#,
        ),
        (
            "app/node_modules/@babel/core/package.json",
            br#"{"version":"7.26.0","name":"@babel/core","license":{"url":"u","type":"MIT"}}"#,
        ),
        (
            "app/node_modules/@babel/core/node_modules/ms/package.json",
            br#"{"name":"ms","version":"2.1.3","license":["a"]}"#,
        ),
        ("app/node_modules/nameless/package.json", b"{}"),
        // Not what is installed, but a project, and a part of a package.
        ("app/package.json", br#"{"name":"app","version":"1"}"#),
        (
            "app/node_modules/ms/dist/package.json",
            br#"{"name":"no","version":"1"}"#,
        ),
        (
            "usr/lib/python3/dist-packages/Flask_Cors-5.0.0.dist-info/METADATA",
            python,
        ),
        (
            "usr/lib/python3/dist-packages/six.egg-info/PKG-INFO",
            b"Name: six\nVersion: 1.17\nLicense: MIT\n",
        ),
        (
            "usr/lib/python3/dist-packages/old-1.egg-info",
            b"Name: old\nVersion: 1\n",
        ),
        ("srv/METADATA", python),
        (
            "var/lib/gems/3.3.0/specifications/rack-test-2.1.0.gemspec",
            b"exec('x')",
        ),
        (
            "var/lib/gems/3.3.0/specifications/nokogiri-1.16.7-x86_64-linux.gemspec",
            b"",
        ),
        (
            "usr/lib/ruby/gems/3.3.0/specifications/default/json-2.9.1.gemspec",
            b"",
        ),
        ("srv/gem/own.gemspec", b""),
        ("opt/boot.jar", &boot),
        ("opt/osgi.JAR", &bundle),
        ("opt/bundle.jar", &bundle),
        ("opt/signed.jar", &signed),
        ("usr/share/java/commons-io-2.18.0.jar", &plain),
    ]);
    let expected = [
        "gem json 2.9.1  /usr/lib/ruby/gems/3.3.0/specifications/default/json-2.9.1.gemspec",
        "gem nokogiri 1.16.7-x86_64-linux  /var/lib/gems/3.3.0/specifications/nokogiri-1.16.7-x86_64-linux.gemspec",
        "gem rack-test 2.1.0  /var/lib/gems/3.3.0/specifications/rack-test-2.1.0.gemspec",
        "jar commons-io 2.18.0  /usr/share/java/commons-io-2.18.0.jar",
        "jar ecj 3.38.0  /opt/signed.jar",
        "jar org.osgi.core 8.0.0  /opt/bundle.jar",
        "jar org.osgi.core 8.0.0  /opt/osgi.JAR",
        "jar shop 3.1  /opt/boot.jar",
        "maven org.slf4j:slf4j-api 2.0.16  /opt/boot.jar!/BOOT-INF/lib/slf4j-api-2.0.16.jar",
        "npm @babel/core 7.26.0 MIT /app/node_modules/@babel/core/package.json",
        "npm ms 2.1.3  /app/node_modules/@babel/core/node_modules/ms/package.json",
        "npm nameless   /app/node_modules/nameless/package.json",
        "npm npm 10.9.2 Artistic-2.0 /usr/lib/node_modules/npm/package.json",
        "pypi Flask_Cors 5.0.0 MIT /usr/lib/python3/dist-packages/Flask_Cors-5.0.0.dist-info/METADATA",
        "pypi old 1  /usr/lib/python3/dist-packages/old-1.egg-info",
        "pypi six 1.17 MIT /usr/lib/python3/dist-packages/six.egg-info/PKG-INFO",
    ];
    assert_eq!(found, expected);
    assert_eq!(coverage, Coverage::Complete);
}

#[test]
fn folders_and_files_of_python_may_have_letters_of_any_size() {
    for place in [
        "a/X-1.DIST-INFO/METADATA",
        "a/X-1.Dist-Info/METADATA",
        "a/x.EGG-INFO/PKG-INFO",
        "a/x.egg/egg-info/PKG-INFO",
        "a/x.Egg-Info",
    ] {
        let (found, coverage) = packages(&[(place, b"Name: x\nVersion: 1\n")]);
        assert_eq!(found, [format!("pypi x 1  /{place}")]);
        assert_eq!(coverage, Coverage::Complete);
    }
    for place in ["a/dist-info/METADATA", "a/x-dist-info/METADATA"] {
        assert_eq!(packages(&[(place, b"Name: x\nVersion: 1\n")]).0.len(), 0);
    }
}

#[test]
fn a_root_without_any_is_looked_at_whole() {
    assert_eq!(
        packages(&[("etc/passwd", b"x")]),
        (vec![], Coverage::Complete)
    );
}

#[test]
fn what_cannot_be_understood_is_reported_and_hides_nothing_else() {
    let good: (&str, &[u8]) = (
        "a/node_modules/ok/package.json",
        br#"{"name":"ok","version":"1"}"#,
    );
    let mut long = br#"{"name":"long","version":"1","x":""#.to_vec();
    long.resize(1 << 20, b'x');
    long.extend(br#""}"#);
    let deep = [r#"{"name":"deep","version":"1","x":"#, &"[".repeat(5000)].concat();
    let name = format!(r#"{{"name":"{}","version":"1"}}"#, "n".repeat(300));
    let inner = jar(&[(POM, SLF4J, true)]);
    let packed = jar(&[("WEB-INF/lib/slf4j-api-2.0.16.jar", &inner, true)]);
    let bomb = vec![b' '; 8 << 20];
    let bomb = jar(&[(POM, &bomb, true)]);
    let nameless = jar(&[(POM, b"version=1\n", true)]);
    let levels = (0..6).fold(inner.clone(), |inner, _| jar(&[("x.jar", &inner, false)]));
    for (what, file) in [
        (
            "cut JSON",
            ("a/node_modules/b/package.json", &b"{\"name\":\"b\""[..]),
        ),
        ("no object", ("a/node_modules/b/package.json", &b"[1]"[..])),
        (
            "a number",
            ("a/node_modules/b/package.json", &br#"{"name":1}"#[..]),
        ),
        (
            "no name",
            ("a/node_modules/b/package.json", &br#"{"name":""}"#[..]),
        ),
        ("a long file", ("a/node_modules/long/package.json", &long)),
        (
            "a deep file",
            ("a/node_modules/deep/package.json", deep.as_bytes()),
        ),
        (
            "a long name",
            ("a/node_modules/b/package.json", name.as_bytes()),
        ),
        (
            "no Python",
            ("a/b.dist-info/METADATA", &b"Version: 1\n"[..]),
        ),
        (
            "no header",
            ("a/b.dist-info/METADATA", &b"\nName: b\nVersion: 1\n"[..]),
        ),
        ("no archive", ("a/b.jar", &b"not a zip"[..])),
        ("an empty archive", ("a/b.jar", &b""[..])),
        ("half an archive", ("a/b.jar", &inner[..inner.len() / 2])),
        ("its end alone", ("a/b.jar", &inner[inner.len() / 2..])),
        ("a compressed archive in one", ("a/b.war", &packed)),
        ("a long entry", ("a/b.jar", &bomb)),
        ("a pom without a name", ("a/b.jar", &nameless)),
        ("too many levels", ("a/b.jar", &levels)),
    ] {
        let (found, coverage) = packages(&[good, file]);
        assert!(
            found.contains(&"npm ok 1  /a/node_modules/ok/package.json".to_owned()),
            "{what}"
        );
        let (lost, reasons) = reasons(&coverage);
        assert_eq!(lost, 1, "{what}: {reasons}");
        assert!(reasons.contains(file.0), "{what}: {reasons}");
    }
    // What is compressed is at least called by its file's name.
    let (found, _) = packages(&[("a/b.war", &packed)]);
    assert_eq!(
        found[1],
        "jar slf4j-api 2.0.16  /a/b.war!/WEB-INF/lib/slf4j-api-2.0.16.jar"
    );
}

#[test]
fn names_of_packages_cannot_pose_as_other_lines_or_fields() {
    let json = br#"{"name":"a\tb\n!ok\n@n done 1","version":"1\u001b[2J"}"#;
    let (found, coverage) = packages(&[
        ("a/node_modules/x/package.json", json),
        (
            "a/node_modules/t\tu/package.json",
            br#"{"name":"t","version":"1"}"#,
        ),
        (
            "a/node_modules/two\nlines/package.json",
            br#"{"name":"lines","version":"1"}"#,
        ),
    ]);
    assert_eq!(
        found,
        [
            "npm a?b?!ok?@n done 1 1?[2J  /a/node_modules/x/package.json",
            "npm lines 1  /a/node_modules/two\\x0alines/package.json",
            "npm t 1  /a/node_modules/t\\x09u/package.json",
        ]
    );
    assert_eq!(coverage, Coverage::Complete);
}

#[test]
fn links_and_pipes_in_the_place_of_files_are_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("a/node_modules/b");
    fs::create_dir_all(&at).unwrap();
    symlink("/etc/hostname", at.join("package.json")).unwrap();
    symlink(&at, dir.path().join("a/node_modules/loop")).unwrap();
    let pipe = dir.path().join("a.jar");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    assert_eq!(of(dir.path()), (vec![], Coverage::Complete));
}

#[test]
fn more_packages_than_are_written_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("specifications");
    fs::create_dir_all(&at).unwrap();
    for number in 0..40_003 {
        fs::write(at.join(format!("g{number}-1.0.gemspec")), "").unwrap();
    }
    let (found, coverage) = of(dir.path());
    assert_eq!(found.len(), 40_000);
    assert_eq!(reasons(&coverage).0, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hostile_files_give_a_whole_answer(
        json in r#"\{?("(name|version|license|x)":("[a-z\\"]{0,9}"|\{"type":[a-z"]{0,5}\}|[0-9\[\]{},]{0,9}),?){0,4}\}?"#,
        python in "(Name|version|License|[a-z]{0,5}|\n){0,6}: ?[\u{0}-\u{ff}]{0,20}",
        gem in "[a-z0-9.-]{0,12}",
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let inner = jar(&[(POM, SLF4J, true)]);
        let whole = jar(&[("lib/a.jar", &inner, false), ("META-INF/MANIFEST.MF", b"a: b\n", true)]);
        let mut changed = whole.clone();
        for (at, byte) in changes {
            changed[at.index(whole.len())] = byte;
        }
        let gem = format!("specifications/{gem}.gemspec");
        let (found, _) = packages(&[
            ("node_modules/a/package.json", json.as_bytes()),
            ("a.dist-info/METADATA", python.as_bytes()),
            (&gem, b""),
            ("changed.jar", &changed),
            ("cut.jar", &whole[..cut.index(whole.len())]),
            ("good.jar", &whole),
        ]);
        prop_assert!(found.iter().any(|line| line.ends_with("/good.jar!/lib/a.jar")));
    }
}
