//! Links and mounts of a target, and what both agents must say of them.

use super::*;

const LINKS: &str = "/srv/links";

/// Links that are looked at where they lead, by name.
const LINK_TARGETS: [(&str, &str); 17] = [
    ("plain", "../plain"),
    ("absolute", "/srv/plain"),
    ("chain", "absolute"),
    ("over the root", "../../../../../srv/plain"),
    ("newline", "../two\nlines"),
    ("two\nlines", "../plain"),
    ("folder", ".."),
    ("fifo", "/srv/fifo"),
    ("closed", "../closed"),
    ("shut", "../shut/x"),
    ("shut chain", "shut"),
    ("names", "../names/x"),
    ("below shut", "shut/y"),
    ("nowhere", "/no/such/file"),
    ("nowhere chain", "nowhere"),
    ("no folder", "plain/x"),
    ("round", "round"),
];

/// Makes them.
pub(super) fn make_links() {
    fs::create_dir(LINKS).expect("folder");
    for (name, to) in LINK_TARGETS {
        symlink(to, Path::new(LINKS).join(name)).expect("link");
    }
}

/// Those, paths that are not links, and paths behind a link.
pub(super) fn links() -> Vec<String> {
    let named = LINK_TARGETS.iter().map(|(name, _)| *name);
    let all = named.chain(["none", "folder/plain", "nowhere/x", "shut/x", "round/x"]);
    let mut all: Vec<String> = all.map(|name| format!("{LINKS}/{name}")).collect();
    all.push("/srv/plain".into());
    all
}

/// Checks [`links`] for what must be seen, even if both agents agree.
pub(super) fn followed(found: &Inventory, weak: bool) {
    let files: Vec<_> = found.files.data().into_iter().flatten().collect();
    let of = |name: &str| {
        let path = format!("{LINKS}/{name}");
        let mut all = files.iter().filter(|f| f.followed && f.path == *path);
        all.next().map(|f| (f.exists, f.kind, f.size))
    };
    for name in ["plain", "absolute", "chain", "over the root", "two\nlines"] {
        assert_eq!(of(name), Some((true, FileKind::File, 5)), "{name:?}");
    }
    for name in ["nowhere", "nowhere chain", "no folder"] {
        assert_eq!(of(name).map(|f| f.0), Some(false), "{name}");
    }
    for name in ["shut", "shut chain", "names"] {
        assert_eq!(of(name).is_some(), !weak, "{name}");
    }
    assert_eq!(of("round"), None);
    assert_eq!(of("fifo").map(|f| f.1), Some(FileKind::Fifo));
}

/// Starts of walks: below each other, at links and behind them, at filesystems that the kernel generates, at nothing.
pub(super) fn starts() -> Vec<String> {
    let below = "/srv/mounts";
    let named = [
        "plain/deep",
        "made/tty",
        "home",
        "out",
        "file",
        "gone",
        "round",
        "home/bob",
        "round/x",
        "../shut/x/y",
        "names/x",
    ];
    let named = named.map(|name| format!("{below}/{name}"));
    let mut all = vec![
        "/srv".to_owned(),
        "/no/such/folder".into(),
        "/srv/plain".into(),
    ];
    all.extend(named);
    all
}

/// Mounts in each other, on each other, with odd names, shut, and made up by the kernel; and links to directories.
pub(super) fn mounts(root: &Path) {
    let on = |kind: &str, name: &str| {
        let place = root.join(name);
        fs::create_dir_all(&place).expect("folder");
        let flags = MsFlags::empty();
        mount(Some("t"), &place, Some(kind), flags, None::<&str>).expect("a mount");
        if kind == "tmpfs" {
            fs::write(place.join(format!("in {}", name.replace('/', " "))), name).expect("file");
        }
    };
    for name in [
        "plain",
        "plain/deep/a",
        "two\nlines",
        "sp ace#",
        "back\\040slash",
        "over/in",
        "over",
    ] {
        on("tmpfs", name);
    }
    // Again over another mount, and again over a directory of it.
    on("tmpfs", "plain");
    on("tmpfs", "plain/deep");
    on("proc", "made");
    let below = root.join("made/tty");
    mount(
        Some("t"),
        &below,
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .expect("a mount");
    fs::write(below.join("hidden"), "x").expect("file");
    on("tmpfs", "stacked");
    on("proc", "stacked");
    on("proc", "covered");
    on("tmpfs", "covered");
    // On the same device as what is around it.
    fs::create_dir_all(root.join("again")).expect("folder");
    fs::create_dir_all(root.join("var/home/bob")).expect("folder");
    let (from, to) = (root.join("var/home"), root.join("again"));
    mount(
        Some(&from),
        &to,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .expect("a bind mount");
    on("tmpfs", "var/home/bob/data");
    fs::write(root.join("var/home/bob/keys"), "k").expect("file");
    for (to, name) in [
        ("var/home", "home"),
        ("/srv/mounts/var/../plain", "out"),
        ("var/home/bob/keys", "file"),
        ("nowhere/x", "gone"),
        ("round", "round"),
    ] {
        symlink(to, root.join(name)).expect("link");
    }
    on("tmpfs", "closed");
    let closed = root.join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("mode");
    chown(&closed, Some(65_534), Some(65_534)).expect("owner");
}

/// Checks the walks of [`mounts`] for what must be seen, even if both agents agree.
pub(super) fn walked(found: &Inventory) {
    let files = found.files.data().into_iter().flatten();
    let paths: BTreeSet<&str> = files
        .filter(|file| file.exists)
        .filter_map(|file| file.path.as_text().strip_prefix("/srv/mounts/"))
        .collect();
    for seen in [
        "plain/in plain",
        "plain/deep/in plain deep",
        "two\\x0alines/in two\\x0alines",
        "sp ace#/in sp ace#",
        "back\\\\040slash/in back\\\\040slash",
        "over/in over",
        "covered/in covered",
        "again/bob/keys",
        "var/home/bob/data/in var home bob data",
        "home/bob/keys",
        "home/bob/data/in var home bob data",
        "out/deep/in plain deep",
        "made/tty/hidden",
    ] {
        assert!(paths.contains(seen), "{seen}: {paths:?}");
    }
    // Filesystems that the kernel generates are not walked, and neither is a mount that another one hides.
    for unseen in [
        "made/1",
        "made/self",
        "stacked/1",
        "stacked/in stacked",
        "over/in/in over in",
    ] {
        assert!(!paths.contains(unseen), "{unseen}");
    }
}
