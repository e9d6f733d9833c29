//! Homes of accounts, and the work that it takes to follow their links.

use std::{fs, os::unix::fs::symlink};

use super::*;
use crate::{Gaps, User};

/// What the collector says of the accounts in a file, and whether it started anything for a home.
fn users(shell: &[&str], dir: &Path, accounts: &str) -> (Vec<User>, Gaps, bool) {
    let (passwd, starts) = (dir.join("passwd"), dir.join("starts"));
    fs::write(&passwd, accounts).unwrap();
    let request = InventoryRequest {
        sections: [Section::Users].into(),
        ..InventoryRequest::default()
    };
    let marked = |tool: &str| format!("$(echo >>{}; {tool}", starts.display());
    let script = script(&request, "n0nce")
        .replace("/etc/passwd", passwd.to_str().unwrap())
        .replace("looks=50000", "looks=5000")
        .replace("$(cd -P", &marked("cd -P"))
        .replace("$(readlink \"$way\"", &marked("readlink \"$way\""));
    let out = started(shell, &script).wait_with_output().unwrap().stdout;
    let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
    let started = fs::remove_file(&starts).is_ok();
    match found.users {
        Collected::Complete { data } => (data, Gaps::default(), started),
        Collected::Partial { data, gaps } => (data, gaps, started),
        other => unreachable!("{shell:?}: {other:?}"),
    }
}

fn account(home: &str) -> String {
    format!("u:x:1:1::{home}:/bin/sh\n")
}

#[test]
fn nothing_is_started_for_a_home_without_a_link_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().to_str().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    symlink("a", dir.path().join("link")).unwrap();
    let homes = ["a/b", "a//b/./", "a/../a", "none", "file", "file/x"];
    let homes = homes
        .map(|home| account(&format!("{base}/{home}")))
        .concat();
    let odd = account("/") + &account("a") + &account("") + "u:x:1\n" + "no fields\n";
    let link = account(&format!("{base}/link/b"));
    for shell in SHELLS {
        let (found, _, started) = users(shell, dir.path(), &(homes.clone() + &odd));
        assert!(!started, "{shell:?}");
        let real = |number: usize| found[number].real_home.as_text();
        assert_eq!(real(1), format!("{base}/a/b"), "{shell:?}");
        assert_eq!(real(2), format!("{base}/a"), "{shell:?}");
        let (users, gaps, started) = users(shell, dir.path(), &link);
        assert!(started && gaps.is_empty(), "{shell:?}: {gaps}");
        assert_eq!(users[0].real_home.as_text(), format!("{base}/a/b"));
    }
}

#[test]
fn homes_are_looked_for_in_a_limited_number_of_steps() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().to_str().unwrap();
    // What a link at its end leads to is no directory, so that all its links are read by a tool.
    symlink("none", dir.path().join("link-0")).unwrap();
    for number in 1..30 {
        let (to, from) = (format!("link-{}", number - 1), format!("link-{number}"));
        symlink(to, dir.path().join(from)).unwrap();
    }
    let links = account(&format!("{base}/link-29"));
    let names = account(&format!("{base}{}", "/..//.".repeat(600)));
    let too_long = account(&format!("{base}{}", "/.".repeat(3000)));
    for shell in SHELLS {
        for (home, accounts) in [(&links, 12), (&names, 6), (&too_long, 2)] {
            let text = home.repeat(accounts) + "no fields\n";
            let (users, gaps, _) = users(shell, dir.path(), &text);
            assert_eq!(users.len(), accounts, "{shell:?}");
            let unread = gaps
                .iter()
                .filter(|gap| gap.kind == crate::GapKind::Malformed);
            let spent = usize::from(home != &too_long);
            assert_eq!(unread.count(), spent, "{shell:?}: {gaps}");
            // That line without fields, and one for all homes after the first ones.
            assert_eq!(gaps.total(), 1 + spent as u64, "{shell:?}: {gaps}");
            let last = format!("line {} of ", accounts + 1);
            assert!(gaps.to_string().contains(&last), "{shell:?}: {gaps}");
        }
    }
}
