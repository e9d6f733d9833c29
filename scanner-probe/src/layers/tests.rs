//! Layers that hide, replace and mislead, put together and read back.

use super::*;

type File<'a> = (&'a str, tar::EntryType, u32, &'a str);

/// A layer of files; what a link names, or what is in a file, is the last part.
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

fn paths(image: &Layers) -> Vec<&str> {
    image.nodes.keys().map(String::as_str).collect()
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
        pid: None,
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
    assert!(found.is_program("/bin/sh"));
    assert!(!found.is_program("/bin/tool"));
    assert!(paths(&found).contains(&"/usr/bin/sh"));
    assert_eq!(
        found.text("/conf/passwd").unwrap().as_deref(),
        Some("root:x:0:0:::")
    );
    assert_eq!(found.names("/etc").unwrap(), ["passwd"]);
    assert_eq!(found.text("/loop/x"), Ok(None));
    assert_eq!(found.text("/loop"), Err(Errno::LOOP));
}

#[test]
fn a_hard_link_is_what_it_names_and_names_that_lead_out_are_lost() {
    let found = image(&[&[
        ("su", tar::EntryType::Regular, 0o4755, "x"),
        ("bin/su", tar::EntryType::Link, 0, "su"),
        ("gone", tar::EntryType::Link, 0, "nothing"),
        file("../../etc/passwd", "evil"),
    ]]);
    let meta = found.meta("/bin/su").unwrap().unwrap();
    assert_eq!((meta.mode & 0o7777, meta.uid, meta.gid), (0o4755, 7, 8));
    assert_eq!(paths(&found), ["/bin/su", "/su"]);
    let mut out = Vec::new();
    assert_eq!(found.walk(&[], &mut out).unwrap(), 2);
}

#[test]
fn a_layer_that_is_cut_short_is_an_error() {
    let whole = layer(&[file("etc/passwd", &"x".repeat(600))]);
    for cut in [100, 700, 1100] {
        assert!(Layers::default().add(&whole[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn digests_are_those_of_the_uppermost_layer() {
    let mut all = Layers::new(true);
    let lower = [file("etc/a", "old"), file("b", "x"), link("c", "etc/a")];
    all.add(layer(&lower).as_slice()).unwrap();
    all.add(layer(&[file("etc/a", "x")]).as_slice()).unwrap();
    let Contents::Digest(one) = all.contents("/etc/a") else {
        unreachable!("a digest");
    };
    assert_eq!(all.contents("/b"), Contents::Digest(one));
    assert_eq!(all.contents("/c"), Contents::Link(b"etc/a".to_vec()));
    assert_eq!(all.text("/etc/a").unwrap().as_deref(), Some("x"));
    assert_eq!(image(&[&lower]).contents("/b"), Contents::Unknown);
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
    assert_eq!(found.capability("/ping"), Some(net_raw.to_vec()));
    assert_eq!(found.capability("/plain"), Some(Vec::new()));
    assert_eq!(found.capability("/none"), None);
    // CAP_DAC_OVERRIDE and CAP_FOWNER are the byte of a line's end, at which the reader cuts records.
    let mut cut = net_raw;
    (cut[4], cut[5]) = (0x0a, 0);
    let mut found = Layers::default();
    found.add(with_capability(&cut).as_slice()).unwrap();
    let told = found.capability("/ping");
    assert!(
        told.is_none() || told.as_deref() == Some(&cut[..]),
        "{told:?}"
    );
}

proptest::proptest! {
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
        all.walk(&[&FileSelector::default()], &mut out).unwrap();
    }
}
