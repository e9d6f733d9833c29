//! Random trees: an image is kept as it came, and every difference is found.

use std::collections::BTreeMap;

use proptest::prelude::*;
use scanner_core::{
    finding::CheckStatus,
    inventory::{FileEntry, FileKind, FilePath},
};

use super::support::*;
use crate::drift::tree::Tree;

/// Where the children of a random tree lie.
fn paths() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c.so", "\u{e9}", "\\xff", "usr"]);
    prop::collection::vec(part, 1..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn entry() -> impl Strategy<Value = FileEntry> {
    let kinds = prop::sample::select(vec![
        FileKind::File,
        FileKind::Directory,
        FileKind::Symlink,
        FileKind::Fifo,
    ]);
    let owner = prop::sample::select(vec![0, 7, i64::from(u32::MAX), 1 << 40]);
    (
        paths(),
        kinds,
        0..0o10000i64,
        owner,
        0..3i64,
        "[xyz]?",
        any::<bool>(),
    )
        .prop_map(|(path, kind, mode, uid, size, contents, modified)| {
            let (is_file, is_link) = (kind == FileKind::File, kind == FileKind::Symlink);
            FileEntry {
                path: FilePath::from_text(&path).expect("a path"),
                exists: true,
                kind,
                mode,
                uid,
                gid: 5,
                size,
                modified: modified.then_some(size),
                digest: if is_file {
                    sha256(&contents)
                } else {
                    String::new()
                },
                link: if is_link {
                    contents.as_str().into()
                } else {
                    FilePath::default()
                },
                capabilities_known: is_file,
                device: if is_file || is_link {
                    String::new()
                } else {
                    contents.clone()
                },
                capability_sets: contents.repeat(usize::from(is_file)),
                package: contents.repeat(usize::from(modified)),
                ..FileEntry::default()
            }
        })
}

proptest! {
    #[test]
    fn a_tree_gives_back_every_file_as_it_came(files in prop::collection::vec(entry(), 0..80)) {
        let mut tree = Tree::default();
        let mut known: BTreeMap<&str, &FileEntry> = BTreeMap::new();
        for file in &files {
            tree.add(file);
            known.entry(file.path.as_text()).or_insert(file);
        }
        prop_assert_eq!(tree.files(), known.len() as u64);
        for (path, file) in &known {
            let id = tree.find(path).expect("a place");
            let found = tree.file(id);
            prop_assert_eq!(found.as_ref(), Some(*file));
            let count = files.iter().filter(|f| f.path.as_text() == *path).count();
            prop_assert_eq!(tree.is_twice(id), count > 1);
        }
        let all: Vec<String> = tree
            .all()
            .filter(|id| tree.file(*id).is_some())
            .map(|id| tree.path(id))
            .collect();
        prop_assert_eq!(all.len(), known.len());
        prop_assert!(tree.find("/none").is_none() && tree.find("/a/none/b").is_none());
    }

    /// What two trees differ in is found, whatever order the files come in, and nothing else.
    #[test]
    fn every_difference_is_found(
        image in prop::collection::btree_map(paths(), entry(), 1..40),
        running in prop::collection::btree_map(paths(), entry(), 1..40),
        kept in prop::collection::vec(any::<bool>(), 40),
    ) {
        let named = |(path, file): (&String, &FileEntry)| FileEntry {
            path: FilePath::from_text(path).expect("a path"),
            ..file.clone()
        };
        let before: Vec<FileEntry> = image.iter().map(named).collect();
        let stays = before.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(f, _)| f.clone());
        let mut now: BTreeMap<String, FileEntry> =
            running.iter().map(named).map(|f| (f.path.to_text(), f)).collect();
        now.extend(stays.map(|f| (f.path.to_text(), f)));
        let after: Vec<FileEntry> = now.values().rev().cloned().collect();
        let then: BTreeMap<String, FileEntry> =
            before.iter().map(|f| (f.path.to_text(), f.clone())).collect();
        let as_seen = |file: &FileEntry| FileEntry {
            // What a comparison does not look at.
            modified: None,
            size: if file.kind == FileKind::File { file.size } else { 0 },
            mode: if file.kind == FileKind::Symlink { 0 } else { file.mode },
            uid: if file.kind == FileKind::Symlink { 0 } else { file.uid },
            ..file.clone()
        };
        let differ = then.keys().chain(now.keys()).any(|path| {
            then.get(path).map(&as_seen) != now.get(path).map(&as_seen)
        });
        let mut both = [tree(before), tree(after)];
        both[0].pod = planning(&[]);
        let found = compare(&both[0], &both[1]);
        prop_assert_eq!(!failed(&found).is_empty() || found.count(CheckStatus::Error) > 0, differ);
    }
}
