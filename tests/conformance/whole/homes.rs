//! Homes of accounts, and the directories that links lead to from there.

use super::*;

#[test]
fn homes_behind_links_are_the_same() {
    let asked = [Section::Users];
    let states = compared_of(false, &asked, |etc| {
        let made = |path: &str| fs::create_dir_all(etc.join(path)).expect("folder");
        let link = |to: &[u8], from: &[u8]| {
            let (to, from) = (OsStr::from_bytes(to), OsStr::from_bytes(from));
            symlink(to, etc.join(from)).expect("link");
        };
        for path in ["data/app", "data/new\nline\n", "data/back\\slash", "plain"] {
            made(path);
        }
        fs::write(etc.join("file"), "").expect("file");
        link(b"data/app", b"relative");
        link(b"/etc/data", b"above");
        link(b"../etc/above/../data/app/.", b"around");
        link(b"/etc/data/new\nline\n", b"lines");
        link(b"/etc/data/back\\slash", b"\xff");
        link(b"/", b"root");
        link(b"loop", b"loop");
        link(b"nothing", b"dangling");
        link(b"file", b"of-file");
        let homes: &[&[u8]] = &[
            b"relative",
            b"above/app",
            b"around",
            b"lines",
            b"\xff",
            b"root",
            b"root/etc/plain",
            b"loop",
            b"dangling",
            b"of-file",
            b"file",
            b"plain",
            b"plain/",
            b"./plain",
            b"above/../plain",
            b"file/../plain",
            b"none",
        ];
        let account = |home: &[u8]| [b"u:x:1:1::/etc/", home, b":/bin/sh\n"].concat();
        let mut text: Vec<u8> = homes.iter().flat_map(|home| account(home)).collect();
        text.extend(b"u:x:1:1:://etc/relative:/bin/sh\nu:x:1:1::etc/relative:/bin/sh\nu:x:1:1::/etc/relative\0y:/s\n");
        fs::write(etc.join("passwd"), text).expect("file");
    });
    assert_eq!(states["users"], "complete", "{states}");
}

#[test]
fn homes_that_cannot_be_entered_or_seen_are_the_same() {
    let prepare = |etc: &Path| {
        for (name, mode) in [("team", 0o770), ("shut", 0o700)] {
            let path = etc.join(name);
            fs::create_dir_all(path.join("in")).expect("folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            chown(&path, Some(65_534), Some(65_534)).expect("owner");
        }
        for (to, from) in [
            ("team", "last"),
            ("/etc/last", "chain"),
            ("/etc", "above"),
            ("shut/in", "behind"),
            ("shut/none", "nowhere"),
            ("none/../team", "dangling"),
        ] {
            symlink(to, etc.join(from)).expect("link");
        }
        let homes = [
            "team",
            "last",
            "chain",
            "above/team",
            "shut",
            "shut/in",
            "shut/none",
            "above/shut/in",
            "behind",
            "nowhere",
            "dangling",
            "shut/../plain",
        ];
        let account = |home: &&str| format!("{home}:x:1:1::/etc/{home}:/bin/sh\n");
        let text = homes.iter().map(account).collect::<Vec<_>>().concat();
        fs::write(etc.join("passwd"), text).expect("file");
    };
    for weak in [false, true] {
        let hold = move |found: &Inventory| {
            let users = found.users.data().expect("users");
            assert_eq!(users.len(), 12);
            let real = |home: &str| {
                let mut all = users.iter().filter(|user| user.name == home);
                all.next().map(|user| user.real_home.as_text().to_owned())
            };
            for home in ["team", "last", "chain", "above/team"] {
                assert_eq!(real(home).as_deref(), Some("/etc/team"), "{home}");
            }
            let behind = if weak { "/etc/behind" } else { "/etc/shut/in" };
            assert_eq!(real("behind").as_deref(), Some(behind));
            let Coverage::Partial { gaps } = found.section_coverage(Section::Users) else {
                assert!(!weak, "what is behind a shut directory is not known");
                return;
            };
            // Five homes behind a shut directory are unknown.
            assert_eq!((weak, gaps.total()), (true, 5), "{gaps}");
        };
        compared_and(weak, &[Section::Users], prepare, hold);
    }
}
