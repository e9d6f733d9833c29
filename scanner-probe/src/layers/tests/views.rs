//! Layers that runtimes unpack differently: each difference is a gap.

use super::*;

/// Where runtimes differ, for layers that are lists of files.
fn elsewhere(layers: &[&[File]]) -> Vec<String> {
    let gaps = image(layers).elsewhere();
    let mut paths: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    for path in &mut paths {
        let end = path.find(':').unwrap();
        path.truncate(end);
    }
    paths
}

#[test]
fn what_only_some_runtimes_replace_or_remove_is_a_gap() {
    let none: [&str; 0] = [];
    let su = ("bin/su", tar::EntryType::Regular, 0o4755, "x");
    let lower: &[File] = &[su, link("l", "bin"), link("m", "/l"), file("d/e/x", "")];
    let replaced = ("l/su", tar::EntryType::Regular, 0o755, "x");
    let directory = |path, mode| (path, tar::EntryType::Directory, mode, "");
    let global = |path| (path, tar::EntryType::XGlobalHeader, 0, "");
    for (upper, path) in [
        (&[file("l/.wh.su", "")][..], "/bin/su"),
        (&[file("m/.wh.su", "")], "/bin/su"),
        (&[file("l/.wh..wh..opq", "")], "/bin"),
        // No layer hides what others have in the root of an overlay filesystem.
        (&[file(".wh..wh..opq", "")], "/"),
        (&[link("up", ".."), file("up/.wh..wh..opq", "")], "/"),
        (&[replaced], "/bin/su"),
        (&[("l/su", tar::EntryType::Link, 0o644, "d/e/x")], "/bin/su"),
        // What the layer itself has below a directory that it does not name.
        (&[file("d/e/y", ""), file("d/.wh..wh..opq", "")], "/d"),
        // The old directory shows through the new one.
        (&[file(".wh.bin", ""), directory("bin", 0o755)], "/bin"),
        (&[file("bin", ""), directory("bin", 0o755)], "/bin"),
        (&[global("bin/su")], "/bin/su"),
        // What a whiteout hid shows again.
        (&[file("bin/.wh.su", ""), global("bin/su")], "/bin/su"),
        (
            &[file(".wh.bin", ""), global("bin"), file("bin/x", "")],
            "/bin",
        ),
        (&[file(".wh.l", ""), global("l")], "/l"),
    ] {
        assert_eq!(elsewhere(&[lower, upper]), [path], "{upper:?}");
        // In one layer all runtimes do the same.
        let together = [lower, upper].concat();
        let opaque = upper.iter().any(|(name, ..)| name.ends_with("opq"));
        let headers = upper
            .iter()
            .any(|(_, kind, ..)| *kind == tar::EntryType::XGlobalHeader);
        if !opaque && !headers {
            assert_eq!(elsewhere(&[&together]), none, "{upper:?}");
        }
    }
    // A directory on the way to a file, where a layer below had another one or a link.
    let shut: &[File] = &[
        directory("d/e", 0o700),
        directory("x/e", 0o700),
        link("d/l", "../x"),
    ];
    for (layers, path) in [
        (
            &[&[file("d/.wh..wh..opq", ""), file("d/e/f", "")][..]][..],
            "/d/e",
        ),
        (
            &[&[file("d/.wh..wh..opq", "")], &[file("d/e/f/g", "")]],
            "/d/e",
        ),
        (&[&[file("d/.wh..wh..opq", ""), file("d/l/f", "")]], "/d/l"),
        (&[&[directory("d/l", 0o755), file("d/l/e/f", "")]], "/d/l/e"),
    ] {
        assert_eq!(elsewhere(&[&[shut], layers].concat()), [path], "{layers:?}");
    }
    let named: &[File] = &[
        file("d/.wh..wh..opq", ""),
        directory("d/e", 0o755),
        file("d/e/f", ""),
    ];
    assert_eq!(elsewhere(&[shut, named]), none);
    // Nothing is taken away, or the same everywhere.
    for upper in [
        &[file("l/new", "")][..],
        &[file("bin/.wh.su", "")],
        &[file("bin/su", "")],
        &[file(".wh.l", "")],
        &[link("l", "d")],
        &[file("d/.wh..wh..opq", ""), file("d/e/x", "")],
        &[file("l/.wh.none", "")],
        &[global("pax_global_header")],
        &[file("bin/.wh.none", ""), global("bin/none")],
    ] {
        assert_eq!(elsewhere(&[lower, upper]), none, "{upper:?}");
    }
    // What went astray is still there for some when another layer removes it by its own name.
    let astray: &[File] = &[("l/new", tar::EntryType::Regular, 0o4755, "")];
    for removed in [
        file("bin/.wh.new", ""),
        file("bin/new", ""),
        file(".wh.bin", ""),
    ] {
        assert_eq!(
            elsewhere(&[lower, astray, &[removed]]).len(),
            1,
            "{removed:?}"
        );
    }
    // A directory that went astray, or is reached so, and gets other permissions.
    let open: &[File] = &[directory("l/tmp", 0o777)];
    assert_eq!(
        elsewhere(&[lower, open, &[directory("bin/tmp", 0o755)]]),
        ["/bin/tmp"]
    );
    assert_eq!(
        elsewhere(&[lower, open, &[directory("bin/tmp", 0o777)]]),
        none
    );
}

#[test]
fn a_directory_that_went_astray_is_new_for_some_where_it_has_another_name() {
    let none: [&str; 0] = [];
    let lower: &[File] = &[file("bin/su", ""), link("l", "bin"), link("m", "/l")];
    let astray = ("l/tmp", tar::EntryType::Directory, 0o777, "");
    for (way, differs) in [
        ("bin/tmp/x", &["/bin/tmp"][..]),
        ("m/tmp/x", &["/bin/tmp"]),
        ("l/tmp/x", &none),
        ("l/tmp/x/y", &none),
        ("l/../l/tmp/x", &none),
    ] {
        let way = file(way, "");
        assert_eq!(elsewhere(&[lower, &[astray, way]]), differs, "{way:?}");
        assert_eq!(elsewhere(&[lower, &[astray], &[way]]), differs, "{way:?}");
    }
}

#[test]
fn an_owner_that_a_layer_leaves_as_it_is_is_a_gap_where_layers_below_have_another() {
    let directory = |uid: u32, gid: u32| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..1].copy_from_slice(b"d");
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &b""[..]).unwrap();
        builder.into_inner().unwrap()
    };
    for (lower, upper, differs) in [
        ((0, 7), (0, u32::MAX), true),
        ((7, 0), (u32::MAX, 0), true),
        ((0, 0), (u32::MAX, u32::MAX), false),
        ((7, 7), (8, 8), false),
    ] {
        let mut image = Layers::default();
        for (uid, gid) in [lower, upper] {
            image.add(directory(uid, gid).as_slice()).unwrap();
        }
        assert_eq!(
            !image.elsewhere().is_empty(),
            differs,
            "{lower:?}, {upper:?}"
        );
    }
}

#[test]
fn each_section_of_files_says_that_runtimes_differ() {
    use scanner_inventory::{Coverage, InventoryRequest, Section, parse};
    let sections = [
        Section::Files,
        Section::Users,
        Section::Groups,
        Section::Packages,
        Section::Os,
        Section::Commands,
    ];
    let lower: &[File] = &[
        file("etc/passwd", "toor:x:0:0::/:/bin/sh\n"),
        file("etc/group", "root:x:0:\n"),
        file("etc/os-release", "ID=none\n"),
        file("var/lib/dpkg/status", ""),
        link("e", "etc"),
    ];
    let upper: &[File] = &[file("e/passwd", "root:x:0:0::/:/bin/sh\n")];
    for (layers, complete) in [(&[lower][..], true), (&[lower, upper], false)] {
        let subject = crate::Subject {
            root: Box::new(image(layers)),
            process: None,
            container: String::new(),
        };
        let request = InventoryRequest {
            sections: sections.into(),
            files: vec![FileSelector::default()],
            commands: ["sh".into()].into(),
            ..InventoryRequest::default()
        };
        let mut out = Vec::new();
        crate::answer(&subject, &request, "n", &mut out).unwrap();
        let found = parse::inventory(crate::NAME, &out, "n", &request).unwrap();
        let coverage = [
            found.files.coverage(),
            found.users.coverage(),
            found.groups.coverage(),
            found.packages.coverage(),
            found.os.coverage(),
            found.commands.coverage(),
        ];
        for (section, coverage) in sections.iter().zip(coverage) {
            let expected = match coverage {
                Coverage::Complete => complete,
                Coverage::Partial { .. } => !complete,
                _ => false,
            };
            assert!(expected, "{section}: {coverage:?}");
        }
    }
}
