//! Every parser of a target's data, over random bytes: no panic, and a complete answer.

use proptest::prelude::*;

use scanner_inventory::FilePath;

use super::*;

/// Bytes that look a little like what is parsed.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b":".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"$6$".to_vec()),
        Just(b"Package: a\n".to_vec()),
        Just(b"Status: install ok installed\n".to_vec()),
        Just(b"Version:".to_vec()),
        Just(b"P:x\n".to_vec()),
        Just(b"root:x:0:0::/:/bin/sh\n".to_vec()),
        Just(b"ID=\"x\n".to_vec()),
        Just(b"@n done 1\n!ok\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(word, 0..20).prop_map(|words| words.concat())
}

const FILES: [&str; 8] = [
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/os-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/a",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hostile_files_give_a_whole_answer(texts in proptest::collection::vec(bytes(), FILES.len())) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in FILES.iter().zip(&texts) {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let sections = [
            Section::Users,
            Section::Groups,
            Section::Shadow,
            Section::Os,
            Section::Packages,
        ];
        let found = look(dir.path(), &request(&sections, vec![]));
        // What was not understood is reported, and never posed as a line of the protocol.
        if let Some(users) = found.users.data() {
            let lines = String::from_utf8_lossy(&texts[0]).lines().filter(|l| !l.is_empty()).count();
            prop_assert!(users.len() <= lines);
        }
        let hashes = found.shadow.data().into_iter().flatten();
        for entry in hashes {
            prop_assert!(!entry.algorithm.contains('$'));
        }
    }

    #[test]
    fn hostile_names_are_read_as_they_are(
        names in proptest::collection::btree_set(proptest::collection::vec(1..=255u8, 1..12), 1..12)
    ) {
        use std::os::unix::ffi::OsStrExt as _;
        let names: Vec<Vec<u8>> = names
            .into_iter()
            .filter(|n| !n.contains(&b'/') && n != b"." && n != b"..")
            .collect();
        let dir = tempfile::tempdir().unwrap();
        for name in &names {
            fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        }
        let all = FileSelector { kind: vec![FileKind::File], digest: true, ..FileSelector::default() };
        let found = look(dir.path(), &request(&[Section::Files], vec![all]));
        prop_assert!(matches!(found.files, Collected::Complete { .. }), "{:?}", found.files);
        let mut expected: Vec<String> = names
            .iter()
            .map(|n| FilePath::from_bytes(&[&b"/"[..], n].concat()).to_text())
            .collect();
        expected.sort();
        let mut seen = paths(&found);
        seen.sort_unstable();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn hostile_requests_are_refused_or_answered(
        text in "[\\[\\]{}\",:a-z/.*?0-9]{0,80}|\\{\"sections\":\\[\"(files|users|pod|env)\"\\],\"files\":\\[\\{\"(paths|under|name)\":\\[\"[/a-z*?.]{0,20}\"\\],\"mode_any\":\"[0-9a-z]{0,4}\"\\}\\]\\}"
    ) {
        if let Ok(request) = serde_json::from_str::<InventoryRequest>(&text) {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("a"), "").unwrap();
            look(dir.path(), &request);
        }
    }
}
