//! Layers that hide, replace and mislead, put together and read back.

mod views;

use super::*;
use crate::commands::is_program;

type File<'a> = (&'a str, tar::EntryType, u32, &'a str);

/// A layer of files; the last part is the target of a link or the contents of a file.
fn layer(files: &[File]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, mode, text) in files {
        let mut header = tar::Header::new_gnu();
        // Written as it is: the builder refuses names that lead out.
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_uid(7);
        header.set_gid(8);
        let link = kind.is_symlink() || kind.is_hard_link();
        if link {
            header.set_link_name_literal(text).unwrap();
        }
        let data = if link { "" } else { text };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

const fn file<'a>(path: &'a str, text: &'a str) -> File<'a> {
    (path, tar::EntryType::Regular, 0o644, text)
}

const fn link<'a>(path: &'a str, to: &'a str) -> File<'a> {
    (path, tar::EntryType::Symlink, 0o777, to)
}

fn image(layers: &[&[File]]) -> Layers {
    let mut all = Layers::default();
    for files in layers {
        all.add(layer(files).as_slice()).unwrap();
    }
    all
}

fn paths(image: &Layers) -> Vec<String> {
    let mut paths = Vec::new();
    let every: Result<(), Errno> = image.inodes.each(inodes::ROOT, b"", |path, id| {
        if !image.inodes.is_directory(id) {
            paths.push(FilePath::from_bytes(path).to_text());
        }
        Ok(())
    });
    every.unwrap();
    paths.sort();
    paths
}

#[test]
fn packages_of_languages_are_read_without_unpacking() {
    use scanner_inventory::{InventoryRequest, Section, parse};
    let python = "Metadata-Version: 2.1\nName: requests\nVersion: 2.32.3\n";
    let json = r#"{"name": "left-pad", "version": "1.3.0", "license": "WTFPL"}"#;
    let hidden = "app/node_modules/.wh.gone";
    let image = image(&[
        &[
            file("usr/lib/python3/requests-2.32.3.dist-info/METADATA", python),
            file("app/node_modules/left-pad/package.json", json),
            file("app/node_modules/gone/package.json", json),
            file("app/package.json", json),
        ],
        &[file(hidden, "")],
    ]);
    let subject = crate::Subject {
        root: Box::new(image),
        process: None,
        container: String::new(),
    };
    let request = InventoryRequest {
        sections: [Section::LanguagePackages].into(),
        ..InventoryRequest::default()
    };
    let mut out = Vec::new();
    crate::answer(&subject, &request, "n", &mut out).unwrap();
    let found = parse::inventory(crate::NAME, &out, "n", &request).unwrap();
    assert_eq!(
        found.language_packages.coverage(),
        scanner_inventory::Coverage::Complete
    );
    let data = found.language_packages.data().unwrap();
    let names: Vec<&str> = data.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["left-pad", "requests"]);
}

#[test]
fn a_whiteout_hides_what_is_below_and_not_what_is_beside_it() {
    let lower = [file("a/x", "1"), file("a/y/z", "2"), file("a-b", "3")];
    let found = image(&[&lower, &[file("a/.wh.y", ""), file("a/.wh.none", "")]]);
    assert_eq!(paths(&found), ["/a-b", "/a/x"]);
    let found = image(&[&lower, &[file("a/new", ""), file("a/.wh..wh..opq", "")]]);
    assert_eq!(paths(&found), ["/a-b", "/a/new"]);
    let found = image(&[&lower, &[file("a", "now a file")]]);
    assert_eq!(paths(&found), ["/a", "/a-b"]);
}

#[test]
fn links_are_followed_within_the_root() {
    let found = image(&[
        &[
            file("usr/bin/tool", ""),
            link("bin", "usr/bin"),
            link("etc", "../../../../conf"),
            link("loop", "/loop"),
        ],
        &[
            file("etc/passwd", "root:x:0:0:::"),
            ("bin/sh", tar::EntryType::Regular, 0o755, ""),
        ],
    ]);
    assert_eq!(is_program(&found, &"/bin/sh".into()), Ok(true));
    assert_eq!(is_program(&found, &"/bin/tool".into()), Ok(false));
    assert!(paths(&found).contains(&"/usr/bin/sh".to_owned()));
    assert_eq!(
        found.text("/conf/passwd").unwrap().as_deref(),
        Some("root:x:0:0:::")
    );
    assert_eq!(found.names("/etc").unwrap(), ["passwd"]);
    assert_eq!(found.text("/loop/x"), Err(Errno::LOOP));
    assert_eq!(found.text("/loop"), Err(Errno::LOOP));
    let at = |path: &str| {
        found
            .followed(path)
            .map(|found| found.map(|meta| meta.mode))
    };
    let is = |path: &str| found.meta(path).unwrap().map(|meta| meta.mode);
    assert_eq!(at("/bin"), Ok(is("/usr/bin")));
    assert_eq!(at("/etc"), Ok(is("/conf")));
    assert_ne!(is("/etc"), is("/conf"));
    assert_eq!(at("/none"), Ok(None));
    assert_eq!(at("/loop"), Err(Errno::LOOP));
}

fn refused(layers: &[&[File]]) -> String {
    let mut all = Layers::default();
    let added = layers.iter().map(|files| all.add(layer(files).as_slice()));
    let error = added.collect::<io::Result<Vec<()>>>().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    error.to_string()
}

#[test]
fn a_hard_link_is_what_it_names_and_sets_owner_and_permissions_of_both() {
    let hard = ("bin/su", tar::EntryType::Link, 0o4755, "su");
    let found = image(&[&[("su", tar::EntryType::Regular, 0o755, "x"), hard]]);
    for name in ["/bin/su", "/su"] {
        let meta = found.meta(name).unwrap().unwrap();
        assert_eq!(
            (meta.mode & 0o7777, meta.uid, meta.gid),
            (0o4755, 7, 8),
            "{name}"
        );
    }
    assert_eq!(paths(&found), ["/bin/su", "/su"]);
    let message = refused(&[&[("gone", tar::EntryType::Link, 0, "nothing")]]);
    assert!(
        message.starts_with("gone: a hard link names no file"),
        "{message}"
    );
}

#[test]
fn names_that_lead_out_end_at_the_root() {
    let found = image(&[&[file("../../etc/passwd", "root:x:0:0:::")]]);
    assert_eq!(paths(&found), ["/etc/passwd"]);
    assert_eq!(
        found.text("/etc/passwd").unwrap().as_deref(),
        Some("root:x:0:0:::")
    );
}

#[test]
fn names_that_differ_in_a_byte_that_is_no_text_are_two_files() {
    let mut archive = Vec::new();
    for (name, mode) in [(&b"bin/su\xff"[..], 0o4755), (b"bin/su\xfe", 0o755)] {
        let mut one = layer(&[("N", tar::EntryType::Regular, mode, "x")]);
        one.truncate(1024);
        one[..name.len()].copy_from_slice(name);
        let mut header = tar::Header::from_byte_slice(&one[..512]).clone();
        header.set_cksum();
        one[..512].copy_from_slice(header.as_bytes());
        archive.extend(one);
    }
    let mut found = Layers::default();
    found.add(archive.as_slice()).unwrap();
    assert_eq!(paths(&found), [r"/bin/su\xfe", r"/bin/su\xff"]);
    let mode = |path: &str| found.meta(path).unwrap().unwrap().mode & 0o7777;
    assert_eq!(
        (mode(r"/bin/su\xff"), mode(r"/bin/su\xfe")),
        (0o4755, 0o755)
    );
}

#[test]
fn a_target_longer_than_paths_are_and_links_in_rounds_are_refused_at_once() {
    let started = std::time::Instant::now();
    let long = |length: usize| {
        let mut builder = tar::Builder::new(Vec::new());
        let target = "a/".repeat(length / 2);
        builder
            .append_pax_extensions([("linkpath", target.as_bytes())])
            .unwrap();
        let mut archive = builder.into_inner().unwrap();
        archive.truncate(archive.len() - 1024);
        archive.extend(layer(&[link("l", "x"), file("l/f", "")]));
        Layers::default()
            .add(archive.as_slice())
            .map_err(|error| error.to_string())
    };
    let message = long(1_000_000).unwrap_err();
    assert!(
        message.starts_with("l: a link leads to a path that Linux does not allow"),
        "{message}"
    );
    assert!(long(4096).is_err());
    assert!(long(1800).is_ok());
    // Each link doubles back through the one before it, and each file goes through all of them.
    let names: Vec<String> = (0..200).map(|n| format!("l{n}")).collect();
    let targets: Vec<String> = (0..200)
        .map(|n: usize| format!("l{}/{}", n.saturating_sub(1), "../x/".repeat(18)))
        .collect();
    let mut links = vec![link("l0", "x/y")];
    links.extend((1..200).map(|n| link(&names[n], &targets[n])));
    let files: Vec<String> = (0..3000).map(|n| format!("l199/f{n}")).collect();
    links.extend(files.iter().map(|name| file(name, "")));
    let mut all = Layers::default();
    let _ = all.add(layer(&links).as_slice());
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn what_links_lead_to_is_read_wherever_it_lies() {
    let mut all = Layers::default();
    let passwd = "root:x:0:0:::";
    let lower = [
        file("nix/passwd", passwd),
        file("nix/db", "rpm"),
        file("nix/other", "x"),
    ];
    all.add(layer(&lower).as_slice()).unwrap();
    let upper = [
        link("etc/passwd", "/nix/passwd"),
        link("var/lib/rpm", "../../rpm"),
        link("rpm/rpmdb.sqlite", "../nix/db"),
    ];
    let upper = layer(&upper);
    all.add(upper.as_slice()).unwrap();
    assert_eq!(all.text("/etc/passwd"), Err(Errno::FBIG));
    let missing = all.missing();
    assert_eq!(missing.keys().collect::<Vec<_>>(), [&0]);
    all.fill(layer(&lower).as_slice(), &missing[&0]).unwrap();
    assert_eq!(all.text("/etc/passwd").unwrap().as_deref(), Some(passwd));
    assert_eq!(
        all.text("/var/lib/rpm/rpmdb.sqlite").unwrap().as_deref(),
        Some("rpm")
    );
    assert_eq!(all.text("/nix/other"), Err(Errno::FBIG));
    assert!(all.missing().is_empty());
}

#[test]
fn a_database_that_every_layer_writes_again_is_kept_once() {
    let mut all = Layers::default();
    let text = "x".repeat(1 << 20);
    for _ in 0..300 {
        all.add(layer(&[file("var/lib/rpm/rpmdb.sqlite", &text)]).as_slice())
            .unwrap();
    }
    assert_eq!(all.inodes.kept, 1 << 20);
    assert!(all.text("/var/lib/rpm/rpmdb.sqlite").unwrap().is_some());
}

#[test]
fn a_layer_that_is_cut_short_is_an_error() {
    let whole = layer(&[file("etc/passwd", &"x".repeat(600))]);
    for cut in [100, 700, 1000] {
        assert!(Layers::default().add(&whole[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn digests_are_those_of_the_uppermost_layer() {
    let mut all = Layers::new(true);
    let lower = [file("etc/a", "old"), file("b", "x"), link("c", "etc/a")];
    all.add(layer(&lower).as_slice()).unwrap();
    all.add(layer(&[file("etc/a", "x")]).as_slice()).unwrap();
    let Contents::Digest(one) = all.contents("/etc/a", None) else {
        unreachable!("a digest");
    };
    assert_eq!(all.contents("/b", None), Contents::Digest(one));
    assert_eq!(all.contents("/c", None), Contents::Link(b"etc/a".to_vec()));
    assert_eq!(all.text("/etc/a").unwrap().as_deref(), Some("x"));
    assert_eq!(image(&[&lower]).contents("/b", None), Contents::Unknown);
}

/// A layer of one file with that `security.capability`, as GNU tar and Go write it.
fn with_capability(value: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let records = [("SCHILY.xattr.security.capability", value)];
    builder.append_pax_extensions(records).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("ping").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn capabilities_of_files_are_those_of_the_archive_and_never_guessed() {
    let net_raw = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let mut found = image(&[&[file("plain", "")]]);
    found.add(with_capability(&net_raw).as_slice()).unwrap();
    assert_eq!(found.capability("/ping", None), Some(net_raw.to_vec()));
    assert_eq!(found.capability("/plain", None), Some(Vec::new()));
    assert_eq!(found.capability("/none", None), None);
    // CAP_DAC_OVERRIDE and CAP_FOWNER are the byte of a line's end, where no record ends.
    let mut cut = net_raw;
    (cut[4], cut[5]) = (0x0a, 0);
    let mut found = Layers::default();
    found.add(with_capability(&cut).as_slice()).unwrap();
    assert_eq!(found.capability("/ping", None).as_deref(), Some(&cut[..]));
    // The kernel takes no other form, and so no runtime unpacks it.
    assert!(
        Layers::default()
            .add(with_capability(&net_raw[..12]).as_slice())
            .is_err()
    );
}

#[test]
fn what_lies_behind_a_link_is_found_below_it_whatever_else_is_asked() {
    let found = image(&[&[
        file("var/home/bob/key", "k"),
        link("home", "var/home"),
        link("gone", "nowhere"),
        link("round", "round"),
    ]]);
    let under = |dirs: &[&str]| FileSelector {
        under: dirs.iter().map(|dir| (*dir).to_owned()).collect(),
        name: vec!["key".into(), "bob".into()],
        ..FileSelector::default()
    };
    let walked = |selectors: &[&FileSelector]| {
        let mut out = Vec::new();
        let lost = found.walk(selectors, false, &mut out).unwrap().total();
        let lines = String::from_utf8(out).unwrap();
        let paths = lines
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned());
        (paths.collect::<Vec<_>>(), lost)
    };
    let (home, bob, all) = (
        under(&["/home", "/gone"]),
        under(&["/home/bob"]),
        under(&["/"]),
    );
    let in_home = ["/home/bob", "/home/bob/key"].map(str::to_owned);
    assert_eq!(walked(&[&home]), (in_home.to_vec(), 0));
    assert_eq!(walked(&[&bob]), (in_home.to_vec(), 0));
    assert_eq!(walked(&[&home, &bob]), (in_home.to_vec(), 0));
    let (paths, _) = walked(&[&home, &all]);
    assert!(in_home.iter().all(|path| paths.contains(path)), "{paths:?}");
    assert_eq!(walked(&[&under(&["/round"])]).1, 1);
}

#[test]
fn names_and_targets_are_bounded_by_their_bytes_together() {
    let long = "t".repeat(90);
    for one in [link("l", &long), file(&long, "")] {
        for (room, fits) in [(100, true), (80, false)] {
            let mut all = Layers::default();
            all.inodes.bytes = inodes::MAX_BYTES - room;
            assert_eq!(all.add(layer(&[one]).as_slice()).is_ok(), fits, "{room}");
        }
    }
}

#[test]
fn what_a_layer_removes_again_is_remembered_within_bounds() {
    // Each name is long, and gone before the next one.
    let folder = format!("{}/", vec!["d".repeat(250); 14].join("/"));
    let mut state = state::Remembered::default();
    let mut names = 0..;
    let refused = names.find(|n| state.add(format!("{folder}{n}").as_bytes()).is_err());
    assert!(
        (100_000..200_000).contains(&refused.unwrap()),
        "{refused:?}"
    );
}

proptest::proptest! {
    #[test]
    fn what_is_removed_takes_no_room(
        entries in proptest::collection::vec((0..6usize, 0..4usize), 1..30), removed in proptest::collection::vec(0..6usize, 0..6)
    ) {
        let names = ["a", "a/b", "a/b/c", "etc/passwd", "etc/l", "l"];
        let made: Vec<File> = entries.iter().map(|(name, kind)| match kind {
            0 => file(names[*name], "text"),
            1 => link(names[*name], "target"),
            2 => (names[*name], tar::EntryType::Directory, 0o755, ""),
            _ => (names[*name], tar::EntryType::Link, 0o644, "etc/passwd"),
        }).collect();
        let mut all = Layers::default();
        let _ = all.add(layer(&made).as_slice());
        let hidden: Vec<String> = removed.iter().map(|n| match names[*n].rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/.wh.{name}"),
            None => format!(".wh.{}", names[*n]),
        }).collect();
        let hidden: Vec<File> = hidden.iter().map(|name| file(name, "")).collect();
        let _ = all.add(layer(&hidden).as_slice());
        all.add(layer(&[file(".wh..wh..opq", "")]).as_slice()).unwrap();
        assert_eq!((all.inodes.names, all.inodes.bytes, all.inodes.kept), (0, 0, 0));
    }

    #[test]
    fn changed_layers_never_panic(
        changes in proptest::collection::vec((0..3000usize, proptest::prelude::any::<u8>()), 1..20)
    ) {
        let mut bytes = layer(&[file("a/x", "1"), link("l", "a"), file("l/.wh.x", ""), file("../out", "")]);
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let mut all = Layers::new(true);
        let _ = all.add(bytes.as_slice());
        let mut out = Vec::new();
        all.walk(&[&FileSelector::default()], false, &mut out).unwrap();
    }
}
