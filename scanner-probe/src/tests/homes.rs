//! Homes of accounts: where links lead from there, in a limited number of looks.

use super::*;

fn users(homes: &[String]) -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("d")).unwrap();
    symlink("d", root.join("link")).unwrap();
    let account = |home: &String| format!("u:x:1:1::{home}:/bin/sh\n");
    let text = homes.iter().map(account).collect::<Vec<_>>().concat();
    fs::write(root.join("etc/passwd"), text + "no fields\n").unwrap();
    look(root, &request(&[Section::Users], vec![]))
}

#[test]
fn homes_are_looked_for_in_a_limited_number_of_looks() {
    let home = format!("/link{}", "/../d".repeat(700));
    let found = users(&vec![home.clone(); 100]);
    let Collected::Partial { data, gaps } = &found.users else {
        unreachable!("{:?}", found.users);
    };
    assert_eq!(data.len(), 100);
    let real = |user: usize| data[user].real_home.as_text();
    assert_eq!((real(0), real(99)), ("/d", &*home));
    // The line without fields, and one for all homes after the first ones.
    assert_eq!(gaps.total(), 2, "{gaps}");
    assert!(gaps.to_string().contains("line 101 of "), "{gaps}");
}

#[test]
fn a_home_that_no_kernel_finds_leads_nowhere() {
    let homes = [
        format!("/link{}", "/.".repeat(3000)),
        format!("/link/{}", "n".repeat(256)),
        format!("/link/../{}", "n".repeat(255)),
    ];
    let found = users(&homes);
    let data = found.users.data().unwrap();
    for (user, home) in data.iter().zip(&homes) {
        assert_eq!(user.real_home.as_text(), home);
    }
    let Coverage::Partial { gaps } = found.section_coverage(Section::Users) else {
        unreachable!("a line has no fields");
    };
    assert_eq!((data.len(), gaps.total()), (3, 1), "{gaps}");
}
