//! The files that a selection finds, and whether it could find them all: one rule for every engine.

use std::collections::HashMap;

use crate::{
    Coverage, FileEntry, FileKind, FilePath, FileSelector, Gap, GapKind, Gaps, Inventory, Section,
};

/// What a selection of files finds in an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection<'a> {
    /// Files match. That holds even where not everything could be read; there may then be more.
    #[non_exhaustive]
    Found {
        /// The files, each once.
        files: Vec<&'a FileEntry>,
        /// What could not be read; empty where everything was.
        gaps: Gaps,
    },
    /// Everything that the selection asks for was read, and no file matches.
    None,
    /// No file matches in what was read, which is not everything: an error of the check, never a pass.
    #[non_exhaustive]
    NotChecked {
        /// What could not be read, for a reader.
        reason: String,
    },
}

impl Inventory {
    /// What `selector` finds, for an engine whose check fails if anything is found.
    ///
    /// A file that was found in a part of the files is a finding; no file in a part of them proves nothing. What is missing
    /// counts only where the selection asks for it: a digest that could not be taken matters to who asks for digests.
    ///
    /// ```
    /// use scanner_inventory::{
    ///     Collected, FileEntry, FileSelector, Gap, GapKind, Inventory, Selection,
    /// };
    ///
    /// let mut setuid = FileSelector::default();
    /// setuid.mode_any = Some("6000".into());
    ///
    /// let mut inventory = Inventory::default();
    /// assert!(matches!(inventory.select(&setuid), Selection::NotChecked { .. }));
    ///
    /// let mut su = FileEntry::default();
    /// su.path = "/bin/su".into();
    /// su.exists = true;
    /// su.mode = 0o4755;
    /// inventory.files = Collected::Partial {
    ///     data: vec![su],
    ///     gaps: Gap::new(GapKind::NotReadable).at("/root").into(),
    /// };
    /// match inventory.select(&setuid) {
    ///     Selection::Found { files, gaps, .. } => {
    ///         assert_eq!((files.len(), gaps.total()), (1, 1));
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    ///
    /// inventory.files = Collected::Complete { data: vec![] };
    /// assert_eq!(inventory.select(&setuid), Selection::None);
    /// ```
    pub fn select(&self, selector: &FileSelector) -> Selection<'_> {
        let selectors = std::slice::from_ref(selector);
        let mut files = self.matching(selectors);
        files.retain(|file| file.exists);
        let gaps = match self.coverage_of(selectors) {
            Coverage::Complete => Gaps::default(),
            Coverage::Partial { mut gaps } => {
                if gaps.iter().next().is_none() {
                    let some = Gap::new(GapKind::Unknown).with_note("some files were not read");
                    gaps.add_counted(some, 0);
                }
                gaps
            }
            Coverage::Unavailable { reason } => {
                let reason = format!("{} could not be collected: {reason}", Section::Files);
                return Selection::NotChecked { reason };
            }
            Coverage::NotRequested => {
                let reason = format!("{} was not collected", Section::Files);
                return Selection::NotChecked { reason };
            }
        };
        if !files.is_empty() {
            return Selection::Found { files, gaps };
        }
        if gaps.is_empty() {
            return Selection::None;
        }
        Selection::NotChecked {
            reason: gaps.to_string(),
        }
    }

    /// Every file that one of `selectors` matches, each once, including named files that do not exist.
    pub fn matching(&self, selectors: &[FileSelector]) -> Vec<&FileEntry> {
        // One file may be in the selections of several checks; an agent then reports it more than once.
        let mut seen = HashMap::new();
        let all = self.files.data().into_iter().flatten();
        all.filter(|file| selectors.iter().any(|s| s.matches(file)))
            .filter(|file| seen.insert(&file.path, *file) != Some(*file))
            .collect()
    }

    /// Coverage of the files that these selections cover. Gaps in other files, or in attributes that the selections do not
    /// request, do not count.
    pub fn coverage_of(&self, selectors: &[FileSelector]) -> Coverage {
        let Coverage::Partial { gaps } = self.files.coverage() else {
            return self.files.coverage();
        };
        let mut listed = self.files.data().into_iter().flatten();
        let misses = listed.any(|file| selectors.iter().any(|s| s.misses(file)));
        let touched = gaps.only(|gap| {
            // If every file is listed, at most contents are missing.
            let of_contents = self.files_listed || gap.attribute.is_some();
            let asked = misses || !of_contents;
            let hides = |s: &&FileSelector| s.overlaps(gap) && !self.shows(s, gap);
            asked && selectors.iter().any(|s| hides(&s))
        });
        // Something is missing at an unknown place.
        let unplaced = !self.files_listed && gaps.iter().all(|gap| gap.attribute.is_some());
        if unplaced {
            return Coverage::Partial { gaps };
        }
        if touched.iter().next().is_none() {
            Coverage::Complete
        } else {
            Coverage::Partial { gaps: touched }
        }
    }

    /// The gaps of `filled`, which the target's image filled, that `selectors` ask for.
    pub fn filled_for(&self, selectors: &[FileSelector], filled: &Gaps) -> Gaps {
        filled.only(|gap| {
            let mut asking = selectors.iter();
            asking.any(|s| s.overlaps(gap) && !self.shows(s, gap))
        })
    }

    /// Whether a selection of files by name asks only for the shut directory itself, which was seen: its mode and owner are
    /// known.
    fn shows(&self, selector: &FileSelector, gap: &Gap) -> bool {
        let is_shut = matches!(gap.kind, GapKind::NotListable | GapKind::NotSearchable);
        let (Some(place), true, None) = (&gap.path, is_shut, gap.attribute) else {
            return false;
        };
        let seen = |path: &FilePath| {
            let mut files = self.files.data().into_iter().flatten();
            files.any(|file| {
                let is_it = file.exists && file.path == *path;
                is_it && file.kind == FileKind::Directory && selector.matches(file)
            })
        };
        let asked = selector.paths.iter().map(FilePath::from);
        let mut asked = asked.filter(|path| path.is_below(place));
        !selector.walks() && asked.all(|path| path == *place && seen(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Collected};

    fn file(path: &str, digest: &str) -> FileEntry {
        FileEntry {
            path: path.into(),
            exists: true,
            mode: 0o644,
            digest: digest.into(),
            ..FileEntry::default()
        }
    }

    fn named(path: &str, digest: bool) -> FileSelector {
        FileSelector {
            paths: vec![path.into()],
            digest,
            ..FileSelector::default()
        }
    }

    fn partial(data: Vec<FileEntry>, files_listed: bool) -> Inventory {
        Inventory {
            files: Collected::Partial {
                data,
                gaps: Gap::new(GapKind::NotReadable).at("/").into(),
            },
            files_listed,
            ..Inventory::default()
        }
    }

    #[test]
    fn what_is_found_is_found_even_where_not_everything_was_read() {
        let inventory = partial(vec![file("/a", ""), file("/a", "")], false);
        let Selection::Found { files, gaps } = inventory.select(&named("/a", false)) else {
            unreachable!("it is there");
        };
        let gap = Gap::new(GapKind::NotReadable).at("/");
        assert_eq!((files.len(), gaps), (1, gap.into()));
    }

    #[test]
    fn nothing_in_a_part_is_not_nothing() {
        let inventory = partial(vec![], false);
        let reason = "/: not readable".to_owned();
        let found = inventory.select(&named("/a", false));
        assert_eq!(found, Selection::NotChecked { reason });
        for files in [
            Collected::NotRequested,
            Collected::Unavailable {
                reason: "no shell".into(),
            },
        ] {
            let inventory = Inventory {
                files,
                ..Inventory::default()
            };
            let found = inventory.select(&named("/a", false));
            assert!(matches!(found, Selection::NotChecked { .. }), "{found:?}");
        }
    }

    #[test]
    fn what_is_missing_counts_for_who_asks_for_it() {
        let inventory = partial(vec![file("/b", "")], true);
        assert_eq!(inventory.select(&named("/a", true)), Selection::None);
        let with_digest = inventory.coverage_of(&[named("/b", true)]);
        assert!(matches!(with_digest, Coverage::Partial { .. }));
        let without = inventory.coverage_of(&[named("/b", false)]);
        assert_eq!(without, Coverage::Complete);
    }

    #[test]
    fn a_named_file_that_is_not_there_is_not_found() {
        let mut gone = file("/a", "");
        gone.exists = false;
        let inventory = Inventory {
            files: Collected::Complete { data: vec![gone] },
            ..Inventory::default()
        };
        assert_eq!(inventory.select(&named("/a", false)), Selection::None);
        assert_eq!(inventory.matching(&[named("/a", false)]).len(), 1);
    }

    #[test]
    fn a_gap_touches_only_selections_of_its_place() {
        let mut inventory = partial(vec![file("/etc/passwd", "")], false);
        let gaps: Gaps = [
            Gap::new(GapKind::NotSearchable).at("/root"),
            Gap::new(GapKind::NotReadable)
                .at("/etc/passwd")
                .of_attribute(Attribute::Digest),
        ]
        .into_iter()
        .collect();
        inventory.files = Collected::Partial {
            data: vec![file("/etc/passwd", "")],
            gaps,
        };
        let coverage =
            |selector: &FileSelector| inventory.coverage_of(std::slice::from_ref(selector));
        assert_eq!(coverage(&named("/etc/passwd", false)), Coverage::Complete);
        assert_eq!(coverage(&named("/etc/group", true)), Coverage::Complete);
        let touched = |selector: &FileSelector| match coverage(selector) {
            Coverage::Partial { gaps } => gaps.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            touched(&named("/root/.ssh/id", false)),
            "/root: not searchable"
        );
        assert_eq!(
            touched(&named("/etc/passwd", true)),
            "/etc/passwd: contents not readable"
        );
        let everywhere = FileSelector::default();
        assert_eq!(touched(&everywhere), "/root: not searchable");
        let below = FileSelector {
            under: vec!["/etc".into()],
            ..FileSelector::default()
        };
        assert_eq!(coverage(&below), Coverage::Complete);
    }

    #[test]
    fn a_shut_directory_that_was_seen_itself_is_known() {
        let mut root = file("/root", "");
        root.kind = FileKind::Directory;
        for (kind, data, paths, known) in [
            (
                GapKind::NotSearchable,
                vec![root.clone()],
                vec!["/root"],
                true,
            ),
            (
                GapKind::NotListable,
                vec![root.clone()],
                vec!["/root", "/etc"],
                true,
            ),
            (
                GapKind::NotReadable,
                vec![root.clone()],
                vec!["/root"],
                false,
            ),
            (GapKind::NotSearchable, vec![], vec!["/root"], false),
            (
                GapKind::NotSearchable,
                vec![file("/root", "")],
                vec!["/root"],
                false,
            ),
            (
                GapKind::NotSearchable,
                vec![root],
                vec!["/root", "/root/x"],
                false,
            ),
        ] {
            let mut inventory = partial(vec![], false);
            let gaps = Gap::new(kind).at("/root").into();
            inventory.files = Collected::Partial { data, gaps };
            let selector = FileSelector {
                paths: paths.iter().map(ToString::to_string).collect(),
                ..FileSelector::default()
            };
            let coverage = inventory.coverage_of(&[selector]);
            assert_eq!(coverage == Coverage::Complete, known, "{kind} {paths:?}");
        }
    }

    #[test]
    fn a_gap_without_a_place_touches_every_selection() {
        let mut inventory = partial(vec![], false);
        inventory.files = Collected::Partial {
            data: vec![],
            gaps: Gap::new(GapKind::Unknown).into(),
        };
        let found = inventory.coverage_of(&[named("/etc/passwd", false)]);
        assert!(matches!(found, Coverage::Partial { .. }), "{found:?}");
    }
}
